/** Everything that an open engine says about its topics, with every look-up of its indexes held against a scan. */
import type { Engine } from "../../src/engine/engine.ts";
import type { Partition } from "../../src/engine/partition.ts";
import type { Batch } from "../../src/format/batch.ts";
import {
  COLUMNS,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../src/format/record.ts";
import { readMarker } from "../../src/storage/producer-state.ts";
import type { Observed, ObservedPartition, StoredRecord } from "./ledger.ts";

const MAX_BYTES = 1 << 20;
/** Look-ups are dear; so many of a partition tell enough. */
const MOST_LOOKUPS = 12;

/** The text that stands for the end of a transaction. */
export function markerTextOf(batch: Batch): string {
  return `${MARKER} ${readMarker(batch).type} ${batch.producerId}/${batch.producerEpoch}`;
}

export function endsTransactionOf(producerId: number, text: string): boolean {
  return ["commit", "abort"].some((type) => text.startsWith(`${MARKER} ${type} ${producerId}/`));
}

export function isCommitText(text: string): boolean {
  return text.startsWith(`${MARKER} commit `);
}

export function isMarkerText(text: string): boolean {
  return text.startsWith(`${MARKER} `);
}

const MARKER = "marker";

/** Stands where compaction has taken a record away. */
const GONE: StoredRecord = { epoch: -1, text: "gone" };

export function isGone(record: StoredRecord | undefined): boolean {
  return record?.text === GONE.text;
}

/** The text that stands for a record in the facts. */
export function textOf(key: string | null, value: string | null, timestamp: number): string {
  return `${timestamp} ${key} ${value}`;
}

/** What textOf was told of the key, and whether there was a value. */
export function keyOfText(text: string): { key: string; isTombstone: boolean } {
  const [, key, value] = text.split(" ");
  return { key, isTombstone: value === "null" };
}

export async function observe(engine: Engine): Promise<Observed> {
  await engine.offsets.ready();
  const observed: Observed = { topics: [], commits: [] };
  for (const topic of engine.topics.values()) {
    await topic.ready();
    if (topic.isInternal) continue;
    // A reader sees none where the folder was not made yet.
    const partitions = topic.partitions.flatMap((partition) => (partition ? [observePartition(partition)] : []));
    observed.topics.push({ name: topic.name, segmentBytes: topic.config.segmentBytes, partitions });
  }
  for (const group of engine.offsets.groups()) {
    for (const { topic: name, partition, committed } of engine.offsets.allCommitted(group)) {
      observed.commits.push({ group, name, partition, offset: committed.offset });
    }
  }
  return inOrder(observed);
}

/** By name, group and partition. */
export function inOrder({ topics, commits }: Observed): Observed {
  topics.sort((a, b) => compare(a.name, b.name));
  commits.sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name) || a.partition - b.partition);
  return { topics, commits };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

interface Extent {
  baseOffset: number;
  lastOffset: number;
}

interface Scanned extends StoredRecord {
  offset: number;
  timestamp: number;
}

