import { describe, expect, it } from "vitest";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { drain, valuesOf } from "./reading.ts";

async function twoPartitions(log: TestLog) {
  const topic = await log.createTopic<number>("t", { partitions: 2 });
  const producer = log.producer();
  for (let i = 0; i < 6; i++) {
    const records = [0, 1].map((partition) => ({ partition, value: partition * 100 + i, timestamp: 1000 + i }));
    await producer.sendBatch(topic, records);
  }
  await producer.close();
  return topic;
}

describe("a topic", () => {
  it("tells what it is", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic("orders", { partitions: 2, retentionMs: 5000, codec: "msgpack" });
    expect(topic.name).toBe("orders");
    expect(topic.partitionCount).toBe(2);
    expect(topic.config).toMatchObject({ retentionMs: 5000, codec: "msgpack", segmentBytes: 128 * 1024 * 1024 });
    const description = await topic.describe();
    expect(description).toMatchObject({ name: "orders", durability: "process" });
    expect(description.partitions).toMatchObject([
      { partition: 0, startOffset: 0, endOffset: 0, highWatermark: 0, lastStableOffset: 0, durableOffset: 0 },
      { partition: 1 },
    ]);
    await log.close();
  });

  it("is one handle per topic, and makes nothing twice", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic("t");
    expect(log.topic("t")).toBe(topic);
    expect(await log.createTopic("t", { ifNotExists: true })).toBe(topic);
    await expect(log.createTopic("t")).rejects.toMatchObject({ code: "VARVE_TOPIC_EXISTS", topic: "t" });
    await log.createTopic("a");
    expect(log.topics().map(({ name }) => name)).toEqual(["a", "t"]);
    await log.close();
  });

  it("grows, and is reconfigured", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    await topic.addPartitions(4);
    expect(topic.partitionCount).toBe(4);
    expect(await topic.send({ partition: 3, value: 1 })).toMatchObject({ partition: 3, offset: 0 });
    await expect(topic.addPartitions(2)).rejects.toMatchObject({ code: expect.stringMatching(/^VARVE_INVALID/) });
    await topic.alterConfig({ maxMessageBytes: 100 });
    await expect(topic.send({ value: 1, headers: { h: "x".repeat(100) } })).rejects.toMatchObject({
      code: "VARVE_RECORD_TOO_LARGE",
    });
    await topic.alterConfig({ maxMessageBytes: null });
    await topic.send({ value: 1, headers: { h: "x".repeat(100) } });
    await expect(topic.alterConfig({ retention: 5 } as never)).rejects.toMatchObject({
      code: "VARVE_INVALID_OPTION",
      option: "retention",
    });
    await log.close();
  });
});

describe("offsets", () => {
  it("tells the earliest, the latest, and those of a time", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    await topic.deleteRecords({ 1: 2 });
    expect(await topic.offsets("earliest")).toEqual([
      { partition: 0, offset: 0, timestamp: undefined },
      { partition: 1, offset: 2, timestamp: undefined },
    ]);
    expect((await topic.offsets("latest")).map(({ offset }) => offset)).toEqual([6, 6]);
    expect(await topic.offsets({ timestamp: 1003 })).toEqual([
      { partition: 0, offset: 3, timestamp: 1003 },
      { partition: 1, offset: 3, timestamp: 1003 },
    ]);
    expect(await topic.offsets({ timestamp: 9999 })).toEqual([
      { partition: 0, offset: 6, timestamp: undefined },
      { partition: 1, offset: 6, timestamp: undefined },
    ]);
    for (const wrong of ["first", 5, null, {}, { timestamp: "now" }]) {
      await expect(topic.offsets(wrong as never)).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    }
    await log.close();
  });
});

describe("get", () => {
  it("gives the record, or undefined where there is none", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    const record = await topic.get(1, 4);
    expect(record).toMatchObject({ topic: "t", partition: 1, offset: 4, value: 104, timestamp: 1004 });
    expect(await topic.get(1, 6)).toBeUndefined();
    await topic.deleteRecords({ 1: 5 });
    expect(await topic.get(1, 4)).toBeUndefined();
    expect(await topic.get(1, 5)).toMatchObject({ value: 105 });
    await log.close();
  });

  it("finds it inside a batch, compressed too", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { compression: "gzip" });
    const producer = log.producer();
    await producer.sendBatch(
      topic,
      Array.from({ length: 100 }, (_, value) => ({ value })),
    );
    for (const offset of [0, 57, 99]) expect((await topic.get(0, offset))?.value).toBe(offset);
    await log.close();
  });

  it("refuses what cannot be", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    await expect(topic.get(2, 0)).rejects.toMatchObject({ code: "VARVE_UNKNOWN_PARTITION", topic: "t", partition: 2 });
    await expect(topic.get(0, -1)).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    await expect(topic.get(0, 2 ** 60)).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    await log.close();
  });
});

