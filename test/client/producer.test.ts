import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { partitionForKey } from "../../src/format/murmur2.ts";
import type { ProducerRecord } from "../../src/index.ts";
import { createTestLog } from "../../src/testing/index.ts";
import { isPending, valuesOf } from "./reading.ts";

/** How many stored batches a topic has in a partition: each is one run of offsets that `batches` cannot see, so by size. */
async function batchCount(log: Awaited<ReturnType<typeof createTestLog>>, name: string): Promise<number> {
  const bytes = log.faults.read(`/log/${name}-0/00000000000000000000.log`)!;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = 0; at + 12 <= view.length && view.readInt32BE(at + 8) > 0; at += 12 + view.readInt32BE(at + 8)) count++;
  return count;
}

describe("send", () => {
  it("resolves with where the record is", async () => {
    const log = await createTestLog({ now: 1_000_000 });
    const topic = await log.createTopic<string>("t", { partitions: 2 });
    const producer = log.producer();
    const first = await producer.send(topic, { key: "a", value: "x" });
    const partition = partitionForKey(Buffer.from("a"), 0, 1, 2);
    expect(first).toEqual({ topic: "t", partition, offset: 0, timestamp: 1_000_000 });
    log.clock.jump(5);
    const second = await producer.send("t", { key: "a", value: "y" });
    expect(second).toEqual({ topic: "t", partition, offset: 1, timestamp: 1_000_005 });
    const third = await producer.send(topic, { key: "a", value: "z", timestamp: 77 });
    expect(third).toMatchObject({ offset: 2, timestamp: 77 });
    expect((await topic.all()).map((record) => record.timestamp)).toEqual([1_000_000, 1_000_005, 77]);
    await log.close();
  });

  it("stores sends of one tick in one batch, in their order", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    const values = Array.from({ length: 50 }, (_, i) => i);
    const metadata = await Promise.all(values.map((value) => producer.send(topic, { value })));
    expect(metadata.map(({ offset }) => offset)).toEqual(values);
    expect(valuesOf(await topic.all())).toEqual(values);
    expect(await batchCount(log, "t")).toBe(1);
    await producer.send(topic, { value: 50 });
    expect(await batchCount(log, "t")).toBe(2);
    await log.close();
  });

  it("gives the event loop its turns in a loop of awaited sends", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic("orders");
    const producer = log.producer();
    let turns = 0;
    const count = () => {
      turns++;
      turn = setImmediate(count);
    };
    let turn = setImmediate(count);
    for (let i = 0; i < 2000; i++) await producer.send(topic, { value: i });
    clearImmediate(turn);
    expect(turns).toBeGreaterThan(2);
    await producer.close();
    await log.close();
  });

  it("seals early what reaches batchBytes", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { codec: "string" });
    const producer = log.producer({ batchBytes: 1000, lingerMs: 1000 });
    const sends = Array.from({ length: 10 }, () => producer.send(topic, { value: "x".repeat(300) }));
    // Three of them take 61 + 3 × (300 + 10) bytes; with a fourth the batch would be over 1000.
    expect(await isPending(sends[8])).toBe(false);
    expect(await isPending(sends[9])).toBe(true);
    expect(await batchCount(log, "t")).toBe(3);
    await producer.close();
    expect(await batchCount(log, "t")).toBe(4);
    await log.close();
  });

  it("lingers by the clock", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 20 });
    const first = producer.send(topic, { value: 1 });
    log.clock.advance(19);
    const second = producer.send(topic, { value: 2 });
    expect(await isPending(first)).toBe(true);
    log.clock.advance(1);
    expect(await Promise.all([first, second])).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(await batchCount(log, "t")).toBe(1);
    expect(log.leaks().clients).toEqual(["a producer"]);
    await log.close();
  });

  it("stores keys, headers and tombstones as they were given", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<unknown>("t");
    await topic.send({ key: "ключ", value: { a: 1 }, headers: { h: "text", n: null, b: new Uint8Array([1, 2]) } });
    await topic.send({
      key: new Uint8Array([255, 0]),
      value: null,
      headers: [
        ["x", "1"],
        ["x", "2"],
      ],
    });
    await topic.send({ value: 0 });
    const [first, second, third] = await topic.all();
    expect(first.key).toBe("ключ");
    expect(first.value).toEqual({ a: 1 });
    expect(first.headers).toEqual([
      ["h", new Uint8Array(Buffer.from("text"))],
      ["n", null],
      ["b", new Uint8Array([1, 2])],
    ]);
    expect(first.header("n")).toBeNull();
    expect(first.header("absent")).toBeUndefined();
    expect(second.rawKey).toEqual(new Uint8Array([255, 0]));
    expect(second.isTombstone).toBe(true);
    expect(Buffer.from(second.header("x")!).toString()).toBe("2");
    expect(second.headers.length).toBe(2);
    expect(third.key).toBeNull();
    expect(third.value).toBe(0);
    expect(third.headers).toEqual([]);
    await log.close();
  });

  it.each<[string, unknown, string]>([
    ["no record", undefined, "VARVE_INVALID_ARGUMENT"],
    ["a string", "text", "VARVE_INVALID_ARGUMENT"],
    ["no value", { key: "k" }, "VARVE_INVALID_ARGUMENT"],
    ["undefined as a value", { key: "k", value: undefined }, "VARVE_INVALID_ARGUMENT"],
    ["a number as a key", { key: 5, value: 1 }, "VARVE_INVALID_ARGUMENT"],
    ["a negative timestamp", { value: 1, timestamp: -1 }, "VARVE_INVALID_ARGUMENT"],
    ["half a millisecond", { value: 1, timestamp: 0.5 }, "VARVE_INVALID_ARGUMENT"],
    ["a Date", { value: 1, timestamp: new Date() }, "VARVE_INVALID_ARGUMENT"],
    ["nanoseconds", { value: 1, timestamp: 2 ** 60 }, "VARVE_UNSAFE_INTEGER"],
    ["a bigint", { value: 1, timestamp: 2n ** 60n }, "VARVE_UNSAFE_INTEGER"],
    ["a number as a header", { value: 1, headers: { h: 5 } }, "VARVE_INVALID_ARGUMENT"],
    ["a string as headers", { value: 1, headers: "h" }, "VARVE_INVALID_ARGUMENT"],
    ["a list without pairs", { value: 1, headers: ["h"] }, "VARVE_INVALID_ARGUMENT"],
  ])("refuses %s, and nothing else", async (_, record, code) => {
    const log = await createTestLog();
    const topic = await log.createTopic<unknown>("t");
    const producer = log.producer();
    const before = producer.send(topic, { value: "before" });
    await expect(producer.send(topic, record as ProducerRecord)).rejects.toMatchObject({ code, topic: "t" });
    const behind = producer.send(topic, { value: "behind" });
    expect(await Promise.all([before, behind])).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(() => producer.appendSync(topic, record as ProducerRecord)).toThrow(expect.objectContaining({ code }));
    await expect(producer.sendBatch(topic, [{ value: 1 }, record as ProducerRecord])).rejects.toMatchObject({ code });
    expect(valuesOf(await topic.all())).toEqual(["before", "behind"]);
    await log.close();
  });

  it("rejects a record that is too large alone, with its size and the limit", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { maxMessageBytes: 1000, codec: "string" });
    const producer = log.producer({ batchBytes: 100_000 });
    const sends = await Promise.allSettled([
      producer.send(topic, { value: "a" }),
      producer.send(topic, { value: "x".repeat(1000) }),
      producer.send(topic, { value: "ü".repeat(500) }),
      producer.send(topic, { value: "b" }),
    ]);
    expect(sends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    const { reason } = sends[1] as PromiseRejectedResult;
    expect(reason).toMatchObject({ code: "VARVE_RECORD_TOO_LARGE", topic: "t", retriable: false });
    // 61 of the batch, 2 + 1 + 1 + 1 + 1 in front of the value, 2 for its length, 1 for no headers
    expect(reason.message).toContain("1070 bytes");
    expect(reason.message).toContain("1000");
    expect(valuesOf(await topic.all())).toEqual(["a", "b"]);
    await log.close();
  });

  it("takes a record of exactly the limit", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { maxMessageBytes: 1000, codec: "string" });
    await topic.send({ value: "x".repeat(930) });
    await expect(topic.send({ value: "x".repeat(931) })).rejects.toMatchObject({ code: "VARVE_RECORD_TOO_LARGE" });
    const producer = log.producer();
    expect(producer.appendSync(topic, { value: "x".repeat(930) }).offset).toBe(1);
    expect(() => producer.appendSync(topic, { value: "x".repeat(931) })).toThrow(
      expect.objectContaining({ code: "VARVE_RECORD_TOO_LARGE" }),
    );
    await log.close();
  });

  it.each(["gzip", "snappy", "lz4"] as const)(
    "compresses with %s, and measures what is stored",
    async (compression) => {
      const log = await createTestLog();
      const topic = await log.createTopic<string>("t", { maxMessageBytes: 1000, codec: "string" });
      const producer = log.producer({ compression });
      await producer.send(topic, { value: "x".repeat(5000) });
      const random = createHash("shake256", { outputLength: 2000 }).update("seed").digest("base64");
      await expect(producer.send(topic, { value: random })).rejects.toMatchObject({ code: "VARVE_RECORD_TOO_LARGE" });
      await producer.send(topic, { value: "end" });
      expect(valuesOf(await topic.all())).toEqual(["x".repeat(5000), "end"]);
      await log.close();
    },
  );

  it("stores with the topic's compression, whatever the producer's is", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { compression: "gzip", codec: "string" });
    await log.producer({ compression: "lz4" }).send(topic, { value: "x".repeat(100) });
    const bytes = log.faults.read("/log/t-0/00000000000000000000.log")!;
    expect(bytes[22] & 7).toBe(1);
    await log.close();
  });

  it("gives the time of the append where the topic wants it", async () => {
    const log = await createTestLog({ now: 5000 });
    const topic = await log.createTopic<number>("t", { messageTimestampType: "LogAppendTime" });
    expect(await topic.send({ value: 1, timestamp: 1 })).toMatchObject({ timestamp: 5000 });
    const [record] = await topic.all();
    expect(record).toMatchObject({ timestamp: 5000, timestampType: "LogAppendTime" });
    await log.close();
  });

  it("rejects exactly the sends of the append that failed", async () => {
    const log = await createTestLog();
    const one = await log.createTopic<number>("one");
    const two = await log.createTopic<number>("two");
    const producer = log.producer();
    await Promise.all([producer.send(one, { value: 1 }), producer.send(two, { value: 1 })]);
    log.faults.fail({ on: "write", path: /one-0\/.*\.log$/, code: "VARVE_NO_SPACE" });
    const sends = await Promise.allSettled([
      producer.send(one, { value: 2 }),
      producer.send(two, { value: 2 }),
      producer.send(one, { value: 3 }),
    ]);
    expect(sends.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
    expect(sends[0]).toMatchObject({ reason: { code: "VARVE_NO_SPACE" } });
    expect(await producer.send(one, { value: 4 })).toMatchObject({ offset: 1 });
    expect(valuesOf(await one.all())).toEqual([1, 4]);
    expect(valuesOf(await two.all())).toEqual([1, 2]);
    await log.close();
  });
});

