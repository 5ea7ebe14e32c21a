import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { append, errorOf, FOLDER, openEngine, reopenEngine, valuesOf } from "./engines.ts";

async function opened() {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  return { memory, files, engine: await openEngine({ files }) };
}

function folders(files: MemoryFiles): string[] {
  return files.list(FOLDER)!.filter((name) => files.stat(`${FOLDER}/${name}`)?.kind === "folder");
}

describe("createTopic", () => {
  it("makes a topic that the next open has, as it was configured", async () => {
    const { memory, engine } = await opened();
    const told: number[] = [];
    engine.onTopics(() => told.push(engine.topics.size));
    const topic = await engine.createTopic("orders", { partitions: 3, retentionMs: 1000, codec: "bytes" });
    expect(topic).toMatchObject({ name: "orders", partitionCount: 3, isInternal: false });
    expect(told).toEqual([1]);
    expect(folders(memory)).toEqual(["orders-0", "orders-1", "orders-2"]);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    const { id, config } = again.topic("orders");
    expect([id, config.retentionMs, config.codec, again.topic("orders").partitionCount]).toEqual([
      topic.id,
      1000,
      "bytes",
      3,
    ]);
    await again.close();
  });

  it("with ifNotExists gives the one there is; without it, refuses", async () => {
    const { engine } = await opened();
    const topic = await engine.createTopic("orders");
    expect(await engine.createTopic("orders", { partitions: 9, ifNotExists: true })).toBe(topic);
    expect(await errorOf(() => engine.createTopic("orders"))).toMatchObject({
      code: "VARVE_TOPIC_EXISTS",
      topic: "orders",
    });
    const both = [engine.createTopic("race", { ifNotExists: true }), engine.createTopic("race", { ifNotExists: true })];
    const [first, second] = await Promise.all(both);
    expect(first).toBe(second);
    await engine.close();
  });

  it.each([
    "",
    ".",
    "..",
    "a/b",
    "a\0",
    "x".repeat(250),
    "CON",
    "nul.txt",
    "ORDERS",
    "__consumer_offsets",
    "__transaction_state",
  ])("refuses the name %j", async (name) => {
    const { memory, engine } = await opened();
    await engine.createTopic("orders");
    const before = memory.list(FOLDER);
    const error = await errorOf(() => engine.createTopic(name));
    expect(error).toMatchObject({ code: "VARVE_INVALID_TOPIC", topic: name });
    expect(memory.list(FOLDER)).toEqual(before);
    await engine.close();
  });

  it("that fails leaves nothing behind", async () => {
    for (const path of [/topics\.json/, /orders-1/]) {
      const { memory, files, engine } = await opened();
      await engine.createTopic("first");
      const before = memory.list(FOLDER)!.filter((name) => !name.includes("previous"));
      const mend = files.fail({ on: ["write", "makeFolder", "syncFolder"], path, code: "VARVE_NO_SPACE", times: 99 });
      expect(await errorOf(() => engine.createTopic("orders", { partitions: 2 }))).toMatchObject({
        code: "VARVE_NO_SPACE",
      });
      mend();
      expect(memory.list(FOLDER)!.filter((name) => !name.includes("previous"))).toEqual(before);
      expect([...engine.topics.keys()]).toEqual(["first"]);
      await engine.createTopic("orders", { partitions: 2 });
      await engine.close();
    }
  });
});

