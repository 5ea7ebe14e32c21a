/** A compacted log under test: its settings, and what must be true of what compaction leaves. */
import { expect } from "vitest";
import type { CompactionSettings } from "../../src/storage/compaction.ts";
import type { Files } from "../../src/storage/files.ts";
import type { Log, LogConfig } from "../../src/storage/log.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { committedOf, FOLDER, type ReadRecord, readAll } from "./partition.ts";

export const DAY = 24 * 3_600_000;

export const SETTINGS: CompactionSettings = {
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: DAY,
};

export const COMPACT: Partial<LogConfig> = { cleanupPolicy: "compact" };

/** Shows another millisecond each time it is asked: work in slices rests at every look. */
export class HastyClock extends TestClock {
  #looks = 0;

  override monotonic(): number {
    return super.monotonic() + this.#looks++ * 10;
  }
}

/** Key → value of the last record that has it; a tombstone takes it out. */
export function latestOf(records: readonly ReadRecord[]): Map<string, string> {
  const latest = new Map<string, string>();
  for (const { key, value } of records) {
    if (key === null) continue;
    if (value === null) latest.delete(key);
    else latest.set(key, value);
  }
  return new Map([...latest].sort());
}

export function latestIn(log: Log): Map<string, string> {
  return latestOf(committedOf(log));
}

/**
 * Against what was committed before: nothing made up, nothing moved, nothing lost that counts, nothing kept that does not. `all` is
 * what was written, also in transactions that are open.
 */
export function expectCompacted(log: Log, before: readonly ReadRecord[], all = before): void {
  const { records, damage } = readAll(log);
  expect(damage).toEqual([]);
  const known = new Map(all.map((record) => [record.offset, record]));
  for (const record of records) expect(record).toEqual(known.get(record.offset));
  const committed = committedOf(log);
  expect(latestOf(committed)).toEqual(latestOf(before));
  const clean = committed.filter(({ offset }) => offset < log.cleanedOffset);
  expect(clean.filter(({ key }) => key === null)).toEqual([]);
  expect(new Set(clean.map(({ key }) => key)).size).toBe(clean.length);
  const rest = (all: readonly ReadRecord[]) => all.filter(({ offset }) => offset >= log.cleanedOffset);
  expect(rest(committed)).toEqual(rest(before));
}

/** The files on their way in or out. */
export function leftoversIn(files: Files, folder = FOLDER): string[] {
  return (files.list(folder) ?? []).filter((name) => /\.(cleaned|swap|deleted|tmp)$/.test(name));
}
