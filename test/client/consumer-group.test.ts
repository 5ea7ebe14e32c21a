/** `log.group()`: members that handle records, who is in a group, how far it has come, and its offsets. */
import { describe, expect, it } from "vitest";
import { type ConsumerRecord, DEAD_LETTER_HEADERS, type RunOptions, type Topic } from "../../src/index.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { isPending, settle, take, valuesOf } from "./reading.ts";

async function topicOf(log: TestLog, count: number, partitions = 2): Promise<Topic<number>> {
  const topic = await log.createTopic<number>("t", { partitions });
  for (let value = 0; value < count; value++) {
    await topic.send({ partition: value % partitions, key: `k${value % 4}`, value, timestamp: 1000 + value });
  }
  return topic;
}

/** A run that a test can stop, and what it has handled. */
function running(log: TestLog, options: Partial<RunOptions<number>> = {}, group = "g") {
  const stop = new AbortController();
  const values: number[] = [];
  const each = (record: ConsumerRecord<number>) => void values.push(Number(record.value));
  const handler = options.eachBatch ? {} : { each };
  const done = log.group(group).run<number>({ topics: ["t"], signal: stop.signal, ...handler, ...options });
  done.catch(() => {});
  return { values, done, stop: () => stop.abort() };
}

const upTo = (count: number) => Array.from({ length: count }, (_, value) => value);
const sorted = (values: number[]) => [...values].sort((a, b) => a - b);