describe("deleteTopic", () => {
  it("takes folders, catalogue entry and committed offsets; the name is free again", async () => {
    const { memory, engine } = await opened();
    const topic = await engine.createTopic("orders", { partitions: 2 });
    append(topic.partition(1), "a", "b");
    await engine.offsets.commit("g", [{ topic: "orders", partition: 1, offset: 2 }]);
    let woken = 0;
    topic.partition(1).watch(() => woken++);
    await engine.deleteTopic("orders");
    expect(woken).toBeGreaterThan(0);
    expect(topic.isDeleted).toBe(true);
    expect(folders(memory)).toEqual(["__consumer_offsets-0"]);
    expect(engine.offsets.committed("g", "orders", 1)).toBeUndefined();
    expect(await errorOf(() => engine.topic("orders"))).toMatchObject({ code: "VARVE_UNKNOWN_TOPIC", topic: "orders" });
    const next = await engine.createTopic("orders");
    expect(next.id).not.toBe(topic.id);
    await next.partition(0).ready();
    expect(append(next.partition(0), "new")).toBe(0);
    const image = memory.clone();
    await engine.close();
    for (const files of [memory, image]) {
      const again = await reopenEngine({ files });
      await again.offsets.ready();
      await again.topic("orders").ready();
      expect(valuesOf(again.topic("orders").partition(0))).toEqual(["new"]);
      expect(again.offsets.groups()).toEqual([]);
      await again.close();
    }
  });

  it("works for a name of 249 characters", async () => {
    const { memory, engine } = await opened();
    const name = "x".repeat(249);
    const topic = await engine.createTopic(name, { partitions: 11 });
    append(topic.partition(10), "a");
    await engine.deleteTopic(name);
    expect(folders(memory)).toEqual([]);
    await engine.close();
  });

  it("refuses what is not there, and what the log keeps for itself", async () => {
    const { engine } = await opened();
    await engine.createTopic("orders");
    await engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 0 }]);
    expect(await errorOf(() => engine.deleteTopic("none"))).toMatchObject({ code: "VARVE_UNKNOWN_TOPIC" });
    expect(await errorOf(() => engine.deleteTopic("__consumer_offsets"))).toMatchObject({
      code: "VARVE_INVALID_TOPIC",
    });
    await engine.close();
  });

  it("cut short at any call is finished by the next open", async () => {
    let cuts = 0;
    for (let nth = 1; ; nth++) {
      const { memory, files, engine } = await opened();
      append((await engine.createTopic("orders", { partitions: 2 })).partition(0), "a");
      append((await engine.createTopic("kept")).partition(0), "k");
      await engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 1 }]);
      files.fail({
        on: ["write", "rename", "remove", "syncFolder"],
        nth,
        times: Number.POSITIVE_INFINITY,
        code: "VARVE_IO",
      });
      const failed = await engine.deleteTopic("orders").then(
        () => false,
        () => true,
      );
      if (!failed) break;
      cuts++;
      const again = await reopenEngine({ files: memory.clone() });
      await again.offsets.ready();
      const isThere = again.topics.has("orders");
      expect(again.offsets.groups(), `cut at ${nth}`).toEqual(isThere ? ["g"] : []);
      expect(again.files.list(FOLDER)!.some((name) => name.startsWith("orders-"))).toBe(isThere);
      expect(valuesOf(again.topic("kept").partition(0))).toEqual(["k"]);
      await again.close();
    }
    expect(cuts).toBeGreaterThan(5);
  });
});

describe("addPartitions", () => {
  it("adds the missing ones, up to the total", async () => {
    const { memory, engine } = await opened();
    const topic = await engine.createTopic("orders", { partitions: 2 });
    append(topic.partition(1), "a");
    await topic.addPartitions(4);
    await topic.addPartitions(4);
    append(topic.partition(3), "d");
    expect(folders(memory)).toEqual(["orders-0", "orders-1", "orders-2", "orders-3"]);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    await again.topic("orders").ready();
    expect(again.topic("orders").partitions.map((partition) => valuesOf(partition!))).toEqual([[], ["a"], [], ["d"]]);
    await again.close();
  });

  it.each([0, 1, 2.5, "4", 10_001])("refuses %j for a topic of two", async (total) => {
    const { engine } = await opened();
    const topic = await engine.createTopic("orders", { partitions: 2 });
    const error = await errorOf(() => topic.addPartitions(total as number));
    expect(error).toMatchObject({ code: "VARVE_INVALID_OPTION", option: "partitions" });
    expect(topic.partitionCount).toBe(2);
    await engine.close();
  });
});

describe("alterConfig", () => {
  it("takes hold at once, and for good", async () => {
    const { memory, engine } = await opened();
    const topic = await engine.createTopic("orders", { segmentBytes: 100, codec: "bytes" });
    await topic.alterConfig({ segmentBytes: 1_000_000, retentionMs: 5, codec: null });
    for (let count = 0; count < 5; count++) append(topic.partition(0), "x".repeat(100));
    expect(topic.partition(0).segmentCount).toBe(1);
    expect(topic.ownConfig).toEqual({ segmentBytes: 1_000_000, retentionMs: 5 });
    expect(await errorOf(() => topic.alterConfig({ retentionMS: 5 } as object))).toMatchObject({
      option: "retentionMS",
    });
    await engine.close();
    const again = await reopenEngine({ files: memory });
    expect(again.topic("orders").config).toMatchObject({ segmentBytes: 1_000_000, retentionMs: 5, codec: "json" });
    await again.close();
  });
});

describe("describe", () => {
  it("tells what there is to know", async () => {
    const { engine } = await opened();
    const topic = await engine.createTopic("orders", { partitions: 2, durability: "power" });
    append(topic.partition(0), "a");
    expect(await topic.describe()).toMatchObject({
      name: "orders",
      id: topic.id,
      isInternal: false,
      durability: "power",
      config: { durability: "power" },
      partitions: [
        {
          partition: 0,
          startOffset: 0,
          endOffset: 1,
          highWatermark: 0,
          lastStableOffset: 0,
          durableOffset: 0,
          leaderEpoch: 0,
        },
        { partition: 1, endOffset: 0, segmentCount: 1 },
      ],
    });
    await engine.close();
  });
});
