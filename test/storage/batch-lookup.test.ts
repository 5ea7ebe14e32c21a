/** The short way to one batch: what it reads, and that it leaves to the long way what is not as it should be. */
import { describe, expect, it } from "vitest";
import { BASE_OFFSET, BATCH_LENGTH, LAST_OFFSET_DELTA, PARTITION_LEADER_EPOCH } from "../../src/format/batch.ts";
import type { File, Files, OpenMode } from "../../src/storage/files.ts";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { flipBit } from "./bit-flips.ts";
import { batchOf, batchOfSize, openLog, recordsOf } from "./partition.ts";

const KAFKAS = { segmentBytes: 1_000_000, indexIntervalBytes: 4096 };

/** Files that note each read of a log. */
class NotedFiles extends MemoryFiles {
  readonly reads: { position: number; length: number }[] = [];

  override open(path: string, mode: OpenMode): File {
    const file = super.open(path, mode);
    if (!path.endsWith(".log")) return file;
    const read = file.read.bind(file);
    file.read = (into, at, length, position) => {
      this.reads.push({ position, length });
      return read(into, at, length, position);
    };
    return file;
  }
}

/** Batches of a record each, of that many bytes. */
async function logOf(files: Files, sizes: readonly number[]): Promise<Log> {
  const { log } = await openLog(files, { config: KAFKAS });
  for (const size of sizes) log.append(batchOfSize(size));
  return log;
}

function many(count: number, size: number): number[] {
  return Array.from({ length: count }, () => size);
}

describe("looking up one batch", () => {
  it.each([
    ["small batches", many(500, 50)],
    ["batches of half an index interval", many(50, 2000)],
    ["batches larger than an index interval", many(30, 9000)],
    ["batches larger than what a read takes", many(10, 50_000)],
    ["sizes that change", Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? 30_000 : 700 * (i % 5)))],
  ])("finds each of %s, in three reads at the most", async (_, sizes) => {
    const files = new NotedFiles();
    const log = await logOf(files, sizes);
    for (const [offset, size] of sizes.entries()) {
      files.reads.length = 0;
      const found = log.find(offset)!;
      expect(recordsOf(found)).toMatchObject([{ offset, value: "x".repeat(size) }]);
      expect(files.reads.length).toBeLessThanOrEqual(3);
      const bytesRead = files.reads.reduce((sum, { length }) => sum + length, 0);
      expect(bytesRead).toBeLessThanOrEqual(3 * 16 * 1024 + found.sizeInBytes);
    }
    await log.close();
  });

  it("takes one read, of the batch alone, where every batch is in the index", async () => {
    const files = new NotedFiles();
    const log = await logOf(files, many(30, 9000));
    const { position, sizeInBytes: length } = log.read(17, 1, 18)[0];
    files.reads.length = 0;
    log.find(17);
    expect(files.reads).toEqual([{ position, length }]);
    await log.close();
  });

  it("has no batch outside of the log", async () => {
    const log = await logOf(new MemoryFiles(), many(5, 10));
    log.deleteRecordsBefore(2);
    expect([-1, 0, 1, 5, 6, Number.NaN].map((offset) => log.find(offset))).toEqual(Array(6).fill(undefined));
    await log.close();
  });

  it("finds what has just been appended, in any segment", async () => {
    const { log } = await openLog(new MemoryFiles());
    for (let offset = 0; offset < 60; offset++) {
      log.append(batchOf([`${offset}`.padEnd(100)]));
      expect(log.find(offset)?.baseOffset).toBe(offset);
      expect(log.find(offset >> 1)?.baseOffset).toBe(offset >> 1);
    }
    expect(log.segmentCount).toBeGreaterThan(3);
    await log.close();
  });
});

describe("where something is wrong with", () => {
  const fields = { "the base offset": BASE_OFFSET + 7, "the length": BATCH_LENGTH + 3 };
  const others = { "the leader epoch": PARTITION_LEADER_EPOCH + 3, "the last offset": LAST_OFFSET_DELTA + 3 };

  it.each(Object.entries({ ...fields, ...others }))("%s of a batch, that batch alone is refused", async (_, field) => {
    for (const size of [50, 2000, 9000]) {
      const files = new MemoryFiles();
      const { log } = await openLog(files, { config: KAFKAS });
      const four = ["a", "b", "c", "d"].map((letter) => letter.repeat(size / 4));
      for (let i = 0; i < 20; i++) log.append(batchOf(four));
      const { position } = log.read(28, 1, 29)[0];
      flipBit(files, { file: "00000000000000000000.log", bit: (position + field) * 8 + 7 });
      for (let offset = 0; offset < 80; offset++) {
        const isDamaged = offset >= 28 && offset < 32;
        if (isDamaged) expect(() => log.find(offset)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
        else expect(recordsOf(log.find(offset)!)[offset % 4]).toMatchObject({ offset, value: four[offset % 4] });
      }
      await log.close();
    }
  });

  it("the index, what it says is not believed", async () => {
    const files = new MemoryFiles();
    const log = await logOf(files, many(8, 9000));
    await log.close();
    const bits = files.stat("/t-0/00000000000000000000.index")!.size * 8;
    for (let bit = 0; bit < bits; bit++) {
      const flipped = files.clone();
      flipBit(flipped, { file: "00000000000000000000.index", bit });
      const { log: again } = await openLog(flipped, { config: KAFKAS, recoveryPoint: 8, readOnly: true });
      for (const offset of [0, 3, 4, 7]) expect(again.find(offset)?.baseOffset).toBe(offset);
      again.closeNow();
    }
  });
});
