import { describe, expect, it } from "vitest";
import { crc32c } from "../../src/format/crc32c.ts";
import type { Consumer, ConsumerOptions, Topic } from "../../src/index.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { drain, isPending, positionOf, settle, take, valuesOf } from "./reading.ts";

/** A topic of numbers 0, 1, 2 … in partition 0, each at the offset of its value, `perBatch` to a stored batch. */
async function numbers(log: TestLog, name: string, count: number, perBatch = 10): Promise<Topic<number>> {
  const topic = await log.createTopic<number>(name, { ifNotExists: true });
  const producer = log.producer();
  for (let at = 0; at < count; at += perBatch) {
    const values = Array.from({ length: Math.min(perBatch, count - at) }, (_, i) => at + i);
    await producer.sendBatch(
      topic,
      values.map((value) => ({ key: `k${value}`, value, timestamp: 1000 + value })),
    );
  }
  await producer.close();
  return topic;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe("from and until", () => {
  it.each<[string, Partial<ConsumerOptions<number>>, number[]]>([
    ["everything by default", {}, range(0, 45)],
    ["from the earliest", { from: "earliest" }, range(0, 45)],
    ["from the latest: nothing", { from: "latest" }, []],
    ["from an offset inside a batch", { from: { offsets: { 0: 13 } } }, range(13, 45)],
    ["from an offset in a list", { from: { offsets: [{ topic: "t", partition: 0, offset: 20 }] } }, range(20, 45)],
    ["from a timestamp", { from: { timestamp: 1017 } }, range(17, 45)],
    ["from a timestamp before all", { from: { timestamp: 0 } }, range(0, 45)],
    ["from a timestamp behind all", { from: { timestamp: 5000 } }, []],
    ["until an offset inside a batch", { until: { offsets: { 0: 7 } } }, range(0, 7)],
    ["until the start of a batch", { until: { offsets: { 0: 30 } } }, range(0, 30)],
    ["until a timestamp", { until: { timestamp: 1022 } }, range(0, 22)],
    ["until a timestamp behind all: the end", { until: { timestamp: 9000 } }, range(0, 45)],
    ["a range within one batch", { from: { offsets: { 0: 12 } }, until: { offsets: { 0: 15 } } }, range(12, 15)],
    ["an empty range", { from: { offsets: { 0: 12 } }, until: { offsets: { 0: 12 } } }, []],
    ["a range turned round", { from: { offsets: { 0: 12 } }, until: { offsets: { 0: 3 } } }, []],
    ["in chunks of less than a batch", { maxBytes: 1 }, range(0, 45)],
    ["uncommitted and durable", { isolation: "read_uncommitted", durable: true }, range(0, 45)],
  ])("%s", async (_, options, expected) => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 45);
    await log.flush();
    const consumer = log.consumer<number>({ topics: [topic], until: "end", ...options });
    const records = await drain(consumer);
    expect(valuesOf(records)).toEqual(expected);
    expect(records.map((record) => record.offset)).toEqual(expected);
    expect(records.map((record) => record.timestamp)).toEqual(expected.map((value) => 1000 + value));
    expect(records.map((record) => record.key)).toEqual(expected.map((value) => `k${value}`));
    await consumer.close();
    await log.close();
    expect(log.leaks().text).toBe("nothing was left open");
  });

  it("end is the end at the call", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 5);
    const producer = log.producer();
    const bounded = topic.consumer({ until: "end" });
    producer.appendSync(topic, { value: 5 });
    const latest = topic.consumer({ from: "latest" });
    producer.appendSync(topic, { value: 6 });
    expect(valuesOf(await drain(bounded))).toEqual(range(0, 5));
    expect(valuesOf(await take(latest, 1))).toEqual([6]);
    await log.close();
  });

  it("until an offset that is not there yet waits for it", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 3);
    const all = drain(topic.consumer({ until: { offsets: { 0: 5 } } }));
    expect(await isPending(all)).toBe(true);
    for (const value of [3, 4, 5]) await topic.send({ value });
    expect(valuesOf(await all)).toEqual([0, 1, 2, 3, 4]);
    await log.close();
  });

  it("a topic without records ends at once", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic("t", { partitions: 3 });
    expect(await drain(topic.consumer({ until: "end" }))).toEqual([]);
    await log.close();
  });
});

