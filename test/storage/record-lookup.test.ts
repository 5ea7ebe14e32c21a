/** Single records out of mapped segments: the same as by reading, or no answer; never a wrong one, and never the end of the process. */
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, VALUE_AT, VALUE_LENGTH } from "../../src/format/record.ts";
import type { RecordCopies } from "../../src/format/record-copies.ts";
import { loadNative } from "../../src/native.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import type { Log, LogConfig } from "../../src/storage/log.ts";
import { SETTINGS } from "./compacting.ts";
import { batchOf, batchOfSize, type OpenChoices, openLog, recordsOf } from "./partition.ts";

const { native } = loadNative();

/** More look-ups than it takes until a small file is mapped. */
const ENOUGH = 20;

const MAX_BYTES = 1024 * 1024;

const KAFKAS = { segmentBytes: 10_000_000, indexIntervalBytes: 4096 };

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-lookup-"));
  path = join(folder, "t-0", "00000000000000000000.log");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function openOnDisk(choices: OpenChoices = {}): Promise<Log> {
  const files = new DiskFiles({ root: folder, native: watched });
  files.makeFolder(join(folder, "t-0"));
  const { log } = await openLog(files, {
    folder: join(folder, "t-0"),
    ...choices,
    config: { ...KAFKAS, ...choices.config },
  });
  return log;
}

/** Looked into so often that all of it is mapped. */
function map(log: Log): void {
  for (let i = 0; i < ENOUGH; i++) inPlace(log, log.endOffset - 1);
  expect(inPlace(log, log.endOffset - 1)).toBeDefined();
}

/** What the last look-up in a map has answered. */
let answer = 0;

const watched = native && {
  ...native,
  findRecord(memory: Uint8Array): number {
    answer = native.findRecord!(memory);
    return answer;
  },
};

/** The record, where it comes out of a map. Otherwise it must be that of the long way, or damaged. */
function inPlace(log: Log, offset: number): RecordCopies | undefined {
  answer = 0;
  try {
    const copies = log.copyRecord(offset, MAX_BYTES);
    return answer > 0 ? copies : undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: "VARVE_CORRUPT" });
    return undefined;
  }
}

function told(copies: RecordCopies) {
  const { bytes, rows, timestampDeltas, count, originOffset, leaderEpoch } = copies;
  const row = rows.subarray((count - 1) * COLUMNS);
  const text = (at: number, length: number) => (length < 0 ? null : bytes.toString("latin1", at, at + length));
  return {
    offset: originOffset + row[OFFSET_DELTA],
    key: text(row[KEY_AT], row[KEY_LENGTH]),
    value: text(row[VALUE_AT], row[VALUE_LENGTH]),
    timestamp: timestampDeltas[count - 1],
    leaderEpoch,
  };
}

/** The record at that offset, in place and otherwise; undefined where there is no answer in place. */
function lookUp(log: Log, offset: number) {
  const copies = inPlace(log, offset);
  if (copies === undefined) return undefined;
  const record = told(copies);
  expect(record).toEqual(recordsOf(log.find(offset)!).find((other) => other.offset === offset));
  return record;
}

function mapsOf(name: string): number {
  const lines = readFileSync("/proc/self/maps", "latin1").split("\n");
  return lines.filter((line) => line.includes(name)).length;
}

function flip(bit: number): void {
  const descriptor = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, bit >> 3);
  byte[0] ^= 0x80 >> (bit & 7);
  writeSync(descriptor, byte, 0, 1, bit >> 3);
  closeSync(descriptor);
}

