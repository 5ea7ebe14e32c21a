import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { append, errorOf, FOLDER, openEngine, rebootEngine, reopenEngine } from "./engines.ts";

async function opened(options = {}) {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  const clock = new TestClock();
  const engine = await openEngine({ files, clock, ...options });
  const topic = await engine.createTopic("orders", { partitions: 2 });
  for (const partition of topic.partitions) append(partition!, "a", "b", "c");
  return { memory, files, clock, engine };
}

const at = (partition: number, offset: number) => ({ topic: "orders", partition, offset });

describe("committed offsets", () => {
  it("are there after the commit, after a reopen, and after kill -9; the last one wins", async () => {
    const { memory, clock, engine } = await opened();
    expect(engine.topics.has("__consumer_offsets")).toBe(false);
    await engine.offsets.commit("g", [{ ...at(0, 1), leaderEpoch: 4, metadata: "note" }, at(1, 2)]);
    await engine.offsets.commit("g", [at(1, 3)]);
    await engine.offsets.commit("h", [at(1, 1)]);
    const topic = engine.topic("__consumer_offsets");
    expect([topic.partitionCount, topic.config.cleanupPolicy, topic.isInternal]).toEqual([1, "compact", true]);
    const killed = memory.clone();
    await engine.close();
    for (const files of [memory, killed]) {
      const again = await reopenEngine({ files, clock });
      await again.offsets.ready();
      expect(again.offsets.groups()).toEqual(["g", "h"]);
      expect(again.offsets.committed("g", "orders", 0)).toEqual({
        offset: 1,
        leaderEpoch: 4,
        metadata: "note",
        commitTimestamp: clock.now(),
      });
      expect(again.offsets.committed("g", "orders", 1)?.offset).toBe(3);
      expect(again.offsets.committed("g", "orders", 2)).toBeUndefined();
      expect(again.offsets.allCommitted("h").map(({ topic, partition }) => [topic, partition])).toEqual([
        ["orders", 1],
      ]);
      await again.close();
    }
  });

  it("of many partitions go to the one that Kafka would choose", async () => {
    const { memory, engine } = await opened({ offsetsTopicPartitions: 50 });
    // "billing".hashCode() in Java is -109829509; abs % 50 = 9.
    await engine.offsets.commit("billing", [at(0, 1)]);
    expect(memory.stat(`${FOLDER}/__consumer_offsets-9/00000000000000000000.log`)?.size).toBeGreaterThan(0);
    expect(engine.topic("__consumer_offsets").partition(9).endOffset).toBe(1);
    await engine.close();
  });

  it("commit as one batch, at the durability of the log", async () => {
    const { files, engine } = await opened({ durability: "power" });
    await engine.offsets.commit("g", [at(0, 1)]);
    const release = files.holdSyncs();
    const committing = engine.offsets.commit("g", [at(0, 2), at(1, 2)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.offsets.committed("g", "orders", 0)?.offset).toBe(1);
    release();
    await committing;
    expect(engine.offsets.committed("g", "orders", 0)?.offset).toBe(2);
    expect(engine.stats().appendedBatches).toBe(2 + 2);
    await engine.close();
  });

  it("can be forgotten, one by one and all", async () => {
    const { memory, engine } = await opened();
    await engine.offsets.commit("g", [at(0, 1), at(1, 1)]);
    await engine.offsets.delete("g", [{ topic: "orders", partition: 0 }]);
    expect(engine.offsets.allCommitted("g").map(({ partition }) => partition)).toEqual([1]);
    await engine.offsets.delete("g");
    await engine.offsets.delete("nobody");
    expect(engine.offsets.groups()).toEqual([]);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    await again.offsets.ready();
    expect(again.offsets.groups()).toEqual([]);
    await again.close();
  });

  it.each([
    [{ topic: "none", partition: 0, offset: 0 }, "VARVE_UNKNOWN_TOPIC"],
    [{ topic: "orders", partition: 2, offset: 0 }, "VARVE_UNKNOWN_PARTITION"],
    [{ topic: "orders", partition: 0, offset: 4 }, "VARVE_OFFSET_OUT_OF_RANGE"],
    [{ topic: "orders", partition: 0, offset: -1 }, "VARVE_OFFSET_OUT_OF_RANGE"],
    [{ topic: "orders", partition: 0, offset: 0.5 }, "VARVE_OFFSET_OUT_OF_RANGE"],
  ])("cannot be %j", async (entry, code) => {
    const { engine } = await opened();
    expect(await errorOf(() => engine.offsets.commit("g", [at(0, 1), entry]))).toMatchObject({ code });
    await engine.offsets.ready();
    expect(engine.offsets.groups()).toEqual([]);
    expect(await errorOf(() => engine.offsets.commit("", [at(0, 1)]))).toMatchObject({
      code: "VARVE_INVALID_ARGUMENT",
    });
    await engine.close();
  });

  it("past the end after a power cut are brought down to it, for good", async () => {
    const { memory, engine } = await opened();
    await engine.offsets.commit("g", [at(0, 3), at(1, 2)]);
    await engine.offsets.commit("h", [at(0, 3)]);
    const image = memory.clone();
    await engine.close();
    // What a power cut may take from orders-0, and leave of the commits.
    const log = image.open(`${FOLDER}/orders-0/00000000000000000000.log`, "write");
    log.truncate(0);
    log.close();
    const warnings: string[] = [];
    const again = await rebootEngine({ files: image, logger: { warn: (message) => warnings.push(message) } });
    expect(again.openReport.clamped).toEqual([
      { group: "g", topic: "orders", partition: 0, from: 3, to: 0 },
      { group: "h", topic: "orders", partition: 0, from: 3, to: 0 },
    ]);
    expect(warnings.filter((warning) => warning.includes("committed"))).toHaveLength(2);
    const { durableOffset, endOffset } = again.topic("__consumer_offsets").partition(0);
    expect(durableOffset).toBe(endOffset);
    append(again.topic("orders").partition(0), "d", "e", "f", "g");
    const killed = image.clone();
    await again.close();
    for (const files of [image, killed]) {
      const third = await reopenEngine({ files });
      await third.offsets.ready();
      expect([
        third.offsets.committed("g", "orders", 0)?.offset,
        third.offsets.committed("g", "orders", 1)?.offset,
      ]).toEqual([0, 2]);
      await third.close();
    }
  });
});