describe("live reading", () => {
  it("is woken by the append", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 2 });
    const records = topic.consumer()[Symbol.asyncIterator]();
    for (const value of [1, 2, 3]) {
      const next = records.next();
      expect(await isPending(next)).toBe(true);
      await topic.send({ value });
      expect((await next).value?.value).toBe(value);
    }
    await log.close();
  });

  it("at power, shows a record only when it is durable", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 0 });
    const records = topic.consumer()[Symbol.asyncIterator]();
    await records.next();
    const release = log.faults.holdSyncs(/\.log$/);
    const sent = topic.send({ value: 1 });
    const next = records.next();
    expect(await isPending(next)).toBe(true);
    release();
    await sent;
    expect((await next).value?.value).toBe(1);
    await log.close();
  });

  it("durable: true waits for the background flush of a topic at process", async () => {
    const log = await createTestLog({ flushMs: 500 });
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    const next = topic.consumer({ durable: true })[Symbol.asyncIterator]().next();
    expect(await isPending(next)).toBe(true);
    await log.flush();
    expect((await next).value?.value).toBe(1);
    await log.close();
  });

  it("takes partitions in turns, a chunk each", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { partitions: 2, codec: "string" });
    const producer = log.producer();
    for (let i = 0; i < 20; i++) {
      await producer.sendBatch(
        topic,
        [0, 1].map((partition) => ({ partition, value: "x".repeat(1000) })),
      );
    }
    const order = (await take(topic.consumer({ maxBytes: 5000 }), 40)).map((record) => record.partition);
    const turns = order.filter((partition, at) => partition !== order[at - 1]).length;
    expect(order.filter((partition) => partition === 0).length).toBe(20);
    expect(turns).toBeGreaterThanOrEqual(4);
    await log.close();
  });

  it("reads what partitions get that are added later, from their start", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 2);
    const consumer = topic.consumer({ from: "latest" });
    const events: unknown[] = [];
    consumer.on("assigned", (partitions) => events.push(partitions));
    const next = consumer[Symbol.asyncIterator]().next();
    await settle();
    await topic.addPartitions(2);
    await topic.send({ partition: 1, value: 100 });
    expect((await next).value).toMatchObject({ partition: 1, value: 100, offset: 0 });
    expect(events).toEqual([[{ topic: "t", partition: 0 }], [{ topic: "t", partition: 1 }]]);
    await log.close();
  });
});

