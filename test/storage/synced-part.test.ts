/** Recovery before the recovery point: by headers, with the same outcome as a walk over all of it, and only where they are in order. */
import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join, nameOf } from "../../src/storage/paths.ts";
import { flipBit } from "./bit-flips.ts";
import { batchOfSize, FOLDER, openLog } from "./partition.ts";

const MIB = 1024 * 1024;
const BATCH_BYTES = 20_000;
const COUNT = 250;
const RECOVERY_POINT = 200;
const config = { segmentBytes: 100 * MIB, indexIntervalBytes: 50_000 };
const LOG = join(FOLDER, "00000000000000000000.log");
const INDEXES = ["index", "timeindex"].map((kind) => join(FOLDER, `00000000000000000000.${kind}`));

/** 5 MB in one segment; the largest timestamp is that of offset 77. */
async function written(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config });
  for (let i = 0; i < COUNT; i++) {
    log.append(batchOfSize(BATCH_BYTES, i === 77 ? 9999 : (i * 37) % 1000));
    if (log.endOffset === RECOVERY_POINT) await log.flush();
  }
  log.closeNow();
  return files;
}

const open = (files: MemoryFiles, recoveryPoint: number) =>
  openLog(files, { config, lastClose: "process", recoveryPoint });

/** Bytes that were looked at in full. */
function scanned(events: readonly { kind: string }[]): number {
  return (events.find(({ kind }) => kind === "recovered") as { scannedBytes: number } | undefined)!.scannedBytes;
}

const sizeOfBatch = (files: MemoryFiles) => files.stat(LOG)!.size / COUNT;

/** The lowest bit of a byte of that batch. */
function damage(files: MemoryFiles, offset: number, at: number): void {
  flipBit(files, { file: nameOf(LOG), bit: (offset * sizeOfBatch(files) + at) * 8 + 7 });
}

describe("what was synced before a crash", () => {
  it("is not read again, and the indexes are what a walk over all makes them", async () => {
    const [quick, whole] = [await written(), await written()];
    const some = await open(quick, RECOVERY_POINT);
    const all = await open(whole, 0);
    expect(scanned(all.events)).toBe(quick.stat(LOG)!.size);
    expect(scanned(some.events)).toBe((COUNT - RECOVERY_POINT) * sizeOfBatch(quick));
    for (const opened of [some, all]) {
      expect(opened.log.endOffset).toBe(COUNT);
      expect(opened.log.offsetOfMaxTimestamp()).toEqual({ offset: 77, timestamp: 9999 });
      await opened.log.close();
    }
    for (const path of INDEXES) {
      expect(quick.read(path)!.length).toBeGreaterThan(0);
      expect(quick.read(path)).toEqual(whole.read(path));
    }
  });

  it("is believed to be rotten when it is read, and costs one batch", async () => {
    const files = await written();
    damage(files, 20, 5000);
    const { log, events } = await open(files, RECOVERY_POINT);
    expect(events.map(({ kind }) => kind)).toEqual(["recovered"]);
    expect(() => log.read(20, 1, COUNT)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT", from: 20, to: 21 }));
    expect(log.read(21, 1, COUNT)[0].baseOffset).toBe(21);
    log.closeNow();
  });

  it.each([
    ["in the MiB before the recovery point", 190, 5000],
    ["in the batch with the largest timestamp", 77, 5000],
    ["in a length", 20, 11],
    ["in a base offset", 20, 7],
    ["in a last offset", 20, 26],
    ["in an epoch", 20, 15],
    ["in the magic", 20, 16],
  ])("is walked as a whole where there is damage %s", async (_, offset, at) => {
    const files = await written();
    damage(files, offset, at);
    const { log, events } = await open(files, RECOVERY_POINT);
    expect(events).toContainEqual(expect.objectContaining({ kind: "corrupt", from: offset, to: offset + 1 }));
    expect(scanned(events)).toBe((COUNT - 1) * sizeOfBatch(files));
    expect(log.endOffset).toBe(COUNT);
    log.closeNow();
  });
});