/** A handler that goes on when the test says so. */
function gate() {
  const waiting: { value: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  const each = (record: ConsumerRecord<number>) => {
    return new Promise<void>((resolve, reject) => waiting.push({ value: Number(record.value), resolve, reject }));
  };
  return { waiting, each };
}

describe("run", () => {
  it("handles every record once, with several members, and commits", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 40, 4);
    const run = running(log, { members: 3, concurrency: 4 });
    await settle();
    await settle();
    expect(sorted(run.values)).toEqual(upTo(40));
    expect((await log.group("g").describe()).members.map(({ partitions }) => partitions.length).sort()).toEqual([
      1, 1, 2,
    ]);
    await topic.send({ value: 40 });
    await settle();
    run.stop();
    await run.done;
    expect(sorted(run.values)).toEqual(upTo(41));
    expect((await log.group("g").lag()).map(({ lag }) => lag)).toEqual([0, 0, 0, 0]);
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("ends by itself where the reading ends", async () => {
    const log = await createTestLog();
    await topicOf(log, 20);
    const run = running(log, { members: 2, until: "end" });
    await run.done;
    expect(sorted(run.values)).toEqual(upTo(20));
    await log.close();
  });

  it("keeps the order of each key, and handles different keys at the same time", async () => {
    const log = await createTestLog();
    await topicOf(log, 16, 1);
    const { waiting, each } = gate();
    const run = running(log, { concurrency: 8, each });
    await settle();
    expect(waiting.map(({ value }) => value)).toEqual([0, 1, 2, 3]);
    waiting[1].resolve();
    await settle();
    expect(waiting.map(({ value }) => value)).toEqual([0, 1, 2, 3, 5]);
    for (let at = 0; at < 16; at++) {
      waiting[at].resolve();
      await settle();
    }
    for (const key of upTo(4)) {
      const ofKey = waiting.map(({ value }) => value).filter((value) => value % 4 === key);
      expect(ofKey).toEqual(sorted(ofKey));
    }
    expect(waiting).toHaveLength(16);
    run.stop();
    await run.done;
    await log.close();
  });

  it("stops gracefully: what is in hand is finished and committed, nothing else begins", async () => {
    const log = await createTestLog();
    await topicOf(log, 10, 1);
    const { waiting, each } = gate();
    const run = running(log, { concurrency: 2, each });
    await settle();
    run.stop();
    expect(await isPending(run.done)).toBe(true);
    for (const { resolve } of waiting) resolve();
    await run.done;
    expect(waiting.map(({ value }) => value)).toEqual([0, 1]);
    expect(await log.group("g").lag()).toEqual([{ topic: "t", partition: 0, committed: 2, end: 10, lag: 8 }]);
    await log.close();
  });

  it("is stopped so by the end of the log too", async () => {
    const log = await createTestLog();
    await topicOf(log, 10, 1);
    const { waiting, each } = gate();
    const run = running(log, { each });
    await settle();
    const closed = log.close();
    expect(await isPending(closed)).toBe(true);
    waiting[0].resolve();
    await closed;
    await run.done;
    expect(waiting).toHaveLength(1);
  });

  it("tries again, each time later, and goes on", async () => {
    const log = await createTestLog();
    await topicOf(log, 3, 1);
    const tries: string[] = [];
    const each = ({ value }: ConsumerRecord<number>) => {
      tries.push(`${value} at ${log.clock.monotonic() - start}`);
      if (value === 1 && tries.length < 5) throw new Error("not yet");
    };
    const start = log.clock.monotonic();
    const run = running(log, { each, retry: { retries: 5, backoffMs: 100, backoffMaxMs: 300 } });
    await settle();
    await log.clock.advanceAsync(2000);
    expect(tries).toEqual(["0 at 0", "1 at 0", "1 at 100", "1 at 300", "1 at 600", "2 at 600"]);
    run.stop();
    await run.done;
    await log.close();
  });

  it("that waits for another try stops at once, and gives the record back", async () => {
    const log = await createTestLog();
    await topicOf(log, 3, 1);
    const each = () => Promise.reject(new Error("never"));
    const run = running(log, { each, retry: { retries: 100, backoffMs: 1000 } });
    await settle();
    run.stop();
    await run.done;
    expect((await log.group("g").lag())[0]?.lag ?? 3).toBe(3);
    await log.close();
    expect(log.clock.pending).toBe(0);
  });

  it("ends with the error that nobody takes, and the record is not committed", async () => {
    const log = await createTestLog();
    await topicOf(log, 10, 1);
    const each = ({ value }: ConsumerRecord<number>) => {
      if (value === 4) throw new Error("bad record");
    };
    const run = running(log, { each, members: 2 });
    await expect(run.done).rejects.toThrow("bad record");
    const consumer = log.consumer<number>({ topics: ["t"], group: "g", until: "end" });
    expect(valuesOf(await take(consumer, 1))).toEqual([4]);
    await consumer.close();
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("puts dead letters aside, as they were, with where they come from and why", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const dead = await log.createTopic<number>("dead");
    await topic.send({ key: "a", value: 1 });
    await topic.send({ key: "b", value: 2, headers: { trace: "x" }, timestamp: 77 });
    await topic.send({ key: "c", value: 3 });
    const each = ({ value }: ConsumerRecord<number>) => {
      if (value === 2) throw new TypeError("two is bad");
    };
    const run = running(log, { each, deadLetterTopic: dead });
    await settle();
    const [letter, ...others] = await dead.all();
    expect(others).toEqual([]);
    expect([letter.key, letter.value]).toEqual(["b", 2]);
    const text = (name: string) => Buffer.from(letter.header(name) ?? []).toString();
    expect(text("trace")).toBe("x");
    expect(Object.values(DEAD_LETTER_HEADERS).map(text)).toEqual(["TypeError: two is bad", "t", "0", "1", "77"]);
    run.stop();
    await run.done;
    expect((await log.group("g").lag())[0].lag).toBe(0);
    await log.close();
  });

  it("hands out batches", async () => {
    const log = await createTestLog();
    await topicOf(log, 20);
    const batches: string[] = [];
    const run = running(log, {
      eachBatch: (batch) => void batches.push(`${batch.partition}: ${[...batch].length}`),
      maxRecords: 4,
      until: "end",
    });
    await run.done;
    expect(batches.sort()).toEqual(["0: 2", "0: 4", "0: 4", "1: 2", "1: 4", "1: 4"]);
    await log.close();
  });

  it("names mistakes", async () => {
    const log = await createTestLog();
    await topicOf(log, 1);
    const group = log.group("g");
    const each = () => {};
    const wrong: [object, string][] = [
      [{ each }, "topics"],
      [{ topics: ["t"] }, "each"],
      [{ topics: ["t"], each, eachBatch: each }, "each"],
      [{ topics: ["t"], eachBatch: each, concurrency: 3 }, "concurrency"],
      [{ topics: ["t"], each, members: 0 }, "members"],
      [{ topics: ["t"], each, retry: { times: 3 } }, "times"],
      [{ topics: ["t"], each, from: "nowhere" }, "from"],
    ];
    for (const [options, option] of wrong) {
      await expect(group.run(options as never)).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION", option });
    }
    await expect(group.run({ topics: ["missing"], each })).rejects.toMatchObject({ code: "VARVE_UNKNOWN_TOPIC" });
    expect(() => log.group("")).toThrow("name of a group");
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });
});

describe("a group", () => {
  it("is described, with and without members", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 10);
    expect(await log.group("g").describe()).toMatchObject({ state: "Dead", members: [], offsets: [] });
    const consumer = topic.consumer({ group: "g" });
    await take(consumer, 3);
    const description = await log.group("g").describe();
    expect(description).toMatchObject({
      name: "g",
      state: "Stable",
      assignor: "cooperative-sticky",
      generation: 1,
      members: [{ host: "in-process", groupInstanceId: null }],
    });
    expect(description.members[0].partitions).toEqual([
      { topic: "t", partition: 0 },
      { topic: "t", partition: 1 },
    ]);
    expect(await log.groups()).toEqual([{ name: "g", state: "Stable", protocolType: "consumer" }]);
    await consumer.close();
    expect(await log.group("g").describe()).toMatchObject({ state: "Empty", members: [] });
    expect((await log.group("g").lag()).map(({ committed }) => committed)).toEqual([2, 0]);
    await log.close();
  });

  it("comes back after a restart", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 10);
    const consumer = topic.consumer({ group: "g" });
    await take(consumer, 10);
    await consumer.close();
    const again = await log.restart();
    expect(await again.groups()).toEqual([{ name: "g", state: "Empty", protocolType: "consumer" }]);
    expect((await again.group("g").describe()).generation).toBe(2);
    await again.close();
  });

  it("is set back and forth", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 20);
    const consumer = topic.consumer({ group: "g" });
    await take(consumer, 20);
    await consumer.close();
    const group = log.group("g");
    const to = async (target: Parameters<typeof group.resetOffsets>[0]["to"], topics?: string[]) => {
      return (await group.resetOffsets({ to: target, topics })).map((reset) => reset.to);
    };
    expect(await to("earliest")).toEqual([0, 0]);
    expect(await to("latest")).toEqual([10, 10]);
    expect(await to({ shift: -3 })).toEqual([7, 7]);
    expect(await to({ shift: 100 })).toEqual([10, 10]);
    expect(await to({ timestamp: 1011 })).toEqual([6, 5]);
    expect(await to({ timestamp: 9_999_999_999_999 })).toEqual([10, 10]);
    expect(await to({ offset: 4 })).toEqual([4, 4]);
    expect(await to({ offsets: { 1: 9 } })).toEqual([9]);
    const planned = await group.resetOffsets({ to: "earliest", dryRun: true });
    expect(planned.map(({ from }) => from)).toEqual([4, 9]);
    expect((await group.lag()).map(({ committed }) => committed)).toEqual([4, 9]);
    expect(valuesOf(await take(topic.consumer({ group: "g", until: "end" }), 1))).toEqual([8]);
    await log.close();
  });

  it("is not set or deleted under its members", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 4);
    const consumer = topic.consumer({ group: "g" });
    await take(consumer, 2);
    const group = log.group("g");
    await expect(group.resetOffsets({ to: "earliest", topics: ["t"] })).rejects.toMatchObject({
      code: "VARVE_GROUP_BUSY",
    });
    await expect(group.delete()).rejects.toMatchObject({ code: "VARVE_GROUP_BUSY" });
    expect(await group.resetOffsets({ to: "earliest", topics: ["t"], dryRun: true })).toHaveLength(2);
    await consumer.close();
    await group.delete();
    expect(await log.groups()).toEqual([]);
    expect(await group.lag()).toEqual([]);
    await group.delete();
    const again = await log.restart();
    expect(await again.groups()).toEqual([]);
    await again.close();
  });

  it("that never committed is set for the topics given", async () => {
    const log = await createTestLog();
    await topicOf(log, 4);
    const group = log.group("new");
    expect(await group.resetOffsets({ to: "latest" })).toEqual([]);
    expect(await group.resetOffsets({ to: "latest", topics: ["t"] })).toEqual([
      { topic: "t", partition: 0, from: undefined, to: 2 },
      { topic: "t", partition: 1, from: undefined, to: 2 },
    ]);
    await expect(log.group("other").resetOffsets({ to: { shift: 1 }, topics: ["t"] })).rejects.toMatchObject({
      code: "VARVE_INVALID_ARGUMENT",
    });
    await expect(group.resetOffsets({ to: "nowhere" as never })).rejects.toMatchObject({ option: "to" });
    await expect(group.resetOffsets({} as never)).rejects.toMatchObject({ option: "to" });
    expect(await log.groups()).toEqual([{ name: "new", state: "Empty", protocolType: "" }]);
    await log.close();
  });
});