describe("subscriptions", () => {
  it("reads several topics, each with its own codec", async () => {
    const log = await createTestLog();
    const a = await log.createTopic<string>("a", { codec: "string" });
    const b = await log.createTopic<number>("b");
    await a.send({ value: "1" });
    await b.send({ value: 1 });
    const records = await drain(log.consumer<unknown>({ topics: [a, "b"], until: "end" }));
    expect(records.map(({ topic, value }) => [topic, value]).sort()).toEqual([
      ["a", "1"],
      ["b", 1],
    ]);
    await log.close();
  });

  it("a pattern sees topics that come later, and lets go of those that are deleted", async () => {
    const log = await createTestLog();
    await numbers(log, "orders-1", 1);
    await numbers(log, "other", 1);
    const consumer = log.consumer({ topics: [/^orders-/] });
    const revoked: unknown[] = [];
    consumer.on("revoked", (partitions) => revoked.push(...partitions));
    const records = consumer[Symbol.asyncIterator]();
    expect((await records.next()).value?.topic).toBe("orders-1");
    const next = records.next();
    expect(await isPending(next)).toBe(true);
    const later = await log.createTopic<number>("orders-2");
    await later.send({ value: 7 });
    expect((await next).value).toMatchObject({ topic: "orders-2", value: 7 });
    await log.deleteTopic("orders-2");
    expect(await isPending(records.next())).toBe(true);
    expect(consumer.assignment).toEqual([{ topic: "orders-1", partition: 0 }]);
    expect(revoked).toEqual([{ topic: "orders-2", partition: 0 }]);
    await log.close();
  });

  it("never means the log's own topics", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 1);
    const grouped = topic.consumer({ group: "g", until: "end" });
    await drain(grouped);
    await grouped.close();
    const consumer = log.consumer({ topics: [/.*/], until: "end" });
    expect((await drain(consumer)).map((record) => record.topic)).toEqual(["t"]);
    await log.close();
  });

  it("a topic that was named and is deleted fails the reading", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 1);
    const records = topic.consumer()[Symbol.asyncIterator]();
    await records.next();
    const next = records.next();
    await settle();
    await log.deleteTopic("t");
    await expect(next).rejects.toMatchObject({ code: "VARVE_UNKNOWN_TOPIC", topic: "t" });
    await log.close();
  });

  it("partitions restricts it to some", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    for (const partition of [0, 1, 2]) await topic.send({ partition, value: partition });
    const consumer = topic.consumer({ partitions: [2, 0], until: "end" });
    expect(valuesOf(await drain(consumer)).sort()).toEqual([0, 2]);
    expect(() => topic.consumer({ partitions: [3] })).toThrow(
      expect.objectContaining({ code: "VARVE_UNKNOWN_PARTITION", topic: "t", partition: 3 }),
    );
    await log.close();
  });
});

describe("seek, pause, resume, position, lag", () => {
  it("seek goes on elsewhere, back and forth, also before the first record", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 30);
    const consumer = topic.consumer();
    consumer.seek({ topic: "t", partition: 0, offset: 25 });
    expect(valuesOf(await take(consumer, 2))).toEqual([25, 26]);
    consumer.seek({ topic: "t", partition: 0, offset: 3 });
    expect(valuesOf(await take(consumer, 2))).toEqual([3, 4]);
    expect(positionOf(consumer)).toBe(5);
    expect(consumer.lag()).toEqual([{ topic: "t", partition: 0, lag: 25 }]);
    await log.close();
  });

  it("refuses to seek to nowhere", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 3)).consumer();
    const at = (partition: number, offset: number) => () => consumer.seek({ topic: "t", partition, offset });
    expect(at(0, -1)).toThrow(expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }));
    expect(at(0, 1.5)).toThrow(expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }));
    expect(at(1, 0)).toThrow(expect.objectContaining({ code: "VARVE_UNKNOWN_PARTITION" }));
    expect(valuesOf(await take(consumer, 3))).toEqual([0, 1, 2]);
    await log.close();
  });

  it("pause holds a partition back at once, resume goes on where it was", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 2 });
    const producer = log.producer();
    await producer.sendBatch(
      topic,
      range(0, 6).map((value) => ({ partition: value % 2, value })),
    );
    const consumer = topic.consumer();
    const records = consumer[Symbol.asyncIterator]();
    const first = (await records.next()).value!;
    const paused = { topic: "t", partition: first.partition };
    consumer.pause([paused]);
    const others = [await records.next(), await records.next(), await records.next()];
    expect(others.map(({ value }) => value?.partition)).toEqual([1, 1, 1].map((one) => one - first.partition));
    const next = records.next();
    expect(await isPending(next)).toBe(true);
    consumer.resume();
    expect((await next).value).toMatchObject({ partition: first.partition, offset: 1 });
    await log.close();
  });

  it("pause wants a list of partitions", async () => {
    const log = await createTestLog();
    const consumer = (await log.createTopic("t")).consumer();
    expect(() => consumer.pause("t" as unknown as [])).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT", message: expect.stringContaining("not string") }),
    );
    await log.close();
  });

  it("pause without arguments holds back all", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 3)).consumer();
    consumer.pause();
    const next = consumer[Symbol.asyncIterator]().next();
    expect(await isPending(next)).toBe(true);
    consumer.resume();
    expect((await next).value?.value).toBe(0);
    await log.close();
  });

  it("caughtUp resolves when all that was there is processed", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 25);
    const consumer = topic.consumer();
    const records = consumer[Symbol.asyncIterator]();
    const caughtUp = consumer.caughtUp();
    for (let i = 0; i < 25; i++) await records.next();
    expect(await isPending(caughtUp)).toBe(true);
    const next = records.next();
    await caughtUp;
    expect(consumer.lag()[0].lag).toBe(0);
    await consumer.caughtUp();
    await topic.send({ value: 25 });
    await next;
    await log.close();
  });
});

