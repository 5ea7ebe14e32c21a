import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { createTestLog } from "../../src/testing/index.ts";
import { drain, isPending, settle, valuesOf } from "./reading.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-open-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("open", () => {
  it("opens a log in memory", async () => {
    const log = await open(":memory:");
    expect(["native", "ts"]).toContain(log.engine);
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    expect(valuesOf(await topic.all())).toEqual([1]);
    await log.close();
  });

  it("keeps what was written over a restart", async () => {
    const path = join(folder, "data");
    const log = await open(path, { engine: "ts" });
    expect(log.engineError).toBeUndefined();
    expect(log.path).toBe(path);
    const topic = await log.createTopic<number>("t", { partitions: 3, codec: "msgpack" });
    await Promise.all(Array.from({ length: 30 }, (_, value) => topic.send({ key: `k${value}`, value })));
    await log.close();
    const again = await open(path, { create: false });
    const values = valuesOf(await again.topic<number>("t").all()) as number[];
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, value) => value));
    await again.close();
  });

  it("read-only: reads, and refuses every write by name", async () => {
    const path = join(folder, "data");
    const owner = await open(path);
    const written = await owner.createTopic<number>("t");
    await written.send({ value: 1 });
    const log = await open(path, { readOnly: true });
    const topic = log.topic<number>("t");
    expect(valuesOf(await topic.all())).toEqual([1]);
    const readOnly = { code: "VARVE_READ_ONLY" };
    expect(() => log.producer()).toThrow(expect.objectContaining(readOnly));
    expect(() => topic.consumer({ group: "g" })).toThrow(expect.objectContaining(readOnly));
    await expect(topic.send({ value: 2 })).rejects.toMatchObject(readOnly);
    await expect(log.createTopic("u")).rejects.toMatchObject(readOnly);
    await expect(log.deleteTopic("t")).rejects.toMatchObject(readOnly);
    await expect(topic.truncate()).rejects.toMatchObject(readOnly);
    await log.close();
    await owner.close();
  });

  it("a second owner is refused", async () => {
    const path = join(folder, "data");
    const log = await open(path);
    await expect(open(path)).rejects.toMatchObject({
      code: "VARVE_LOCKED",
      message: expect.stringContaining(`${process.pid}`),
    });
    await log.close();
    await (await open(path)).close();
  });

  it.each<[unknown, unknown, string, string | undefined]>([
    [5, {}, "VARVE_INVALID_ARGUMENT", undefined],
    ["", {}, "VARVE_INVALID_ARGUMENT", undefined],
    [":memory:", { durable: true }, "VARVE_INVALID_OPTION", "durable"],
    [":memory:", { durability: "disk" }, "VARVE_INVALID_OPTION", "durability"],
    [":memory:", { engine: "rust" }, "VARVE_INVALID_OPTION", "engine"],
    [":memory:", { maxBytes: "1G" }, "VARVE_INVALID_OPTION", "maxBytes"],
    [":memory:", { logger: "console" }, "VARVE_INVALID_OPTION", "logger"],
    [":memory:", { signal: "now" }, "VARVE_INVALID_OPTION", "signal"],
    [":memory:", { files: {} }, "VARVE_INVALID_OPTION", "files"],
    [":memory:", "fast", "VARVE_INVALID_OPTION", undefined],
    [":memory:", { engine: "native", nativeBinding: "none.node" }, "VARVE_ENGINE_UNAVAILABLE", undefined],
    [":memory:", { nativeBinding: 5 }, "VARVE_INVALID_OPTION", "nativeBinding"],
    [":memory:", { signal: AbortSignal.abort() }, "VARVE_ABORTED", undefined],
  ])("(%j, %j) is refused", async (path, options, code, option) => {
    await expect(open(path as string, options as never)).rejects.toMatchObject(option ? { code, option } : { code });
  });

  it("leaves nothing behind when it is refused", async () => {
    const nativeBinding = join(folder, "none.node");
    await expect(open(join(folder, "data"), { engine: "native", nativeBinding })).rejects.toMatchObject({
      code: "VARVE_ENGINE_UNAVAILABLE",
    });
    await expect(open(join(folder, "data"), { create: false })).rejects.toMatchObject({ code: "VARVE_NOT_FOUND" });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("topics of a log", () => {
  const names: unknown[] = ["", ".", "..", "a/b", "a b", "ü", "x".repeat(250), "CON", "nul.txt", undefined, 7];
  it.each(names)("cannot be named %j", async (name) => {
    const log = await createTestLog();
    await expect(log.createTopic(name as string)).rejects.toMatchObject({ code: "VARVE_INVALID_TOPIC" });
    expect(log.topics()).toEqual([]);
    await log.close();
  });

  it.each<[unknown, string]>([
    [{ partition: 3 }, "partition"],
    [{ partitions: 0 }, "partitions"],
    [{ retentionMs: "1d" }, "retentionMs"],
    [{ codec: "xml" }, "codec"],
    [{ codec: { encode() {} } }, "codec"],
    [{ compression: "brotli" }, "compression"],
    [{ durability: "maybe" }, "durability"],
  ])("cannot be made with %j", async (options, option) => {
    const log = await createTestLog();
    await expect(log.createTopic("t", options as never)).rejects.toMatchObject({
      code: "VARVE_INVALID_OPTION",
      option,
    });
    expect(log.topics()).toEqual([]);
    await log.createTopic("t");
    await log.close();
  });

  it("of another log are refused", async () => {
    const [one, two] = [await createTestLog(), await createTestLog()];
    const topic = await one.createTopic<number>("t");
    await two.createTopic("t");
    const foreign = { code: "VARVE_INVALID_ARGUMENT", topic: "t" };
    await expect(two.producer().send(topic, { value: 1 })).rejects.toMatchObject(foreign);
    expect(() => two.consumer({ topics: [topic] })).toThrow(expect.objectContaining(foreign));
    await Promise.all([one.close(), two.close()]);
  });

  it("come into being on the first write, if the log allows", async () => {
    const log = await createTestLog({ autoCreateTopics: true });
    const producer = log.producer();
    const sends = [producer.send("new", { value: 1 }), producer.send("new", { value: 2 })];
    expect(await Promise.all(sends)).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(await producer.sendBatch("newer", [{ value: 1 }])).toMatchObject([{ topic: "newer", baseOffset: 0 }]);
    await expect(producer.send("not/legal", { value: 1 })).rejects.toMatchObject({ code: "VARVE_INVALID_TOPIC" });
    await log.close();
    const strict = await createTestLog();
    await expect(strict.producer().send("new", { value: 1 })).rejects.toMatchObject({
      code: "VARVE_UNKNOWN_TOPIC",
      topic: "new",
    });
    await strict.close();
  });
});

describe("the close of a log", () => {
  it("drains: what lingers is stored, iterators end, and a second call waits for the first", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 5000 });
    const sent = producer.send(topic, { value: 1 });
    const reading = drain(topic.consumer());
    await settle();
    const [first, second] = [log.close(), log.close()];
    await Promise.all([first, second]);
    expect(await sent).toMatchObject({ offset: 0 });
    expect((await reading).length).toBeLessThanOrEqual(1);
    await log.close();
  });

  it("never hangs: what is pending after timeoutMs is rejected", async () => {
    const log = await createTestLog({ durability: "power" });
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 0 });
    const reading = drain(topic.consumer());
    await settle();
    const release = log.faults.holdSyncs();
    const sent = topic.send({ value: 1 });
    const closing = log.close({ timeoutMs: 1000 });
    const refused = expect(sent).rejects.toMatchObject({ code: "VARVE_CLOSED" });
    expect(await isPending(closing)).toBe(true);
    await log.clock.advanceAsync(1000);
    await refused;
    expect(valuesOf(await reading)).toEqual([0]);
    await log.clock.advanceAsync(1000);
    release();
    await closing.catch((error) => expect(error.code).toMatch(/^VARVE_/));
  });

  it("every call after it is refused by name", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await log.close();
    const closed = { code: "VARVE_CLOSED" };
    for (const call of [
      () => log.createTopic("u"),
      () => log.deleteTopic("t"),
      () => log.flush(),
      () => log.backup(join(folder, "backup")),
      () => topic.send({ value: 1 }),
      () => topic.all(),
      () => topic.get(0, 0),
      () => topic.offsets("latest"),
      () => topic.describe(),
      () => topic.truncate(),
      () => topic.addPartitions(3),
      () => producer.send(topic, { value: 1 }),
      () => producer.sendBatch(topic, [{ value: 1 }]),
    ]) {
      await expect(call()).rejects.toMatchObject(closed);
    }
    for (const call of [
      () => log.topic("t"),
      () => log.topics(),
      () => log.producer(),
      () => log.consumer({ topics: ["t"] }),
      () => topic.consumer(),
      () => topic.read(),
      () => producer.appendSync(topic, { value: 1 }),
    ]) {
      expect(call).toThrow(expect.objectContaining(closed));
    }
  });

  it("the log's signal rejects what is pending, ends iterators, and closes", async () => {
    const controller = new AbortController();
    const log = await createTestLog({ signal: controller.signal });
    const topic = await log.createTopic<number>("t");
    const producer = log.producer({ lingerMs: 5000 });
    const reading = drain(topic.consumer());
    await settle();
    const sent = producer.send(topic, { value: 1 });
    controller.abort();
    await expect(sent).rejects.toMatchObject({ code: "VARVE_ABORTED", name: "AbortError" });
    expect(await reading).toEqual([]);
    await log.close();
    await expect(topic.all()).rejects.toMatchObject({ code: "VARVE_CLOSED" });
  });

  it("options are checked, and nothing is closed by a mistake", async () => {
    const log = await createTestLog();
    await expect(log.close({ timeout: 5 } as never)).rejects.toMatchObject({
      code: "VARVE_INVALID_OPTION",
      option: "timeout",
    });
    await log.createTopic("t");
    await log.close();
  });

  it("is what `await using` calls, of logs, producers and consumers", async () => {
    const closed = expect.objectContaining({ code: "VARVE_CLOSED" });
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    let [producer, consumer] = [log.producer(), topic.consumer()];
    {
      await using mine = log.producer();
      await using reader = topic.consumer();
      [producer, consumer] = [mine, reader];
      producer.push(topic, { value: 1 });
    }
    expect((await topic.all()).length).toBe(1);
    await expect(producer.send(topic, { value: 2 })).rejects.toEqual(closed);
    await expect(consumer.caughtUp()).rejects.toEqual(closed);
    await log[Symbol.asyncDispose]();
    expect(() => log.topics()).toThrow(closed);
  });
});

