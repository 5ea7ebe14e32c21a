/** Room in front of the appends: how much, where nothing may be seen of it, and what is left of it after a crash. */
import { describe, expect, it } from "vitest";
import { placeBatch } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { File } from "../../src/storage/files.ts";
import { LeaderEpochs } from "../../src/storage/leader-epochs.ts";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join, segmentFile } from "../../src/storage/paths.ts";
import { sizeWithRoom } from "../../src/storage/preallocation.ts";
import { isDamage, scanBatches } from "../../src/storage/scan.ts";
import { Structure } from "../../src/storage/structure.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, batchOfSize, FOLDER, openLog, valuesOf } from "./partition.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const config = { segmentBytes: 200 * KIB };
/** With such a record a log gets room. */
const LARGE = "x".repeat(20 * KIB);

const sizeOf = (files: MemoryFiles | FaultyFiles, base = 0) => files.stat(join(FOLDER, segmentFile(base, "log")))?.size;
const appendAll = (log: Log, values: string[]) => {
  for (const value of values) log.append(batchOf([value]));
};

describe("how much", () => {
  it.each([
    [1, 1],
    [16 * KIB, 16 * KIB],
    [16 * KIB + 1, 64 * KIB],
    [64 * KIB, 64 * KIB],
    [64 * KIB + 1, 128 * KIB],
    [128 * KIB + 1, 256 * KIB],
    [200 * KIB, 256 * KIB],
    [1.5 * MIB, 2 * MIB],
    [16 * MIB, 16 * MIB],
    [16 * MIB + 1, 32 * MIB],
    [40 * MIB, 48 * MIB],
  ])("a batch that ends at %i: room up to %i", (end, size) => {
    expect(sizeWithRoom(end, Number.MAX_SAFE_INTEGER)).toBe(size);
  });

  it("is never past the limit, nor less than the batch takes; a small limit is the first step", () => {
    expect(sizeWithRoom(250, 1000)).toBe(250);
    expect(sizeWithRoom(251, 1000)).toBe(1000);
    expect(sizeWithRoom(1001, 1000)).toBe(1001);
    expect(sizeWithRoom(1, 0)).toBe(1);
  });
});

