/** What lies in a data directory, looked at without the engine: leftovers, bytes, and indexes held against their logs. */
import { Batch } from "../../src/format/batch.ts";
import * as offsetIndex from "../../src/format/offset-index.ts";
import * as timeIndex from "../../src/format/time-index.ts";
import type { Files } from "../../src/storage/files.ts";
import {
  isLockLeftover,
  isTemporary,
  join,
  parsePartitionFolder,
  parseSegmentFile,
  segmentFile,
} from "../../src/storage/paths.ts";

const ENTRY_OF_ZEROS = "\0".repeat(offsetIndex.ENTRY_BYTES);

/**
 * Path → bytes as text, of the partition folders. Pieces that were cut off and kept for people are left out, and empty files,
 * which may as well not be there; so may an offset index of one entry of zeros, which names the batch that every segment begins with.
 */
export function partitionBytes(files: Files, data: string): Map<string, string> {
  const bytes = new Map<string, string>();
  for (const { path, name } of filesBelow(files, data)) {
    if (parseSegmentFile(name)?.state === "corrupt" || path === join(data, name)) continue;
    const text = Buffer.from(files.read(path)!).toString("latin1");
    const saysNothing = text === "" || (name.endsWith(".index") && text === ENTRY_OF_ZEROS);
    if (!saysNothing) bytes.set(path, text);
  }
  return bytes;
}

/** What an open should have removed. */
export function leftovers(files: Files, data: string): string[] {
  const inFolders = (files.list(data) ?? []).filter((name) => parsePartitionFolder(name)?.state === "deleted");
  const of = [...filesBelow(files, data)].filter(({ name }) => {
    const state = parseSegmentFile(name)?.state;
    return (
      isTemporary(name) || isLockLeftover(name) || name.endsWith(".tmp") || state === "deleted" || state === "cleaned"
    );
  });
  return [...inFolders, ...of.map(({ path }) => path)];
}

export interface IndexRule {
  interval: number;
  /** Where a log is compacted, a segment that was names every batch. */
  isCompacted: boolean;
}

/**
 * The indexes of a directory that was closed must be what Kafka's rule makes of the logs: the first that is not, or
 * undefined.
 */
export function wrongIndex(files: Files, data: string, ruleOf: (topic: string) => IndexRule): string | undefined {
  for (const folder of files.list(data) ?? []) {
    const topic = parsePartitionFolder(folder)?.topic;
    if (topic === undefined) continue;
    const path = join(data, folder);
    for (const name of files.list(path) ?? []) {
      const file = parseSegmentFile(name);
      if (file?.kind !== "log" || file.state !== "live") continue;
      const wrong = wrongIndexOf(files, path, file.baseOffset, ruleOf(topic));
      if (wrong) return wrong;
    }
  }
  return undefined;
}

function wrongIndexOf(
  files: Files,
  folder: string,
  base: number,
  { interval, isCompacted }: IndexRule,
): string | undefined {
  const path = join(folder, segmentFile(base, "log"));
  const expected = indexesOf(files.read(path)!, interval);
  const read = (kind: "index" | "timeindex") => files.read(join(folder, segmentFile(base, kind))) ?? new Uint8Array(0);
  const offsets = readOffsets(read("index"), base);
  const isDense = isCompacted && offsets.join(" ") === expected.batches.join(" ");
  if (!isDense && offsets.join(" ") !== expected.offsets.join(" ")) {
    return `the offset index of ${path} has ${offsets.join(" ")}, not ${expected.offsets.join(" ")}`;
  }
  // A close adds a last entry, which stays when the log goes on behind it.
  const times = readTimes(read("timeindex"), base);
  const isWhole = expected.times.every((entry) => times.includes(entry));
  if (isWhole && times.every((entry) => expected.allowedTimes.includes(entry))) return undefined;
  return `the time index of ${path} has ${times.join(" ")}, not ${expected.times.join(" ")}`;
}

interface Indexes {
  /** "OFFSET:POSITION": those by the rule, and all that there are. */
  offsets: string[];
  batches: string[];
  /** "TIMESTAMP:OFFSET": those that must be there, and those that may. */
  times: string[];
  allowedTimes: string[];
}

/** Kafka's rule, written a second time: before a batch, when more than the interval lies behind the last entry. */
function indexesOf(log: Uint8Array, interval: number): Indexes {
  const indexes: Indexes = { offsets: [], batches: [], times: [], allowedTimes: [] };
  let largest = -1;
  let sinceEntry = 0;
  for (let position = 0; position < log.length; ) {
    const { sizeInBytes, lastOffset, maxRecordTimestamp: maxTimestamp } = new Batch(log, position);
    if (maxTimestamp > largest) {
      largest = maxTimestamp;
      indexes.allowedTimes.push(`${maxTimestamp}:${lastOffset}`);
    }
    indexes.batches.push(`${lastOffset}:${position}`);
    if (sinceEntry > interval) {
      indexes.offsets.push(`${lastOffset}:${position}`);
      if (largest >= 0) indexes.times.push(indexes.allowedTimes.at(-1)!);
      sinceEntry = 0;
    }
    sinceEntry += sizeInBytes;
    position += sizeInBytes;
  }
  if (largest >= 0) indexes.times.push(indexes.allowedTimes.at(-1)!);
  return indexes;
}

function readOffsets(bytes: Uint8Array, base: number): string[] {
  return Array.from({ length: Math.ceil(bytes.length / offsetIndex.ENTRY_BYTES) }, (_, i) => {
    return `${offsetIndex.offsetAt(bytes, i, base)}:${offsetIndex.positionAt(bytes, i)}`;
  });
}

function readTimes(bytes: Uint8Array, base: number): string[] {
  return Array.from({ length: Math.ceil(bytes.length / timeIndex.ENTRY_BYTES) }, (_, i) => {
    return `${timeIndex.timestampAt(bytes, i)}:${timeIndex.offsetAt(bytes, i, base)}`;
  });
}

function* filesBelow(files: Files, folder: string): Generator<{ path: string; name: string }> {
  for (const name of files.list(folder) ?? []) {
    const path = join(folder, name);
    if (files.stat(path)?.kind === "folder") yield* filesBelow(files, path);
    else yield { path, name };
  }
}