describe.runIf(native?.findRecord)("records in mapped segments", () => {
  it.each<[string, number, (i: number) => number, Partial<LogConfig>]>([
    ["small batches", 400, () => 1 + 20, {}],
    ["batches of half an index interval", 60, () => 2000, {}],
    ["batches larger than an index interval", 60, () => 9000, {}],
    ["batches that are not alike", 80, (i) => (i % 7 === 3 ? 30_000 : 700 * (i % 5)), {}],
    ["several segments", 100, (i) => 100 * (i % 9), { segmentBytes: 5000, indexIntervalBytes: 100 }],
  ])("are what reading gives, in %s", async (_, count, sizeOf, config) => {
    const log = await openOnDisk({ config });
    for (let i = 0; i < count; i++) {
      const value = "x".repeat(sizeOf(i) / 3);
      log.append(
        batchOf([
          { key: `k${i}`, value, timestamp: 1e12 + i },
          { key: null, value: null, timestamp: 1e12 - i },
          { key: "", value, timestamp: 5 },
        ]),
      );
    }
    for (let round = 0; round < ENOUGH; round++) {
      for (let offset = 0; offset < log.endOffset; offset += 7) inPlace(log, offset);
    }
    for (let offset = 0; offset < log.endOffset; offset++) expect(lookUp(log, offset)?.offset).toBe(offset);
    await log.close();
    expect(mapsOf(folder)).toBe(0);
  });

  it("are what reading gives where compaction has left gaps", async () => {
    const log = await openOnDisk({ config: { cleanupPolicy: "compact", segmentBytes: 3000 } });
    for (let i = 0; i < 300; i++)
      log.append(batchOf([`a${i % 11}`, "b", `c${i}`].map((key) => ({ key, value: `${i}` }))));
    await log.compact({ ...SETTINGS, endsActive: true });
    for (let round = 0; round < ENOUGH; round++) {
      for (let offset = log.startOffset; offset < log.endOffset; offset++) inPlace(log, offset);
    }
    let found = 0;
    for (let offset = 0; offset < log.endOffset; offset++) if (lookUp(log, offset) !== undefined) found++;
    expect(found).toBe(312);
    await log.close();
  });

  it("have room, however large they are", async () => {
    const log = await openOnDisk();
    for (const size of [10, 200, 300, 5000, 8000, 9000, 100_000, 700_000]) log.append(batchOfSize(size));
    map(log);
    for (let round = 0; round < 3; round++) {
      for (let offset = 0; offset < log.endOffset; offset++) expect(lookUp(log, offset)).toBeDefined();
    }
    await log.close();
  });

  it("stay as they are, however many follow", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 50; i++) log.append(batchOf([`value ${i}`]));
    map(log);
    const kept = Array.from({ length: 500 }, (_, i) => {
      const copies = inPlace(log, i % 50)!;
      return { copies, index: copies.count - 1, value: `value ${i % 50}` };
    });
    for (const { copies, index, value } of kept) {
      const at = copies.rows[index * COLUMNS + VALUE_AT];
      expect(copies.bytes.toString("latin1", at, at + value.length)).toBe(value);
    }
    await log.close();
  });

  it("are found behind what was mapped, once that is asked for often enough", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 30; i++) log.append(batchOf([`value ${i}`]));
    map(log);
    log.append(batchOf(["new"]));
    expect(inPlace(log, 30)).toBeUndefined();
    expect(lookUp(log, 29)).toMatchObject({ value: "value 29" });
    map(log);
    expect(lookUp(log, 30)).toMatchObject({ value: "new" });
    await log.close();
  });

  it("are left to TypeScript where they are compressed", async () => {
    const log = await openOnDisk();
    const builder = new BatchBuilder(256);
    for (let i = 0; i < 100; i++) builder.append("key", "value".repeat(10), undefined, 0);
    log.append(builder.seal({ compression: "gzip" }));
    log.append(batchOf(["plain"]));
    map(log);
    expect(inPlace(log, 50)).toBeUndefined();
    expect(recordsOf(log.find(50)!)).toHaveLength(100);
    await log.close();
  });

  it("are none before the start or behind the end", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 30; i++) log.append(batchOf([`value ${i}`]));
    map(log);
    log.deleteRecordsBefore(2);
    for (const offset of [-1, 0, 1, 30, 31, Number.NaN]) expect(inPlace(log, offset)).toBeUndefined();
    await log.close();
  });
});

describe.runIf(native?.findRecord)("a flipped bit", () => {
  it.each([
    ["small batches", 50],
    ["large batches", 9000],
  ])("anywhere in a batch is never served, among %s", async (_, size) => {
    const log = await openOnDisk();
    const four = ["a", "b", "c", "d"].map((letter) => letter.repeat(size / 4));
    for (let i = 0; i < 12; i++) log.append(batchOf(four));
    map(log);
    const { position, sizeInBytes } = log.read(20, 1, 21)[0];
    for (let bit = 0; bit < sizeInBytes * 8; bit += bit < 61 * 8 ? 1 : 331) {
      flip(position * 8 + bit);
      for (const offset of [20, 21, 23]) expect(inPlace(log, offset), `bit ${bit}`).toBeUndefined();
      for (const offset of [0, 19, 24, 47]) {
        const copies = inPlace(log, offset);
        if (copies) expect(told(copies)).toMatchObject({ offset, value: four[offset % 4] });
      }
      flip(position * 8 + bit);
    }
    expect(lookUp(log, 20)).toMatchObject({ value: four[0] });
    await log.close();
  });
});

describe.runIf(native?.findRecord)("a mapped file", () => {
  it("is let go of before it is cut back", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 100; i++) log.append(batchOf([`old ${i}`.padEnd(1000)]));
    map(log);
    log.truncateTo(10);
    for (let offset = 0; offset < 100; offset++) {
      const copies = inPlace(log, offset);
      if (copies) expect(offset).toBeLessThan(10);
    }
    for (let i = 10; i < 100; i++) log.append(batchOf([`new ${i}`.padEnd(1000)]));
    map(log);
    expect(lookUp(log, 9)).toMatchObject({ value: "old 9".padEnd(1000) });
    for (let offset = 10; offset < 100; offset++)
      expect(lookUp(log, offset)).toMatchObject({ value: `new ${offset}`.padEnd(1000) });
    await log.close();
  });

  it("that somebody else cuts back does not end the process", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 100; i++) log.append(batchOf([`${i}`.padEnd(2000)]));
    map(log);
    truncateSync(path, 8192);
    expect(inPlace(log, 90)).toBeUndefined();
    expect(() => log.find(90)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
    for (let i = 0; i < 2 * ENOUGH; i++) {
      expect(inPlace(log, 90)).toBeUndefined();
      const copies = inPlace(log, 1);
      if (copies) expect(told(copies)).toMatchObject({ offset: 1 });
    }
    log.closeNow();
  });

  it.runIf(process.platform === "linux")("has one map, which goes when it is closed", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 30; i++) log.append(batchOf([`value ${i}`]));
    expect(mapsOf(folder)).toBe(0);
    map(log);
    expect(mapsOf(folder)).toBe(1);
    await log.close();
    expect(mapsOf(folder)).toBe(0);
  });

  it.runIf(process.platform === "linux")("is none that another process may cut: files that are only read", async () => {
    const log = await openOnDisk();
    for (let i = 0; i < 30; i++) log.append(batchOf([`value ${i}`]));
    await log.close();
    const reader = await openOnDisk({ readOnly: true, recoveryPoint: 30 });
    for (let i = 0; i < 2 * ENOUGH; i++) expect(inPlace(reader, 5)).toBeUndefined();
    expect(mapsOf(folder)).toBe(0);
    reader.closeNow();
  });
});
