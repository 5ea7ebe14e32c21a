/** Which logs are compacted, and when; and that the directory keeps it through closes, kills, failures and backups. */
import { beforeAll, describe, expect, it } from "vitest";
import type { TopicOptions } from "../../src/engine/config.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Partition } from "../../src/engine/partition.ts";
import type { Batch } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { loadKeyFingerprints } from "../../src/storage/key-fingerprints.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { FOLDER, openEngine, reopenEngine } from "./engines.ts";

const CHECK_MS = 15_000;
const DAY = 24 * 3_600_000;

async function opened() {
  const files = new FaultyFiles(new MemoryFiles());
  const clock = new TestClock();
  const warnings: string[] = [];
  const logger = { warn: (message: string) => warnings.push(message) };
  const engine = await openEngine({ files, clock, logger });
  return { files, clock, engine, warnings };
}

const options: TopicOptions = { cleanupPolicy: "compact", segmentBytes: 300 };

function put(partition: Partition, key: string, value: string | null, timestamp = 1): void {
  const builder = new BatchBuilder();
  builder.append(key, value, undefined, timestamp);
  partition.append(builder.seal());
}

async function dirtyTopic(engine: Engine, name: string, more: TopicOptions = {}, count = 20): Promise<Partition> {
  const topic = await engine.createTopic(name, { ...options, ...more });
  for (let i = 0; i < count; i++) put(topic.partition(0), `k${i % 2}`, `${i}`.padEnd(50));
  return topic.partition(0);
}

function batchesIn(partition: Partition): Batch[] {
  const batches: Batch[] = [];
  for (let offset = partition.startOffset; ; offset = batches[batches.length - 1].nextOffset) {
    const read = partition.read(offset, 1_000_000, partition.endOffset);
    if (read.length === 0) return batches;
    batches.push(...read);
  }
}

function recordsIn(partition: Partition): number {
  return batchesIn(partition).reduce((sum, { recordCount }) => sum + recordCount, 0);
}

/** The hash is compiled off the event loop, for as long as that takes: no number of turns waits for it. */
beforeAll(async () => {
  await loadKeyFingerprints();
});