describe("send at power", () => {
  it("resolves when the sync is back; concurrent sends share it", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await producer.send(topic, { value: 0 });
    const release = log.faults.holdSyncs(/\.log$/);
    const first = producer.send(topic, { value: 1 });
    expect(await isPending(first)).toBe(true);
    log.faults.resetCounts();
    const others = Array.from({ length: 20 }, (_, i) => producer.send(topic, { value: 2 + i }));
    expect(await isPending(others[0])).toBe(true);
    expect(valuesOf(await topic.all())).toEqual([0]);
    release();
    expect((await Promise.all([first, ...others])).at(-1)).toMatchObject({ offset: 21 });
    expect(log.faults.counts.sync).toBeLessThanOrEqual(2);
    expect((await topic.all()).length).toBe(22);
    await log.close();
  });

  it("rejects what waits for a sync that fails, and what comes after", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { durability: "power" });
    const producer = log.producer();
    await producer.send(topic, { value: 0 });
    log.faults.fail({ on: "sync", path: /\.log$/, code: "VARVE_IO" });
    const sends = await Promise.allSettled([
      producer.send(topic, { value: 1 }),
      producer.sendBatch(topic, [{ value: 2 }]),
    ]);
    expect(sends).toMatchObject([
      { status: "rejected", reason: { code: "VARVE_POISONED" } },
      { status: "rejected", reason: { code: "VARVE_POISONED" } },
    ]);
    await expect(producer.send(topic, { value: 3 })).rejects.toMatchObject({ code: "VARVE_POISONED" });
    expect(() => producer.appendSync(topic, { value: 3 })).toThrow(expect.objectContaining({ code: "VARVE_POISONED" }));
    expect(valuesOf(await topic.all())).toEqual([0]);
    expect(log.health().ok).toBe(false);
    await producer.flush();
    await log.close();
  });
});