describe("read and all", () => {
  it("read one partition by offsets, or all of them", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    expect(valuesOf(await drain(topic.read({ partition: 1, from: 2, until: 4 })))).toEqual([102, 103]);
    expect(valuesOf(await drain(topic.read({ partition: 0, from: { timestamp: 1004 } })))).toEqual([4, 5]);
    expect((await drain(topic.read())).length).toBe(12);
    expect(valuesOf(await topic.all({ partition: 1 }))).toEqual([100, 101, 102, 103, 104, 105]);
    expect((await topic.all()).length).toBe(12);
    await log.close();
    expect(log.leaks().text).toBe("nothing was left open");
  });

  it("end at the end seen at the call, also when `until` lies beyond it", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    const records = topic.read({ partition: 0, until: 1000 });
    log.producer().appendSync(topic, { partition: 0, value: 77 });
    expect((await drain(records)).length).toBe(6);
    await log.close();
  });

  it("leave nothing open, however they end", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    for await (const record of topic.read()) if (record.offset === 2) break;
    await expect(async () => {
      for await (const _ of topic.read()) throw new Error("mine");
    }).rejects.toThrow("mine");
    await drain(topic.read({ signal: AbortSignal.abort() }));
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it.each([
    [{ from: 5 }, "from"],
    [{ until: 5 }, "until"],
    [{ partition: "0" }, "partition"],
    [{ partition: 0, from: -1 }, "from"],
    [{ partition: 0, limit: 5 }, "limit"],
  ])("%j is refused by name", async (options, option) => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    expect(() => topic.read(options as never)).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_OPTION", option }),
    );
    expect(() => topic.read({ partition: 2 })).toThrow(expect.objectContaining({ code: "VARVE_UNKNOWN_PARTITION" }));
    await log.close();
  });
});

describe("deleteRecords and truncate", () => {
  it("delete before an offset, and everything", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    await topic.deleteRecords({ 0: 4, 1: 6 });
    expect(valuesOf(await topic.all())).toEqual([4, 5]);
    await topic.truncate();
    expect(await topic.all()).toEqual([]);
    expect(await topic.send({ partition: 0, value: 6 })).toMatchObject({ offset: 6 });
    expect(valuesOf(await topic.all())).toEqual([6]);
    await log.close();
  });

  it("survive a restart", async () => {
    let log = await createTestLog();
    await (await twoPartitions(log)).deleteRecords({ 0: 4 });
    log = await log.restart();
    expect((await log.topic("t").offsets("earliest")).map(({ offset }) => offset)).toEqual([4, 0]);
    await log.close();
  });

  it("check everything before they touch anything", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    await expect(topic.deleteRecords({ 0: 4, 1: 7 })).rejects.toMatchObject({
      code: "VARVE_OFFSET_OUT_OF_RANGE",
      topic: "t",
      partition: 1,
      offset: 7,
    });
    await expect(topic.deleteRecords({ 0: 4, 2: 1 })).rejects.toMatchObject({ code: "VARVE_UNKNOWN_PARTITION" });
    await expect(topic.deleteRecords({ 0: 4, x: 1 } as never)).rejects.toMatchObject({
      code: "VARVE_UNKNOWN_PARTITION",
    });
    await expect(topic.deleteRecords(5 as never)).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    expect((await topic.all()).length).toBe(12);
    await log.close();
  });
});

describe("a deleted topic", () => {
  it("says so on every call, also when one of its name is made again", async () => {
    const log = await createTestLog();
    const topic = await twoPartitions(log);
    const producer = log.producer({ lingerMs: 100 });
    const pending = producer.send(topic, { value: 1 });
    await log.deleteTopic("t");
    const unknown = { code: "VARVE_UNKNOWN_TOPIC", topic: "t" };
    log.clock.advance(100);
    await expect(pending).rejects.toMatchObject(unknown);
    expect(() => log.topic("t")).toThrow(expect.objectContaining(unknown));
    await expect(log.deleteTopic("t")).rejects.toMatchObject(unknown);
    const again = await log.createTopic<number>("t");
    for (const call of [
      () => topic.send({ value: 1 }),
      () => producer.send(topic, { value: 1 }),
      () => producer.sendBatch(topic, [{ value: 1 }]),
      () => topic.all(),
      () => topic.get(0, 0),
      () => topic.offsets("latest"),
      () => topic.describe(),
      () => topic.truncate(),
      () => topic.deleteRecords({ 0: 0 }),
      () => topic.addPartitions(5),
      () => topic.alterConfig({}),
    ]) {
      await expect(call()).rejects.toMatchObject(unknown);
    }
    expect(() => topic.consumer()).toThrow(expect.objectContaining(unknown));
    expect(() => topic.read()).toThrow(expect.objectContaining(unknown));
    expect(() => producer.appendSync(topic, { value: 1 })).toThrow(expect.objectContaining(unknown));
    expect(await producer.appendSync("t", { value: 5 })).toMatchObject({ offset: 0 });
    expect(valuesOf(await again.all())).toEqual([5]);
    await log.close();
  });
});