describe("flush and backup", () => {
  it("flush makes durable what was written before", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    expect((await topic.describe()).partitions[0].durableOffset).toBe(0);
    await log.flush();
    expect((await topic.describe()).partitions[0].durableOffset).toBe(1);
    await log.close();
  });

  it("a backup opens as a log of its own", async () => {
    const log = await open(join(folder, "data"));
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    await log.backup(join(folder, "copy"));
    await topic.send({ value: 2 });
    const copy = await open(join(folder, "copy"));
    expect(valuesOf(await copy.topic("t").all())).toEqual([1]);
    await copy.close();
    await log.close();
  });
});

describe("a full directory", () => {
  it("refuses appends beyond maxBytes, and takes them again when there is room", async () => {
    const log = await createTestLog({ maxBytes: 200_000 });
    const topic = await log.createTopic<string>("t", { codec: "string" });
    const value = "x".repeat(10_000);
    const sends = await Promise.allSettled(Array.from({ length: 40 }, () => topic.send({ value })));
    const refused = sends.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(10);
    expect(refused[0]).toMatchObject({ reason: { code: "VARVE_NO_SPACE", retriable: true } });
    expect((await topic.all()).length).toBe(40 - refused.length);
    await topic.truncate();
    await topic.send({ value });
    expect((await topic.all()).length).toBe(1);
    await log.close();
  });
});