describe("sendBatch", () => {
  it("stores one batch per partition, and tells where", async () => {
    const log = await createTestLog({ now: 9 });
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    const producer = log.producer();
    const metadata = await producer.sendBatch(topic, [
      { partition: 2, value: 20 },
      { partition: 0, value: 1 },
      { partition: 0, value: 2, timestamp: 4 },
      { partition: 2, value: 21, timestamp: 44 },
    ]);
    expect(metadata).toEqual([
      { topic: "t", partition: 0, baseOffset: 0, count: 2, timestamp: 9 },
      { topic: "t", partition: 2, baseOffset: 0, count: 2, timestamp: 44 },
    ]);
    expect(valuesOf(await topic.all({ partition: 0 }))).toEqual([1, 2]);
    expect(valuesOf(await topic.all({ partition: 2 }))).toEqual([20, 21]);
    expect(await batchCount(log, "t")).toBe(1);
    await log.close();
  });

  it("never splits, whatever batchBytes says", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { codec: "string" });
    const records = Array.from({ length: 200 }, () => ({ value: "x".repeat(500) }));
    await log.producer({ batchBytes: 100 }).sendBatch(topic, records);
    expect(await batchCount(log, "t")).toBe(1);
    await log.close();
  });

  it("comes behind what lingers, and before what is sent after it", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 100 });
    const before = producer.send(topic, { value: 1 });
    const batch = producer.sendBatch(topic, [{ value: 2 }, { value: 3 }]);
    const behind = producer.send(topic, { value: 4 });
    await Promise.all([before, batch]);
    await producer.flush();
    await behind;
    expect(valuesOf(await topic.all())).toEqual([1, 2, 3, 4]);
    await log.close();
  });

  it("is refused whole when it is too large", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { partitions: 2, maxMessageBytes: 1000, codec: "string" });
    const producer = log.producer();
    const records = [
      { partition: 0, value: "small" },
      { partition: 1, value: "x".repeat(600) },
      { partition: 1, value: "x".repeat(600) },
    ];
    await expect(producer.sendBatch(topic, records)).rejects.toMatchObject({
      code: "VARVE_RECORD_TOO_LARGE",
      topic: "t",
    });
    expect(await topic.all()).toEqual([]);
    expect(await producer.sendBatch(topic, records.slice(0, 2))).toHaveLength(2);
    await log.close();
  });

  it("is not atomic across partitions: what was stored before the failure stays", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 2 });
    const producer = log.producer();
    log.faults.fail({ on: "write", path: /t-1\/.*\.log$/, code: "VARVE_NO_SPACE" });
    const batch = producer.sendBatch(topic, [
      { partition: 0, value: 1 },
      { partition: 1, value: 2 },
    ]);
    await expect(batch).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(valuesOf(await topic.all())).toEqual([1]);
    await log.close();
  });

  it("of nothing is nothing; of something else it is refused", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    expect(await producer.sendBatch(topic, [])).toEqual([]);
    expect(await producer.sendBatch(topic, new Set([{ value: 1 }]))).toHaveLength(1);
    await expect(producer.sendBatch(topic, { value: 1 } as never)).rejects.toMatchObject({
      code: "VARVE_INVALID_ARGUMENT",
    });
    await log.close();
  });
});