describe("positions out of range", () => {
  async function trimmed(outOfRange: ConsumerOptions["outOfRange"]) {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 40);
    await topic.deleteRecords({ 0: 20 });
    const consumer = topic.consumer({ from: { offsets: { 0: 5 } }, outOfRange });
    const skipped: unknown[] = [];
    consumer.on("skipped", (event) => skipped.push(event));
    return { log, topic, consumer, skipped };
  }

  it("go to the earliest by default, and say so", async () => {
    const { log, consumer, skipped } = await trimmed(undefined);
    expect(valuesOf(await take(consumer, 2))).toEqual([20, 21]);
    expect(skipped).toEqual([{ topic: "t", partition: 0, from: 5, to: 20 }]);
    await log.close();
  });

  it("go to the latest if asked", async () => {
    const { log, topic, consumer, skipped } = await trimmed("latest");
    const next = take(consumer, 1);
    await settle();
    expect(skipped).toEqual([{ topic: "t", partition: 0, from: 5, to: 40 }]);
    await topic.send({ value: 40 });
    expect(valuesOf(await next)).toEqual([40]);
    await log.close();
  });

  it("throw if asked, with the place; a seek helps", async () => {
    const { log, consumer } = await trimmed("throw");
    await expect(take(consumer, 1)).rejects.toMatchObject({
      code: "VARVE_OFFSET_OUT_OF_RANGE",
      topic: "t",
      partition: 0,
      offset: 5,
    });
    consumer.seek({ topic: "t", partition: 0, offset: 30 });
    expect(valuesOf(await take(consumer, 1))).toEqual([30]);
    await log.close();
  });

  it("include those past the end", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 5);
    const consumer = topic.consumer({ outOfRange: "throw" });
    consumer.seek({ topic: "t", partition: 0, offset: 6 });
    await expect(take(consumer, 1)).rejects.toMatchObject({ code: "VARVE_OFFSET_OUT_OF_RANGE", offset: 6 });
    await log.close();
  });
});

