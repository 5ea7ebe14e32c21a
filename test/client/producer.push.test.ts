/** push and drained: no promise for a record, bounded memory, and no error that nobody hears of. */
import { describe, expect, it } from "vitest";
import { createTestLog } from "../../src/testing/index.ts";
import { isPending, valuesOf } from "./reading.ts";

describe("push", () => {
  it("stores in the order of the calls, among sends and batches", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 10 });
    expect(producer.push(topic, { value: 0 })).toBe(true);
    const sent = producer.send(topic, { value: 1 });
    producer.push(topic, { value: 2 });
    const batch = producer.sendBatch(topic, [{ value: 3 }]);
    producer.push(topic, { value: 4 });
    const last = producer.send(topic, { value: 5 });
    await producer.flush();
    expect(await sent).toMatchObject({ offset: 1 });
    expect(await batch).toMatchObject([{ baseOffset: 3 }]);
    expect(await last).toMatchObject({ offset: 5 });
    expect(valuesOf(await topic.all())).toEqual([0, 1, 2, 3, 4, 5]);
    await log.close();
  });

  it("is stored at the end of the tick, or by the clock where it lingers", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    log.producer().push(topic, { value: 1 });
    await Promise.resolve();
    expect(valuesOf(await topic.all())).toEqual([1]);
    const producer = log.producer({ lingerMs: 20 });
    producer.push(topic, { value: 2 });
    log.clock.advance(19);
    expect(valuesOf(await topic.all())).toEqual([1]);
    log.clock.advance(1);
    expect(valuesOf(await topic.all())).toEqual([1, 2]);
    await log.close();
  });

  it("asks to wait while as much as bufferMemory is not acknowledged", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<string>("t", { codec: "string" });
    const producer = log.producer({ bufferMemory: 1000, batchBytes: 300 });
    const release = log.faults.holdSyncs(/\.log$/);
    const value = "x".repeat(200);
    const accepted = Array.from({ length: 6 }, () => producer.push(topic, { value }));
    expect(accepted).toEqual([true, true, true, true, false, false]);
    const drained = producer.drained();
    expect(await isPending(drained)).toBe(true);
    release();
    await drained;
    expect(producer.push(topic, { value })).toBe(true);
    await producer.flush();
    expect((await topic.all()).length).toBe(7);
    await log.close();
  });

  it("makes room by storing what lingers", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { codec: "string", partitions: 4 });
    const producer = log.producer({ bufferMemory: 1000, lingerMs: 10_000 });
    for (let partition = 0; partition < 3; partition++) producer.push(topic, { partition, value: "x".repeat(300) });
    expect(producer.push(topic, { partition: 3, value: "x".repeat(300) })).toBe(false);
    expect(await topic.all()).toEqual([]);
    await producer.drained();
    expect((await topic.all()).length).toBe(4);
    await log.close();
  });

  it("gives the event loop its turns in a loop that waits when it is asked to", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<string>("t", { codec: "string" });
    const producer = log.producer();
    let turns = 0;
    const count = () => {
      turns++;
      turn = setImmediate(count);
    };
    let turn = setImmediate(count);
    const value = "x".repeat(1000);
    for (let i = 0; i < 5000; i++) if (!producer.push(topic, { value })) await producer.drained();
    clearImmediate(turn);
    expect(turns).toBeGreaterThanOrEqual(4);
    await producer.close();
    expect(await topic.offsets("latest")).toMatchObject([{ offset: 5000 }]);
    await log.close();
  });

  it("rejects flush and close with the first error, and tells it once", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    const heard: unknown[] = [];
    producer.on("error", (error) => heard.push(error));
    log.faults.fail({ on: "write", path: /\.log$/, code: "VARVE_NO_SPACE" });
    producer.push(topic, { value: 1 });
    await expect(producer.flush()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(producer.push(topic, { value: 2 })).toBe(true);
    producer.push(topic, { value: undefined as never });
    await expect(producer.flush()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    await expect(producer.close()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(heard).toMatchObject([{ code: "VARVE_NO_SPACE" }]);
    expect(valuesOf(await topic.all())).toEqual([2]);
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it.each([
    ["a topic that is not there", "nowhere", { value: 1 }, "VARVE_UNKNOWN_TOPIC"],
    ["no record", "t", 7, "VARVE_INVALID_ARGUMENT"],
    ["a record that is too large", "t", { value: "x".repeat(5000) }, "VARVE_RECORD_TOO_LARGE"],
  ])("tells of %s in the same way", async (_, topic, record, code) => {
    const log = await createTestLog();
    await log.createTopic("t", { maxMessageBytes: 1000 });
    const producer = log.producer();
    const heard = new Promise((resolve) => producer.on("error", resolve));
    expect(producer.push(topic, record as never)).toBe(true);
    expect(await heard).toMatchObject({ code });
    await expect(producer.flush()).rejects.toMatchObject({ code });
    await expect(log.close()).rejects.toMatchObject({ code });
  });

  it("rejects close with what the sync that failed took along", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await producer.send(topic, { value: 0 });
    log.faults.fail({ on: "sync", path: /\.log$/, code: "VARVE_IO" });
    producer.push(topic, { value: 1 });
    await expect(producer.close()).rejects.toMatchObject({ code: "VARVE_POISONED" });
    await log.close();
  });

  it("makes a topic where the log makes them", async () => {
    const log = await createTestLog({ autoCreateTopics: true });
    const producer = log.producer();
    producer.push("new", { value: 1 });
    await producer.flush();
    expect(valuesOf(await log.topic("new").all())).toEqual([1]);
    await log.close();
  });

  it("is refused after close, and waits end with the log", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<number>("t");
    const closed = log.producer();
    await closed.close();
    const over = expect.objectContaining({ code: "VARVE_CLOSED" });
    expect(() => closed.push(topic, { value: 1 })).toThrow(over);
    await expect(closed.drained()).rejects.toMatchObject({ code: "VARVE_CLOSED" });

    const producer = log.producer({ bufferMemory: 1 });
    const release = log.faults.holdSyncs(/\.log$/);
    expect(producer.push(topic, { value: 1 })).toBe(false);
    const drained = producer.drained();
    expect(await isPending(drained)).toBe(true);
    const closing = log.close({ timeoutMs: 50 });
    const refused = expect(drained).rejects.toMatchObject({ code: "VARVE_CLOSED" });
    log.clock.advance(50);
    await refused;
    release();
    await closing.catch(() => {});
  });
});