describe("appendSync", () => {
  it("returns where the record is, with everything sent before in front of it", async () => {
    const log = await createTestLog({ now: 3 });
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 100 });
    const before = producer.send(topic, { value: 1 });
    expect(producer.appendSync(topic, { key: "k", value: 2 })).toEqual({
      topic: "t",
      partition: 0,
      offset: 1,
      timestamp: 3,
    });
    expect(await before).toMatchObject({ offset: 0 });
    expect(valuesOf(await topic.all())).toEqual([1, 2]);
    await log.close();
  });

  it("has synced, on a power topic, when it returns", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { durability: "power" });
    log.faults.resetCounts();
    log.producer().appendSync(topic, { value: 1 });
    expect(log.faults.counts.sync).toBeGreaterThan(0);
    expect((await topic.describe()).partitions[0]).toMatchObject({ endOffset: 1, durableOffset: 1, highWatermark: 1 });
    await log.close();
  });

  it("works at once after a restart", async () => {
    let log = await createTestLog();
    await log.createTopic<number>("t");
    log = await log.restart();
    expect(log.producer().appendSync("t", { value: 1 }).offset).toBe(0);
    await log.close();
  });
});

describe("flush and close of a producer", () => {
  it("flush settles all that was sent before", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 1000 });
    const sends = [producer.send(topic, { value: 1 }), producer.send(topic, { value: 2 })];
    await producer.flush();
    expect(await isPending(Promise.all(sends))).toBe(false);
    await log.close();
  });

  it("close flushes, and refuses what comes after", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 1000 });
    const pending = producer.send(topic, { value: 1 });
    await producer.close();
    await producer.close();
    expect(await pending).toMatchObject({ offset: 0 });
    const closed = { code: "VARVE_CLOSED" };
    await expect(producer.send(topic, { value: 2 })).rejects.toMatchObject(closed);
    await expect(producer.sendBatch(topic, [{ value: 2 }])).rejects.toMatchObject(closed);
    await expect(producer.flush()).rejects.toMatchObject(closed);
    expect(() => producer.appendSync(topic, { value: 2 })).toThrow(expect.objectContaining(closed));
    expect(valuesOf(await topic.all())).toEqual([1]);
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });
});