describe("a log on files that allocate", () => {
  it("takes none for a few records, then some, and leaves none when it is closed", async () => {
    const files = new MemoryFiles({ allocates: true });
    const { log } = await openLog(files, { config });
    expect(sizeOf(files)).toBe(0);
    appendAll(log, ["a", "b"]);
    expect(sizeOf(files)).toBe(log.sizeInBytes);
    appendAll(log, [LARGE, "c"]);
    expect([sizeOf(files), log.sizeInBytes < 21 * KIB]).toEqual([64 * KIB, true]);
    log.append(batchOfSize(70 * KIB));
    expect(sizeOf(files)).toBe(128 * KIB);
    const { sizeInBytes } = log;
    await log.close();
    expect(sizeOf(files)).toBe(sizeInBytes);
  });

  it("leaves none in a segment that is sealed, or cut", async () => {
    const files = new MemoryFiles({ allocates: true });
    const { log } = await openLog(files, { config });
    appendAll(log, [LARGE, "b"]);
    const { sizeInBytes } = log;
    expect(sizeOf(files)).toBe(64 * KIB);
    log.roll();
    expect(sizeOf(files)).toBe(sizeInBytes);
    appendAll(log, [LARGE, "d"]);
    expect(sizeOf(files, 2)).toBe(64 * KIB);
    log.truncateTo(3);
    expect(sizeOf(files, 2)).toBe(log.sizeInBytes - sizeInBytes);
    appendAll(log, ["e"]);
    expect(sizeOf(files, 2)).toBe(64 * KIB);
    expect(valuesOf(log)).toEqual([LARGE, "b", LARGE, "e"]);
    log.closeNow();
  });

  it.each(["process", "machine"] as const)(
    "after the death of the %s what is left of it is cut, and no damage",
    async (lastClose) => {
      const files = new MemoryFiles({ allocates: true });
      const { log } = await openLog(files, { config });
      appendAll(log, [LARGE, "b"]);
      const { sizeInBytes } = log;
      log.closeNow();
      expect(sizeOf(files)).toBe(64 * KIB);
      for (const readOnly of [true, false]) {
        const { log: found, events } = await openLog(files, { config, lastClose, readOnly, recoveryPoint: 2 });
        expect(events).toMatchObject([{ kind: "recovered", endOffset: 2 }]);
        expect([valuesOf(found), found.sizeInBytes]).toEqual([[LARGE, "b"], sizeInBytes]);
        expect(sizeOf(files)).toBe(readOnly ? 64 * KIB : sizeInBytes);
        found.closeNow();
      }
    },
  );

  it.each(["process", "machine"] as const)(
    "nor in a sealed segment, death of the %s: what follows is kept",
    async (lastClose) => {
      const files = new MemoryFiles();
      const { log } = await openLog(files, { config });
      appendAll(log, ["a", "b"]);
      const { sizeInBytes } = log;
      log.roll();
      appendAll(log, ["c"]);
      log.closeNow();
      const file = files.open(join(FOLDER, segmentFile(0, "log")), "write");
      file.truncate(5000);
      file.close();
      for (const readOnly of [true, false]) {
        const { log: found, events } = await openLog(files, { config, lastClose, readOnly });
        expect(events).toMatchObject([{ kind: "recovered", endOffset: 3, truncatedBytes: 0 }]);
        expect(valuesOf(found)).toEqual(["a", "b", "c"]);
        expect(sizeOf(files)).toBe(readOnly ? 5000 : sizeInBytes);
        found.closeNow();
      }
    },
  );

  it("is not walked into where the recovery point stands before it: what was synced is read by its headers", async () => {
    const files = new MemoryFiles({ allocates: true });
    const large = { segmentBytes: 4 * MIB };
    const { log } = await openLog(files, { config: large });
    for (let i = 0; i < 3; i++) log.append(batchOfSize(900 * KIB));
    appendAll(log, ["end"]);
    log.closeNow();
    const recoverAt = async (recoveryPoint: number) => {
      const { log, events } = await openLog(files.clone(), { config: large, lastClose: "process", recoveryPoint });
      log.closeNow();
      return events;
    };
    const recovered = { kind: "recovered", endOffset: 4, truncatedBytes: 0 };
    expect(await recoverAt(4)).toMatchObject([{ ...recovered, scannedBytes: 0 }]);
    expect(await recoverAt(0)).toMatchObject([{ ...recovered, scannedBytes: log.sizeInBytes }]);
  });

  it("is told from an append that was cut short, and from damage before the recovery point", async () => {
    const files = new MemoryFiles({ allocates: true });
    const { log } = await openLog(files, { config });
    appendAll(log, [LARGE, "b", "c"]);
    const { sizeInBytes } = log;
    log.closeNow();
    const file = files.open(join(FOLDER, segmentFile(0, "log")), "write");
    file.write(new Uint8Array(20), 0, 20, sizeInBytes - 20);
    file.close();
    const lost = await openLog(files.clone(), { config, lastClose: "process", recoveryPoint: 3 });
    expect(lost.events).toMatchObject([{ kind: "corrupt", from: 2, to: 3 }, { kind: "recovered" }]);
    const torn = await openLog(files, { config, lastClose: "process", recoveryPoint: 2 });
    expect([valuesOf(torn.log), torn.log.leaderEpoch]).toEqual([[LARGE, "b"], 1]);
    expect((torn.events[0] as { truncatedBytes: number }).truncatedBytes).toBeGreaterThan(0);
    lost.log.closeNow();
    torn.log.closeNow();
  });

  it("has zeros written to it, a MiB at a time and not past its end, where each append is synced", async () => {
    const written = async (durability: "process" | "power") => {
      const files = new FaultyFiles(new MemoryFiles({ allocates: true }));
      const large = { segmentBytes: 4 * MIB, durability };
      const { log } = await openLog(files, { config: large });
      log.append(batchOfSize(900 * KIB));
      const before = files.counts.write;
      const values = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(40 * KIB));
      appendAll(log, values);
      const { sizeInBytes } = log;
      const writes = files.counts.write - before;
      expect(sizeOf(files)).toBe(4 * MIB);
      const content = files.read(join(FOLDER, segmentFile(0, "log")))!;
      expect(content.subarray(sizeInBytes).every((byte) => byte === 0)).toBe(true);
      log.closeNow();
      const { log: found } = await openLog(files, { config: large, lastClose: "process" });
      expect([found.endOffset, found.sizeInBytes]).toEqual([31, sizeInBytes]);
      expect(valuesOf(found).at(-1)).toBe(values.at(-1));
      found.closeNow();
      return writes;
    };
    expect((await written("power")) - (await written("process"))).toBe(2);
  });

  it("does without these where they cannot be written, and appends go on", async () => {
    const files = new FaultyFiles(new MemoryFiles({ allocates: true }));
    const { log } = await openLog(files, { config: { ...config, durability: "power" } });
    // The second write is that of the zeros.
    files.resetCounts();
    files.fail({ on: "write", code: "VARVE_IO", nth: 2 });
    appendAll(log, [LARGE, "b"]);
    expect(files.counts.write).toBe(3);
    expect(valuesOf(log)).toEqual([LARGE, "b"]);
    log.closeNow();
  });

  it("goes on without it where there is no room for that, and asks once for each segment", async () => {
    const files = new FaultyFiles(new MemoryFiles({ allocates: true }));
    files.fail({ on: "allocate", code: "VARVE_NO_SPACE" });
    const { log } = await openLog(files, { config });
    appendAll(log, [LARGE, "b", "c"]);
    expect(sizeOf(files)).toBe(log.sizeInBytes);
    expect(files.counts.allocate).toBe(1);
    log.roll();
    appendAll(log, [LARGE]);
    expect(sizeOf(files, 3)).toBe(64 * KIB);
    await log.close();
    expect(valuesOf((await openLog(files, { config, recoveryPoint: 4 })).log)).toEqual([LARGE, "b", "c", LARGE]);
  });
});

it("a reader who comes while the owner is writing takes the batches that came meanwhile for no damage", () => {
  const files = new MemoryFiles({ allocates: true });
  const file = files.open("/log", "create");
  file.allocate(64 * KIB);
  const { bytes, end } = sealed();
  let reads = 0;
  const readBatches: typeof file.readBatches = (...range) => {
    const count = file.readBatches(...range);
    // Once the reader has seen that nothing is there.
    if (reads++ === 0) for (let i = 0; i < 2; i++) file.writeSealed(placed(bytes, i), 0, end, i * end);
    return count;
  };
  const { path, native } = file;
  const racing = { path, native, readBatches, read: file.read.bind(file) } as File;
  const structure = new Structure(0, false, Number.POSITIVE_INFINITY, new LeaderEpochs());
  const found = [...scanBatches(racing, 0, 64 * KIB, structure)];
  expect(found.map((scanned) => (isDamage(scanned) ? scanned.isZeros : scanned.baseOffset))).toEqual([0, 1, true]);
});

function sealed(): { bytes: Uint8Array; end: number } {
  const builder = new BatchBuilder();
  builder.append("k", "v", undefined, 0);
  return builder.seal();
}

/** A copy with that base offset. */
function placed(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = bytes.slice();
  placeBatch(copy, 0, offset, 0);
  return copy;
}
