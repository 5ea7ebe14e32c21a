import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { flipBit } from "./bit-flips.ts";
import { batchOf, FOLDER, type OpenChoices, openLog, valuesOf } from "./partition.ts";

const HOUR = 3_600_000;

/** One segment for each timestamp, written at the time the clock shows; the last one stays active. */
async function logOf(timestamps: number[], choices: OpenChoices = {}, perSegmentMs = 0) {
  const clock = new TestClock({ now: 100 * HOUR });
  const files = new MemoryFiles({ clock });
  const { log } = await openLog(files, { clock, ...choices });
  timestamps.forEach((timestamp, i) => {
    if (i > 0) log.roll();
    log.append(batchOf([{ value: `${i}`, timestamp: timestamp < 0 ? -1 : timestamp * HOUR }]));
    clock.advance(perSegmentMs);
  });
  return { log, clock, files };
}

describe("retention by age", () => {
  const config = { retentionMs: 10 * HOUR };

  it("deletes the segments whose youngest record is too old, and no more", async () => {
    const { log } = await logOf([80, 85, 95, 99], { config });
    expect(log.retain()).toBe(2);
    expect([log.startOffset, log.endOffset]).toEqual([2, 4]);
    expect(valuesOf(log)).toEqual(["2", "3"]);
  });

  it("keeps what is just as old as allowed", async () => {
    const { log, clock } = await logOf([90, 91], { config });
    expect(log.retain()).toBe(0);
    clock.advance(1);
    expect(log.retain()).toBe(1);
  });

  it("stops at the first segment that is young: a log has no holes", async () => {
    const { log } = await logOf([80, 99, 80], { config });
    expect(log.retain()).toBe(1);
    expect(valuesOf(log)).toEqual(["1", "2"]);
  });

  it("deletes the active segment as well when all of it is too old; offsets go on", async () => {
    const { log } = await logOf([50, 60], { config });
    expect(log.retain()).toBe(2);
    expect([log.startOffset, log.endOffset, log.sizeInBytes]).toEqual([2, 2, 0]);
    expect(log.append(batchOf(["new"]))).toBe(2);
    expect(log.retain()).toBe(1);
    expect(log.retain()).toBe(0);
  });

  it("counts a timestamp in the future from when it was written", async () => {
    const { log, clock } = await logOf([10_000, 99, 99], { config });
    expect(log.retain()).toBe(0);
    clock.advance(11 * HOUR);
    expect(log.retain()).toBe(3);
  });

  it("counts records without a timestamp from when they were written", async () => {
    const { log, clock } = await logOf([-1, 99], { config });
    expect(log.retain()).toBe(0);
    clock.advance(11 * HOUR);
    expect(log.retain()).toBe(2);
  });

  it("does not take an index's word for the age, nor is it fooled by damage", async () => {
    const { log, clock, files } = await logOf([99, 99], { config });
    await log.close();
    // As copied from a backup: the time of writing says nothing.
    const { log: again } = await openLog(files, { clock, config });
    flipBit(files, { file: "00000000000000000000.timeindex", bit: 30 });
    flipBit(files, { file: "00000000000000000000.log", bit: 8 * 68 });
    expect(again.retain()).toBe(0);
    expect(again.startOffset).toBe(0);
  });

  it("does nothing to a compacted log", async () => {
    const { log } = await logOf([50, 60], { config: { ...config, cleanupPolicy: "compact" } });
    expect(log.retain()).toBe(0);
  });

  it("keeps everything when there is no bound", async () => {
    const { log, clock } = await logOf([0, 0]);
    clock.advance(1e6 * HOUR);
    expect(log.retain()).toBe(0);
  });
});

describe("retention by size", () => {
  it("deletes segments while the rest is still large enough, never the active one", async () => {
    const { log } = await logOf([1, 2, 3, 4]);
    const size = log.sizeInBytes / 4;
    log.updateConfig({ ...log.config, retentionBytes: 2 * size + 1 });
    expect(log.retain()).toBe(1);
    log.updateConfig({ ...log.config, retentionBytes: 2 * size });
    expect(log.retain()).toBe(1);
    log.updateConfig({ ...log.config, retentionBytes: 0 });
    expect(log.retain()).toBe(1);
    expect(log.retain()).toBe(0);
    expect(valuesOf(log)).toEqual(["3"]);
  });

  it("goes as far as its limit and no further", async () => {
    const { log } = await logOf([1, 2, 3, 4], { config: { retentionBytes: 0 } });
    expect([log.retain(2), log.retain(2), log.retain(2)]).toEqual([2, 1, 0]);
  });
});

describe("what is deleted", () => {
  it("is gone from the folder: log, indexes, snapshots", async () => {
    const { log, files } = await logOf([1, 2, 3], { config: { retentionBytes: 0 } });
    log.retain();
    expect(files.list(FOLDER)!.filter((name) => name.startsWith("0"))).toEqual([
      "00000000000000000002.log",
      "00000000000000000002.snapshot",
    ]);
  });

  it("is what lies before the log start, also where an earlier owner died before it was deleted", async () => {
    const { log, files, clock } = await logOf([1, 2, 3]);
    await log.close();
    const { log: again } = await openLog(files, { clock, startOffset: 2, recoveryPoint: 3 });
    expect([again.startOffset, again.segmentCount]).toEqual([2, 1]);
    expect(files.stat(join(FOLDER, "00000000000000000000.log"))).toBeUndefined();
  });

  it("never comes back by a reader that was there, nor by a sync that runs", async () => {
    const { log, files } = await logOf([1, 2, 3]);
    log.read(0, 1, 3);
    const flushed = log.flush();
    log.deleteRecordsBefore(2);
    await flushed;
    await log.flush();
    expect(() => log.read(0, 1, 3)).toThrow(expect.objectContaining({ code: "VARVE_OFFSET_OUT_OF_RANGE" }));
    expect(files.stat(join(FOLDER, "00000000000000000000.log"))).toBeUndefined();
    expect(log.durableOffset).toBe(3);
  });
});