describe("damage", () => {
  const PATH = "/log/t-0/00000000000000000000.log";

  /** Three stored batches of ten; `damage` changes the second behind the log's back. */
  async function damaged(damage: (batch: Buffer) => void, options: Partial<ConsumerOptions<number>>) {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 30);
    const bytes = Buffer.from(log.faults.read(PATH)!);
    const at = 12 + bytes.readInt32BE(8);
    const batch = bytes.subarray(at, at + 12 + bytes.readInt32BE(at + 8));
    damage(batch);
    const file = log.faults.open(PATH, "write");
    file.write(batch, 0, batch.length, at);
    file.close();
    return { log, consumer: topic.consumer({ until: "end", ...options }) };
  }

  function flip(batch: Buffer): void {
    batch[100] ^= 1;
  }

  /** A record that claims to be shorter than it is, under a checksum that is right. */
  function shorten(batch: Buffer): void {
    batch[61] -= 2;
    batch.writeUInt32BE(crc32c(batch, 21, batch.length), 17);
  }

  describe.each([
    ["a flipped bit", flip],
    ["records that contradict each other", shorten],
  ])("by %s", (_, damage) => {
    it("throws by default, after all that is good before it", async () => {
      const { log, consumer } = await damaged(damage, {});
      const read: unknown[] = [];
      const reading = async () => {
        for await (const record of consumer) read.push(record.value);
      };
      const place = { code: "VARVE_CORRUPT", topic: "t", partition: 0, from: 10, to: 20 };
      await expect(reading()).rejects.toMatchObject(place);
      expect(read).toEqual(range(0, 10));
      await expect(reading()).rejects.toMatchObject(place);
      consumer.seek({ topic: "t", partition: 0, offset: 20 });
      await reading();
      expect(read).toEqual([...range(0, 10), ...range(20, 30)]);
      await log.close();
    });

    it("is skipped if asked, and reported", async () => {
      const { log, consumer } = await damaged(damage, { onCorrupt: "skip" });
      const events: unknown[] = [];
      consumer.on("corrupt", (error) => events.push(error));
      expect(valuesOf(await drain(consumer))).toEqual([...range(0, 10), ...range(20, 30)]);
      expect(events).toMatchObject([{ code: "VARVE_CORRUPT", from: 10, to: 20 }]);
      await log.close();
    });

    it("in batches, the good ones come first", async () => {
      const { log, consumer } = await damaged(damage, {});
      const read: unknown[] = [];
      const reading = async () => {
        for await (const batch of consumer.batches({ maxRecords: 1000 })) read.push(...valuesOf([...batch]));
      };
      await expect(reading()).rejects.toMatchObject({ code: "VARVE_CORRUPT", from: 10 });
      expect(read).toEqual(range(0, 10));
      await log.close();
    });
  });
});

describe("batches", () => {
  it("brings what one read brought, of one partition each", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 2 });
    for (let value = 0; value < 10; value++) await topic.send({ partition: value % 2, value });
    const batches = [];
    for await (const batch of topic.consumer({ until: "end" }).batches()) batches.push(batch);
    expect(
      batches.map(({ partition, count, firstOffset, lastOffset }) => [partition, count, firstOffset, lastOffset]),
    ).toEqual([
      [0, 5, 0, 4],
      [1, 5, 0, 4],
    ]);
    expect(batches.map((batch) => valuesOf([...batch]))).toEqual([
      [0, 2, 4, 6, 8],
      [1, 3, 5, 7, 9],
    ]);
    expect([...batches[0]].map((record) => record.offset)).toEqual(range(0, 5));
    await log.close();
  });

  it("has maxRecords at most, across stored batches and within them", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 25, 7);
    const sizes: number[] = [];
    const values: unknown[] = [];
    for await (const batch of topic.consumer({ until: "end" }).batches({ maxRecords: 10 })) {
      sizes.push(batch.count);
      values.push(...valuesOf([...batch]));
    }
    expect(sizes).toEqual([10, 10, 5]);
    expect(values).toEqual(range(0, 25));
    await log.close();
  });

  it("waits for maxRecords, but no longer than maxWaitMs", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 2);
    const batches = topic.consumer().batches({ maxRecords: 4, maxWaitMs: 50 });
    const first = batches.next();
    await settle();
    log.clock.advance(30);
    await topic.send({ value: 2 });
    expect(await isPending(first)).toBe(true);
    await topic.send({ value: 3 });
    await topic.send({ value: 4 });
    expect(valuesOf([...(await first).value!])).toEqual([0, 1, 2, 3]);

    const second = batches.next();
    await settle();
    log.clock.advance(49);
    expect(await isPending(second)).toBe(true);
    log.clock.advance(1);
    expect(valuesOf([...(await second).value!])).toEqual([4]);
    await log.close();
    expect(log.leaks().timers).toBe(0);
  });

  it("gives back what it gathered when it may not hand it out", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 2);
    const consumer = topic.consumer();
    const next = consumer.batches({ maxRecords: 4, maxWaitMs: 50 }).next();
    await settle();
    consumer.pause();
    await settle();
    expect(positionOf(consumer)).toBe(0);
    consumer.resume();
    await settle();
    log.clock.advance(50);
    expect(valuesOf([...(await next).value!])).toEqual([0, 1]);
    await log.close();
  });

  it.each([
    [{ maxRecords: 0 }, "maxRecords"],
    [{ maxWaitMs: 5 }, "maxWaitMs"],
    [{ reuse: 1 }, "reuse"],
    [{ max: 5 }, "max"],
  ])("%j is refused by name", async (options, option) => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 2)).consumer({ until: "end" });
    expect(() => consumer.batches(options as never)).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_OPTION", option }),
    );
    for await (const batch of consumer.batches({ reuse: false })) expect(batch.count).toBe(2);
    await log.close();
  });
});

