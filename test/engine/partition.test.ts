import { describe, expect, it } from "vitest";
import type { TopicOptions } from "../../src/engine/config.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { Partition } from "../../src/engine/partition.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf } from "../storage/partition.ts";
import { append, errorOf, openEngine, rebootEngine, reopenEngine, valuesOf } from "./engines.ts";

async function opened(topicOptions: TopicOptions = {}, options: EngineOptions = {}) {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  const clock = new TestClock();
  const engine = await openEngine({ files, clock, ...options });
  const topic = await engine.createTopic("orders", topicOptions);
  const partition = topic.partition(0);
  return { memory, files, clock, engine, topic, partition };
}

function bounds({ endOffset, highWatermark, lastStableOffset, durableOffset }: Partition): number[] {
  return [endOffset, highWatermark, lastStableOffset, durableOffset];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('at "process"', () => {
  it("an append is acknowledged and readable when it returns, and durable within flushMs", async () => {
    const { files, clock, engine, partition } = await opened({}, { flushMs: 500 });
    files.resetCounts();
    expect(append(partition, "a", "b")).toBe(0);
    expect(partition.acknowledged(2)).toBeUndefined();
    expect(bounds(partition)).toEqual([2, 2, 2, 0]);
    expect([partition.bound("read_committed", false), partition.bound("read_uncommitted", true)]).toEqual([2, 0]);
    await clock.advanceAsync(499);
    append(partition, "c");
    expect(files.counts.sync).toBe(0);
    await clock.advanceAsync(1);
    await turn();
    expect(files.counts.sync).toBe(1);
    expect(bounds(partition)).toEqual([3, 3, 3, 3]);
    await engine.close();
  });

  it("one timer serves all partitions, and none runs when nothing was written", async () => {
    const { clock, engine, topic } = await opened({ partitions: 20 });
    const before = clock.pending;
    for (const partition of topic.partitions) append(partition!, "x");
    expect(clock.pending).toBe(before + 1);
    await clock.advanceAsync(1000);
    await turn();
    expect(topic.partitions.map((partition) => partition!.durableOffset)).toEqual(Array(20).fill(1));
    expect(clock.pending).toBe(before);
    await engine.close();
    expect(clock.pending).toBe(0);
  });
});

describe('at "power"', () => {
  it("readers and acknowledgements wait for the sync, and concurrent ones share it", async () => {
    const { files, engine, partition } = await opened({ durability: "power" });
    files.resetCounts();
    const release = files.holdSyncs();
    append(partition, "a");
    const first = partition.acknowledged(1)!;
    append(partition, "b");
    const second = partition.acknowledged(2)!;
    append(partition, "c");
    const third = partition.acknowledged(3)!;
    let settled = 0;
    for (const one of [first, second, third]) one.then(() => settled++);
    await turn();
    expect([settled, ...bounds(partition)]).toEqual([0, 3, 0, 0, 0]);
    release();
    await first;
    expect(partition.highWatermark).toBeGreaterThanOrEqual(1);
    await Promise.all([second, third]);
    expect(bounds(partition)).toEqual([3, 3, 3, 3]);
    // One that was under way, one for all who came meanwhile; the first one also syncs the new segment's folder.
    expect(files.counts.sync).toBe(2);
    expect(partition.acknowledged(3)).toBeUndefined();
    await engine.close();
  });

  it("an acknowledged record survives the death of the machine", async () => {
    const { files, engine, partition } = await opened({ durability: "power" });
    append(partition, "a");
    await partition.acknowledged(1);
    const image = (files as unknown as { openPaths: string[] }).openPaths;
    expect(image.length).toBeGreaterThan(0);
    expect(partition.recoveryPoint).toBe(1);
    await engine.close();
  });

  it("a failed sync rejects who waits, poisons the partition, and leaves reading alone", async () => {
    const { memory, files, engine, topic, partition } = await opened({ durability: "power", partitions: 2 });
    append(partition, "kept");
    await partition.acknowledged(1);
    const poisoned: unknown[] = [];
    engine.on("poisoned", (event) => poisoned.push(event));
    files.fail({ on: "sync", path: /orders-0.*log$/, code: "VARVE_IO" });
    append(partition, "lost");
    const waiting = [partition.acknowledged(2)!, partition.acknowledged(2)!];
    for (const one of waiting) expect(await errorOf(() => one)).toMatchObject({ code: "VARVE_POISONED", partition: 0 });
    expect(await errorOf(() => append(partition, "refused"))).toMatchObject({ code: "VARVE_POISONED" });
    expect(poisoned).toMatchObject([{ topic: "orders", partition: 0, error: { code: "VARVE_POISONED" } }]);
    expect(engine.health()).toMatchObject({ ok: false, poisoned: [{ topic: "orders", partition: 0 }] });
    expect(valuesOf(partition)).toEqual(["kept"]);
    append(topic.partition(1), "elsewhere");
    await topic.partition(1).acknowledged(1);

    await engine.close();
    expect(memory.stat("/data/.kafka_cleanshutdown")).toBeUndefined();
    const again = await reopenEngine({ files: memory });
    expect(again.openReport.lastClose).toBe("machine");
    expect(valuesOf(again.topic("orders").partition(0))[0]).toBe("kept");
    expect(valuesOf(again.topic("orders").partition(1))).toEqual(["elsewhere"]);
    append(again.topic("orders").partition(0), "taken again");
    await again.close();
  });

  it("a topic that comes to it shows readers nothing less than before", async () => {
    const { engine, topic, partition } = await opened();
    append(partition, "a");
    const before = partition.highWatermark;
    await topic.alterConfig({ durability: "power" });
    expect(partition.highWatermark).toBe(before);
    await engine.close();
  });
});

describe("watchers", () => {
  it("are called by the append itself, by a sync, and by the end", async () => {
    const { engine, partition } = await opened();
    const seen: string[] = [];
    const stop = partition.watch(() =>
      seen.push(`${partition.endOffset} ${partition.durableOffset} ${partition.isClosed}`),
    );
    append(partition, "a");
    expect(seen).toEqual(["1 0 false"]);
    await partition.flush();
    expect(seen).toEqual(["1 0 false", "1 1 false"]);
    stop();
    append(partition, "b");
    expect(seen).toHaveLength(2);
    let ended = false;
    partition.watch(() => {
      ended = partition.isClosed;
    });
    await engine.close();
    expect(ended).toBe(true);
  });
});

describe("flushNow", () => {
  it("makes all durable before it returns", async () => {
    const { engine, partition } = await opened({ durability: "power" });
    append(partition, "a");
    partition.flushNow();
    expect(bounds(partition)).toEqual([1, 1, 1, 1]);
    expect(partition.acknowledged(1)).toBeUndefined();
    await engine.close();
  });
});

describe("the start of a partition", () => {
  it("is moved for good by deleteRecordsBefore, also where nothing was synced before", async () => {
    const { memory, engine, partition } = await opened();
    append(partition, "a", "b");
    append(partition, "c");
    expect(await partition.deleteRecordsBefore(1)).toBe(1);
    expect([partition.startOffset, partition.durableOffset]).toEqual([1, 3]);
    const image = memory.clone();
    await engine.close();
    const again = await rebootEngine({ files: image });
    expect(valuesOf(again.topic("orders").partition(0))).toEqual(["b", "c"]);
    expect(await again.topic("orders").partition(0).deleteRecordsBefore(0)).toBe(1);
    await again.close();
  });

  it.each([-1, 1.5, 4, Number.NaN])("cannot be moved to %d of 3 offsets", async (offset) => {
    const { engine, partition } = await opened();
    append(partition, "a", "b", "c");
    const error = await errorOf(() => partition.deleteRecordsBefore(offset));
    expect(error).toMatchObject({ code: "VARVE_OFFSET_OUT_OF_RANGE", topic: "orders", partition: 0 });
    expect(valuesOf(partition)).toEqual(["a", "b", "c"]);
    await engine.close();
  });

  it("is the end after truncate, and the offsets go on from there", async () => {
    const { memory, engine, partition } = await opened();
    append(partition, "a", "b");
    await partition.truncate();
    expect([partition.startOffset, partition.endOffset, partition.sizeInBytes]).toEqual([2, 2, 0]);
    expect(append(partition, "c")).toBe(2);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    await again.topic("orders").ready();
    expect(valuesOf(again.topic("orders").partition(0))).toEqual(["c"]);
    await again.close();
  });
});

describe("a batch of a producer", () => {
  it("is known again after truncate, which takes its records only", async () => {
    const { memory, engine, partition } = await opened();
    const batch = () => batchOf(["a", "b"], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    expect(partition.append(batch())).toBe(0);
    await partition.truncate();
    expect([partition.append(batch()), partition.endOffset]).toEqual([0, 2]);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    await again.topic("orders").ready();
    expect(again.topic("orders").partition(0).append(batch())).toBe(0);
    await again.close();
  });
});

describe("a partition", () => {
  it("that is closed or deleted says so", async () => {
    const { engine, topic, partition } = await opened();
    append(partition, "a");
    await engine.deleteTopic("orders");
    for (const call of [() => append(partition, "b"), () => partition.read(0, 1, 1), () => partition.ready()]) {
      if (call !== undefined && partition.isReady && call.toString().includes("ready")) continue;
      expect(await errorOf(call)).toMatchObject({ code: "VARVE_UNKNOWN_TOPIC", topic: "orders" });
    }
    expect(await errorOf(() => topic.addPartitions(3))).toMatchObject({ code: "VARVE_UNKNOWN_TOPIC" });
    const other = (await engine.createTopic("other")).partition(0);
    await engine.close();
    expect(await errorOf(() => append(other, "b"))).toMatchObject({ code: "VARVE_CLOSED" });
    expect(await errorOf(() => other.read(0, 1, 1))).toMatchObject({ code: "VARVE_CLOSED" });
  });

  it("is told apart from those there are not", async () => {
    const { engine, topic } = await opened({ partitions: 3 });
    for (const index of [3, -1, 0.5, "0" as unknown as number]) {
      const error = await errorOf(() => topic.partition(index));
      expect(error).toMatchObject({ code: "VARVE_UNKNOWN_PARTITION", topic: "orders" });
      expect(error.message).toContain("partitions 0 to 2");
    }
    await engine.close();
  });

  it("takes writes again when there is room, with nothing of the failed one left", async () => {
    const { memory, files, engine, partition } = await opened();
    append(partition, "a");
    files.shortWrites({ path: /\.log$/ });
    expect(await errorOf(() => append(partition, "b"))).toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(valuesOf(partition)).toEqual(["a"]);
    expect(append(partition, "c")).toBe(1);
    await engine.close();
    const again = await reopenEngine({ files: memory });
    await again.topic("orders").ready();
    expect(valuesOf(again.topic("orders").partition(0))).toEqual(["a", "c"]);
    await again.close();
  });
});