/** Lets the clock come by, and waits for the work that it starts. */
async function pass(clock: TestClock, ms = CHECK_MS): Promise<void> {
  await clock.advanceAsync(ms);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const checkpointOf = (files: FaultyFiles) =>
  Buffer.from(files.read(`${FOLDER}/cleaner-offset-checkpoint`) ?? []).toString();

describe("the housekeeper", () => {
  it("compacts what is dirty enough, tells how far, and knows it after a reopen", async () => {
    const { files, clock, engine, warnings } = await opened();
    const partition = await dirtyTopic(engine, "orders");
    const other = await dirtyTopic(engine, "kept", { cleanupPolicy: "delete" });
    const before = engine.stats();
    await pass(clock);
    expect([recordsIn(partition) < 6, recordsIn(other)]).toEqual([true, 20]);
    const { cleanedOffset } = partition;
    expect(checkpointOf(files)).toBe(`0\n1\norders 0 ${cleanedOffset}\n`);
    const after = engine.stats();
    expect([after.compactions, after.compactedBytes]).toEqual([1, before.sizeInBytes - after.sizeInBytes]);
    expect(after.usedBytes).toBeLessThan(before.usedBytes);
    await pass(clock);
    expect(engine.stats().compactions).toBe(1);
    await engine.close();
    const again = await reopenEngine({ files, clock });
    expect(again.topic("orders").partition(0).cleanedOffset).toBe(cleanedOffset);
    await again.topic("orders").ready();
    await pass(clock);
    expect([again.stats().compactions, warnings.filter((text) => text.includes("orders"))]).toEqual([0, []]);
    await again.close();
    expect(files.openPaths).toEqual([]);
  });

  it("leaves alone what is below minCleanableDirtyRatio, unless it has waited for maxCompactionLagMs", async () => {
    const { clock, engine } = await opened();
    const partition = await dirtyTopic(engine, "orders", { minCleanableDirtyRatio: 1 });
    await pass(clock);
    expect(recordsIn(partition)).toBe(20);
    await engine.topic("orders").alterConfig({ maxCompactionLagMs: 5 * CHECK_MS });
    await pass(clock);
    expect(recordsIn(partition)).toBeLessThan(6);
    await engine.close();
  });

  it("also takes old segments of a topic that is compacted and deleted", async () => {
    const { clock, engine } = await opened();
    const partition = await dirtyTopic(engine, "orders", { cleanupPolicy: "compact,delete", retentionMs: DAY });
    await pass(clock);
    expect(recordsIn(partition)).toBeLessThan(6);
    await pass(clock, 2 * DAY);
    expect([partition.startOffset, partition.endOffset]).toEqual([20, 20]);
    await engine.close();
  });

  it("compacts nothing while the wall clock is off", async () => {
    const { clock, engine } = await opened();
    const partition = await dirtyTopic(engine, "orders");
    clock.jump(10 * 365 * DAY);
    await pass(clock);
    expect(recordsIn(partition)).toBe(20);
    await engine.compact(partition);
    put(partition, "k1", null, clock.now());
    await engine.compact(partition);
    await engine.compact(partition);
    const horizons = batchesIn(partition).map((batch) => batch.deleteHorizonMs);
    expect(horizons).toEqual(horizons.map(() => undefined));
    await engine.close();
  });

  it("tries again where the disk was full, and leaves damage alone", async () => {
    const { files, clock, engine, warnings } = await opened();
    const full = await dirtyTopic(engine, "full");
    const damaged = await dirtyTopic(engine, "damaged");
    const path = `${FOLDER}/damaged-0/00000000000000000000.log`;
    const file = files.open(path, "write");
    file.write(Uint8Array.of(0xff), 0, 1, 100);
    file.close();
    const room = files.fail({ on: "open", path: /full-0.*cleaned/, code: "VARVE_NO_SPACE", times: 3 });
    await pass(clock);
    expect(warnings.filter((text) => text.includes("full-0"))).toHaveLength(1);
    room();
    for (let i = 0; i < 3; i++) await pass(clock);
    expect([recordsIn(full) < 6, damaged.cleanedOffset]).toEqual([true, 0]);
    expect(warnings.filter((text) => text.includes("damaged-0"))).toHaveLength(1);
    await expect(engine.compact(damaged)).rejects.toMatchObject({
      code: "VARVE_CORRUPT",
      topic: "damaged",
      partition: 0,
    });
    await engine.close();
  });

  it("keeps committed offsets short", async () => {
    const { clock, engine } = await opened();
    await engine.createTopic("orders");
    await engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 0 }]);
    const partition = engine.topic("__consumer_offsets").partition(0);
    await engine.topic("__consumer_offsets").alterConfig({ segmentBytes: 1000 });
    for (let i = 0; i < 100; i++) await engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 0 }]);
    await pass(clock);
    expect(recordsIn(partition)).toBeLessThan(12);
    expect(partition.endOffset).toBe(101);
    await engine.close();
  });
});

describe("beside it", () => {
  it("the engine closes at once", async () => {
    const { files, engine } = await opened();
    const partition = await dirtyTopic(engine, "orders", {}, 200);
    const release = files.holdSyncs(/cleaned/);
    const compacting = engine.compact(partition).catch((error) => error);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const closing = engine.close();
    release();
    await closing;
    expect(await compacting).toMatchObject({ code: "VARVE_CLOSED" });
    expect(files.list(`${FOLDER}/orders-0`)!.filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
  });

  it("a topic can be deleted, and a backup sees the log before or after", async () => {
    const { files, engine, clock } = await opened();
    const partition = await dirtyTopic(engine, "orders", {}, 100);
    const compacting = engine.compact(partition);
    await engine.backup("/copy", files);
    await compacting;
    expect(recordsIn(partition)).toBe(2);
    const second = await dirtyTopic(engine, "gone", {}, 100);
    const late = engine.compact(second).catch((error) => error);
    await engine.deleteTopic("gone");
    expect([undefined, "VARVE_CLOSED", "VARVE_UNKNOWN_TOPIC"]).toContain((await late).code);
    await engine.close();
    const copy = await reopenEngine({ files, clock });
    expect(copy.topics.has("gone")).toBe(false);
    await copy.close();
  });
});