function observePartition(partition: Partition): ObservedPartition {
  const { startOffset: start, endOffset: end, leaderEpoch: epoch, highWatermark } = partition;
  const where = `${partition.topic.name}-${partition.index}`;
  if (highWatermark > end) throw new Error(`${where}: the high watermark ${highWatermark} lies past the end ${end}`);
  const mayHaveGaps = partition.topic.config.cleanupPolicy !== "delete";
  const scanned: Scanned[] = [];
  const found: Extent[] = [];
  for (let offset = start; offset < end; ) {
    const batches = partition.read(offset, MAX_BYTES, end);
    if (batches.length === 0 && mayHaveGaps) break;
    if (batches.length === 0) throw new Error(`${where}: nothing is read at ${offset}, before the end ${end}`);
    for (const batch of batches) {
      const { baseOffset, lastOffset, nextOffset } = batch;
      // Where a log starts in the middle of a batch, that one begins before it.
      const isNext = baseOffset === offset || (offset === start && baseOffset < start && lastOffset >= start);
      if (!isNext && !(mayHaveGaps && baseOffset > offset))
        throw new Error(`${where}: a batch with ${baseOffset} to ${lastOffset} stands where ${offset} belongs`);
      for (const record of recordsOf(batch)) if (record.offset >= offset) scanned.push(record);
      found.push({ baseOffset, lastOffset });
      offset = nextOffset;
    }
  }
  checkOffsetLookups(partition, where, found);
  checkTimestampLookups(partition, where, scanned);
  const records: StoredRecord[] = mayHaveGaps ? Array.from({ length: end - start }, () => GONE) : [];
  for (const { offset, epoch, text, producerId } of scanned) records[offset - start] = { epoch, text, producerId };
  // Of one whose records are gone only the marker may be left, which the next open takes for nobody's.
  const aborted = partition
    .abortedTransactions(start, end)
    .flatMap(({ producerId, firstOffset: first, lastOffset }) => {
      const firstOffset = Math.max(first, start);
      const own = records
        .slice(firstOffset - start, lastOffset - start)
        .some((record) => record.producerId === producerId);
      return own ? [{ producerId, firstOffset, lastOffset }] : [];
    });
  return { start, end, epoch, lastStable: lastStableOf(partition), aborted, records };
}

/** Where the earliest open transaction begins. Markers that recovery has appended may still wait for their sync, at "power". */
export function lastStableOf({ lastStableOffset, highWatermark, endOffset }: Partition): number {
  return lastStableOffset < highWatermark ? lastStableOffset : endOffset;
}

function recordsOf(batch: Batch): Scanned[] {
  const table = batch.records(MAX_BYTES);
  return Array.from({ length: table.count }, (_, index) => {
    const row = index * COLUMNS;
    const timestamp = batch.baseTimestamp + table.timestampDeltas[index];
    const key = field(table, row + KEY_AT, row + KEY_LENGTH);
    const value = field(table, row + VALUE_AT, row + VALUE_LENGTH);
    const text = batch.isControl ? markerTextOf(batch) : textOf(key, value, timestamp);
    const producerId = batch.isTransactional && !batch.isControl ? batch.producerId : undefined;
    const offset = batch.baseOffset + table.rows[row + OFFSET_DELTA];
    return { offset, timestamp, epoch: batch.leaderEpoch, text, producerId };
  });
}

function field({ bytes, rows }: RecordTable, at: number, length: number): string | null {
  if (rows[length] < 0) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset + rows[at], rows[length]).toString("latin1");
}

function checkOffsetLookups(partition: Partition, where: string, found: readonly Extent[]): void {
  const { startOffset: start, endOffset: end } = partition;
  // From the back, so that no look-up goes on where another has stopped.
  const step = Math.max(1, Math.ceil((end - start) / MOST_LOOKUPS));
  for (let offset = end - 1; offset >= start; offset -= step) {
    const [batch] = partition.read(offset, 1, end);
    const expected = found.find(({ lastOffset }) => lastOffset >= offset);
    if (batch?.baseOffset === expected?.baseOffset && batch?.lastOffset === expected?.lastOffset) continue;
    throw new Error(`${where}: a read at ${offset} gives ${batch?.baseOffset} to ${batch?.lastOffset}`);
  }
}

/** Of markers nobody asks when they were written. */
function checkTimestampLookups(partition: Partition, where: string, all: Scanned[]): void {
  const scanned = all.filter(({ text }) => !isMarkerText(text));
  const step = Math.max(1, Math.ceil(scanned.length / MOST_LOOKUPS));
  for (let i = 0; i < scanned.length; i += step) {
    const timestamp = scanned[i].timestamp + (i % 2);
    const expected = scanned.find((record) => record.timestamp >= timestamp);
    const found = partition.offsetForTimestamp(timestamp);
    if (found?.offset === expected?.offset && found?.timestamp === expected?.timestamp) continue;
    throw new Error(`${where}: ${timestamp} is looked up at ${found?.offset}, and stands at ${expected?.offset}`);
  }
}