describe("the end of a consumer", () => {
  it("close ends the iterator that waits, and those that come", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 1)).consumer();
    const revoked: unknown[] = [];
    consumer.on("revoked", (partitions) => revoked.push(...partitions));
    const reading = drain(consumer);
    await settle();
    await Promise.all([consumer.close(), consumer.close()]);
    expect(valuesOf(await reading)).toEqual([0]);
    expect(await drain(consumer)).toEqual([]);
    expect(revoked).toEqual([{ topic: "t", partition: 0 }]);
    await log.close();
  });

  it("close inside the loop ends it", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 30)).consumer();
    const read: unknown[] = [];
    for await (const record of consumer) {
      read.push(record.value);
      if (read.length === 3) await consumer.close();
    }
    expect(read).toEqual([0, 1, 2]);
    await log.close();
  });

  it("the signal ends the iterator normally, and closes", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 1);
    const controller = new AbortController();
    const consumer = topic.consumer({ signal: controller.signal });
    const reading = drain(consumer);
    await settle();
    const caughtUp = consumer.caughtUp();
    await caughtUp;
    consumer.pause();
    await topic.send({ value: 1 });
    const waiting = consumer.caughtUp();
    controller.abort(new Error("enough"));
    expect(valuesOf(await reading)).toEqual([0]);
    await expect(waiting).rejects.toMatchObject({ code: "VARVE_ABORTED", name: "AbortError" });
    await settle();
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("a signal that was aborted before ends it at once", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 1)).consumer({ signal: AbortSignal.abort() });
    expect(await drain(consumer)).toEqual([]);
    await log.close();
  });

  it("refuses every call after it", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 1)).consumer({ group: "g" });
    await consumer.close();
    const closed = { code: "VARVE_CLOSED" };
    await expect(consumer.commit()).rejects.toMatchObject(closed);
    await expect(consumer.caughtUp()).rejects.toMatchObject(closed);
    for (const call of [
      () => consumer.pause(),
      () => consumer.resume(),
      () => consumer.seek({ topic: "t", partition: 0, offset: 0 }),
    ]) {
      expect(call).toThrow(expect.objectContaining(closed));
    }
    await log.close();
  });

  it("leaving the loop puts the record in hand back", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 25)).consumer({ until: "end" });
    for await (const record of consumer) if (record.value === 12) break;
    expect(positionOf(consumer)).toBe(12);
    expect(valuesOf(await drain(consumer))).toEqual(range(12, 25));
    await log.close();
  });

  it("asking again before the answer is refused", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const records = topic.consumer()[Symbol.asyncIterator]();
    const first = records.next();
    await expect(records.next()).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    await topic.send({ value: 1 });
    expect((await first).value?.value).toBe(1);
    await log.close();
  });
});