describe("caughtUp", () => {
  it("does not wait for topics that the members no longer read", async () => {
    const log = await createTestLog();
    await topicOf(log, 4);
    const other = await log.createTopic<number>("other");
    await other.send({ value: 1 });
    const before = log.consumer({ topics: [other], group: "g", until: "end" });
    for await (const _ of before);
    await before.close();
    await other.send({ value: 2 });
    const run = running(log);
    await settle();
    await log.clock.advanceAsync(1000);
    await log.group("g").caughtUp();
    expect(await isPending(log.group("g").caughtUp(["t", "other"]))).toBe(true);
    run.stop();
    await run.done;
    await log.close().catch(() => {});
  });

  it("knows that markers and what was aborted are nothing to read, committed or not", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ transactionalId: "tx" });
    await producer.transaction((tx) => tx.send(topic, { value: 1 }));
    const byHand = log.consumer({ topics: [topic], group: "by hand", autoCommit: false });
    const [record] = await take(byHand, 1);
    expect(record.value).toBe(1);
    await byHand.commit();
    expect(await log.group("by hand").lag()).toMatchObject([{ lag: 1 }]);
    await log.group("by hand").caughtUp();
    const open = await producer.begin();
    open.send(topic, { value: 2 });
    await producer.flush();
    await log.group("by hand").caughtUp();
    await open.abort();
    await log.group("by hand").caughtUp();
    await topic.send({ value: 3 });
    const waiting = log.group("by hand").caughtUp();
    expect(await isPending(waiting)).toBe(true);
    await take(byHand, 1);
    await byHand.commit();
    await waiting;
    await byHand.close();
    await log.close();
  });

  it("what is passed over is committed, too, by a consumer that commits by itself", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ transactionalId: "tx" });
    await topic.send({ value: 1 });
    const consumer = log.consumer({ topics: [topic], group: "g" });
    await take(consumer, 1);
    const next = take(consumer, 1);
    await settle();
    await log.clock.advanceAsync(1000);
    expect(await log.group("g").lag()).toMatchObject([{ committed: 1, lag: 0 }]);
    const aborted = await producer.begin();
    aborted.send(topic, { value: 2 });
    await producer.flush();
    await aborted.abort();
    await settle();
    await log.clock.advanceAsync(1000);
    expect(await log.group("g").lag()).toMatchObject([{ committed: 3, lag: 0 }]);
    await consumer.close();
    expect(await next).toEqual([]);
    await log.close();
  });

  it("resolves when everything is committed, also what came meanwhile", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 10);
    const waiting = log.group("g").caughtUp();
    expect(await isPending(waiting)).toBe(true);
    const { waiting: held, each } = gate();
    const run = running(log, { each });
    await settle();
    await topic.send({ partition: 0, value: 10 });
    while (held.length > 0) {
      expect(await isPending(waiting)).toBe(true);
      for (const { resolve } of held.splice(0)) resolve();
      await settle();
    }
    await log.clock.advanceAsync(1000);
    await waiting;
    expect((await log.group("g").lag()).map(({ lag }) => lag)).toEqual([0, 0]);
    run.stop();
    await run.done;
    await log.close();
  });

  it("is so for members of topics without records, and for topics without members", async () => {
    const log = await createTestLog();
    await topicOf(log, 0);
    const waiting = log.group("g").caughtUp();
    const run = running(log);
    await settle();
    await log.clock.advanceAsync(200);
    await waiting;
    await log.group("nobody").caughtUp(["t"]);
    run.stop();
    await run.done;
    await log.close();
  });

  it("is not so for a partition that was never committed for", async () => {
    const log = await createTestLog();
    await topicOf(log, 2);
    const consumer = log.consumer({ topics: ["t"], group: "g", until: { offsets: { 0: 1, 1: 0 } } });
    for await (const _ of consumer);
    await consumer.close();
    expect((await log.group("g").lag()).map(({ lag }) => lag)).toContain(0);
    const waiting = log.group("g").caughtUp();
    expect(await isPending(waiting)).toBe(true);
    const closing = log.close();
    await expect(waiting).rejects.toMatchObject({ code: "VARVE_CLOSED" });
    await closing;
  });
});
