/** A reader without the lock that may keep one file open, while the owner compacts or deletes: it goes on with what there is then. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import type { Log } from "../../src/storage/log.ts";
import { COMPACT, SETTINGS } from "./compacting.ts";
import { batchOf, openLog, readAll } from "./partition.ts";

let folder: string;
let owner: Log;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "varve-beside-"));
});
afterEach(async () => {
  await owner.close();
  rmSync(folder, { recursive: true });
});

const config = { ...COMPACT, segmentBytes: 400 };
const place = () => ({ folder: join(folder, "t-0"), config });

async function write(count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    owner.append(batchOf([{ key: `k${i % 7}`, value: `${owner.endOffset}`, timestamp: i }]));
  owner.roll();
  await owner.flush();
}

async function beside(): Promise<Log> {
  const files = new DiskFiles({ maxDescriptors: 1 });
  const choices = { readOnly: true, lastClose: "process", recoveryPoint: owner.endOffset } as const;
  return (await openLog(files, { ...place(), ...choices })).log;
}

it.each([0, 1])("compaction, after %i others: it reads what is left of what it has found", async (times) => {
  owner = (await openLog(new DiskFiles(), place())).log;
  await write(40);
  for (let i = 0; i < times; i++) {
    await owner.compact(SETTINGS);
    await write(40);
  }
  const { endOffset } = owner;
  const reader = await beside();
  expect(readAll(reader).records).toEqual(readAll(owner).records);
  await write(10);
  await owner.compact(SETTINGS);
  const left = readAll(owner).records.filter(({ offset }) => offset < endOffset);
  const { records, damage } = readAll(reader);
  expect(damage).toEqual([]);
  expect(records).toEqual(left);
  expect(reader.endOffset).toBe(endOffset);
  for (const { offset } of left) expect(reader.find(offset)?.lastOffset).toBe(offset);
  await reader.close();
});

it("deletion: it begins where the log does now", async () => {
  owner = (await openLog(new DiskFiles(), place())).log;
  await write(40);
  const reader = await beside();
  const all = readAll(reader).records;
  owner.deleteRecordsBefore(20);
  expect(() => reader.read(0, 1000, 40)).toThrow(expect.objectContaining({ code: "VARVE_OFFSET_OUT_OF_RANGE" }));
  expect(reader.startOffset).toBeGreaterThan(10);
  expect(reader.startOffset).toBeLessThanOrEqual(20);
  expect(readAll(reader).records).toEqual(all.slice(reader.startOffset));
  expect(reader.offsetForTimestamp(30)?.offset).toBe(30);
  await reader.close();
});

it("all is gone: the error says so", async () => {
  owner = (await openLog(new DiskFiles(), place())).log;
  await write(40);
  const reader = await beside();
  owner.truncateFullyAndStartAt(100);
  expect(() => reader.read(0, 1000, 40)).toThrow(expect.objectContaining({ code: "VARVE_IO" }));
  await reader.close();
});