describe("a topic's producer", () => {
  it("keeps order over a restart that opens logs on first use", async () => {
    let log = await createTestLog();
    await log.createTopic<number>("t", { partitions: 120 });
    log = await log.restart();
    const producer = log.producer();
    const sends = [
      producer.send("t", { partition: 7, value: 1 }),
      producer.sendBatch("t", [
        { partition: 7, value: 2 },
        { partition: 8, value: 0 },
      ]),
      producer.send("t", { partition: 7, value: 3 }),
    ];
    await Promise.all(sends);
    expect(valuesOf(await log.topic("t").all({ partition: 7 }))).toEqual([1, 2, 3]);
    expect(() => producer.appendSync("t", { partition: 99, value: 1 })).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT", partition: 99 }),
    );
    await log.close();
  });
});

describe("options of a producer", () => {
  it.each([
    [{ linger: 5 }, "linger", "lingerMs"],
    [{ lingerMs: "5" }, "lingerMs", "whole number"],
    [{ batchBytes: 0 }, "batchBytes", "from 1"],
    [{ compression: "brotli" }, "compression", "zstd"],
    [{ codec: "xml" }, "codec", "msgpack"],
    [{ codec: { encode() {} } }, "codec", "decode"],
    [{ keyCodec: "json" }, "keyCodec", "bytes"],
    [{ partitioner: 3 }, "partitioner", "function"],
    [{ idempotent: "yes" }, "idempotent", "true or false"],
    [{ enableIdempotence: true }, "enableIdempotence", "known are"],
  ])("%j is refused by name", async (options, option, expected) => {
    const log = await createTestLog();
    expect(() => log.producer(options as never)).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_OPTION", option, message: expect.stringContaining(expected) }),
    );
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });
});