describe("stalled", () => {
  it("is told once, when a record is in hand for too long", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, "t", 3)).consumer({ maxPollIntervalMs: 1000 });
    const stalled: unknown[] = [];
    consumer.on("stalled", (event) => stalled.push(event));
    const records = consumer[Symbol.asyncIterator]();
    await records.next();
    log.clock.advance(999);
    await records.next();
    log.clock.advance(1);
    expect(stalled).toEqual([]);
    log.clock.advance(3000);
    expect(stalled).toEqual([{ topic: "t", partition: 0, offset: 1, maxPollIntervalMs: 1000 }]);
    await records.next();
    log.clock.advance(3000);
    expect(stalled.length).toBe(2);
    await log.close();
  });
});

describe("records", () => {
  it("stay valid as long as they are referenced", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<Uint8Array>("t", { codec: "bytes" });
    const producer = log.producer();
    const bodies = range(0, 400).map((i) => new Uint8Array(5000).fill(i));
    for (const value of bodies) await producer.send(topic, { value });
    const records = await topic.all();
    await log.close();
    expect(records.map((record) => record.value![4999])).toEqual(bodies.map((body) => body[0]));
    expect(records[7].value).toBe(records[7].value);
  });

  it("show what they are", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 1);
    const [record] = await topic.all();
    const plain = { topic: "t", partition: 0, offset: 0, timestamp: 1000, key: "k0", value: 0, headers: [] };
    expect(JSON.parse(JSON.stringify(record))).toEqual(plain);
    expect(record).toMatchObject({ timestampType: "CreateTime", leaderEpoch: 0, isTombstone: false });
    await log.close();
  });

  it("have keys as bytes, if asked", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, "t", 1);
    const consumer: Consumer<number, Uint8Array> = topic.consumer({ keyCodec: "bytes" });
    const { value } = await consumer[Symbol.asyncIterator]().next();
    expect(value?.key).toEqual(new Uint8Array(Buffer.from("k0")));
    await log.close();
  });
});

describe("options of a consumer", () => {
  it.each([
    [{}, "topics", "missing"],
    [{ topics: [] }, "topics", "at least one"],
    [{ topics: "t" }, "topics", "an array"],
    [{ topics: ["t"], auto_commit: true }, "auto_commit", "did you mean autoCommit"],
    [{ topics: ["t"], from: "begin" }, "from", "earliest"],
    [{ topics: ["t"], from: 5 }, "from", "earliest"],
    [{ topics: ["t"], from: { offsets: { 0: -1 } } }, "from", "offsets"],
    [{ topics: ["t"], from: { timestamp: "now" } }, "from", "timestamp"],
    [{ topics: ["t"], until: "latest" }, "until", "end"],
    [{ topics: ["t"], partitions: [0], group: "g" }, "partitions", "group"],
    [{ topics: [/t/], partitions: [0] }, "partitions", "RegExp"],
    [{ topics: [/t/], from: { offsets: { 0: 1 } } }, "from", "topic, partition, offset"],
    [{ topics: ["t"], group: "" }, "group", "not empty"],
    [{ topics: ["t"], isolation: "dirty" }, "isolation", "read_committed"],
    [{ topics: ["t"], durable: 1 }, "durable", "true or false"],
    [{ topics: ["t"], maxBytes: 0 }, "maxBytes", "from 1"],
    [{ topics: ["t"], onCorrupt: "ignore" }, "onCorrupt", "skip"],
    [{ topics: ["t"], outOfRange: "none" }, "outOfRange", "throw"],
    [{ topics: ["t"], signal: {} }, "signal", "AbortSignal"],
    [{ topics: ["t"], codec: {} }, "codec", "encode"],
  ])("%j is refused by name", async (options, option, expected) => {
    const log = await createTestLog();
    await log.createTopic("t");
    expect(() => log.consumer(options as never)).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_OPTION", option, message: expect.stringContaining(expected) }),
    );
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("an unknown topic is named", async () => {
    const log = await createTestLog();
    expect(() => log.consumer({ topics: ["absent"] })).toThrow(
      expect.objectContaining({ code: "VARVE_UNKNOWN_TOPIC", topic: "absent" }),
    );
    expect(() => log.consumer({ topics: [5 as never] })).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }),
    );
    await log.close();
  });
});
