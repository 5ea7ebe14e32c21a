/**
 * Reads back what is in `__consumer_offsets`, commits and groups: the last record of a key wins, a tombstone takes it away.
 * Commits that were made in a transaction count from its commit marker on, and never when it was aborted.
 */
import { hasCode } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import {
  type GroupMetadataValue,
  readGroupKey,
  readGroupMetadataValue,
  readOffsetCommitValue,
} from "../format/group-metadata.ts";
import {
  COLUMNS,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  VALUE_AT,
  VALUE_LENGTH,
} from "../format/record.ts";
import { readMarker } from "../storage/producer-state.ts";
import type { Partition } from "./partition.ts";

export interface LoadedCommit {
  kind: "offset-commit";
  group: string;
  topic: string;
  partition: number;
  /** Of the record that says so. */
  at: number;
  /** Undefined: taken away. */
  value: { offset: number; leaderEpoch: number; metadata: string; commitTimestamp: number } | undefined;
}

export interface LoadedGroup {
  kind: "group-metadata";
  group: string;
  at: number;
  /** Undefined: taken away. */
  value: GroupMetadataValue | undefined;
}

export type LoadedRecord = LoadedCommit | LoadedGroup;

const READ_BYTES = 1024 * 1024;

/** Every record that counts, in the order in which they came to count. */
export async function* loadCommits(
  partition: Partition,
  warn: (message: string) => void,
): AsyncGenerator<LoadedRecord[]> {
  const pending = new Map<number, LoadedRecord[]>();
  for await (const batch of batchesOf(partition, warn)) {
    if (batch.isControl) {
      const commits = pending.get(batch.producerId) ?? [];
      pending.delete(batch.producerId);
      if (readMarker(batch).type === "commit") yield commits;
      continue;
    }
    const commits = readCommits(batch, warn);
    if (!batch.isTransactional) yield commits;
    else pending.set(batch.producerId, [...(pending.get(batch.producerId) ?? []), ...commits]);
  }
}

async function* batchesOf(partition: Partition, warn: (message: string) => void): AsyncGenerator<Batch> {
  let offset = partition.startOffset;
  const end = partition.endOffset;
  while (offset < end) {
    try {
      const batches = partition.read(offset, READ_BYTES, end);
      if (batches.length === 0) return;
      yield* batches;
      offset = batches[batches.length - 1].nextOffset;
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT") || !(Number(error.to) > offset)) throw error;
      warn(`committed offsets are lost: ${error.message}`);
      offset = Number(error.to);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function readCommits(batch: Batch, warn: (message: string) => void): LoadedRecord[] {
  const table = batch.records(MAX_UNPACKED_BYTES);
  const commits: LoadedRecord[] = [];
  for (let index = 0; index < table.count; index++) {
    const row = index * COLUMNS;
    const at = batch.baseOffset + table.rows[row + OFFSET_DELTA];
    try {
      const commit = readCommit(table, row, at);
      if (commit) commits.push(commit);
    } catch (error) {
      warn(`the record at offset ${at} of the committed offsets cannot be read: ${(error as Error).message}`);
    }
  }
  return commits;
}

/** Undefined for records of other kinds. */
function readCommit(table: RecordTable, row: number, at: number): LoadedRecord | undefined {
  const keyBytes = field(table, row, KEY_AT, KEY_LENGTH);
  const key = keyBytes && readGroupKey(keyBytes);
  if (key === undefined || key.kind === "unknown") return undefined;
  const { group } = key;
  const valueBytes = field(table, row, VALUE_AT, VALUE_LENGTH);
  if (key.kind === "group-metadata") {
    return { kind: key.kind, group, at, value: valueBytes && readGroupMetadataValue(valueBytes) };
  }
  const { kind, topic, partition } = key;
  if (valueBytes === undefined) return { kind, group, topic, partition, at, value: undefined };
  const { offset, leaderEpoch, metadata, commitTimestamp } = readOffsetCommitValue(valueBytes);
  return { kind, group, topic, partition, at, value: { offset, leaderEpoch, metadata, commitTimestamp } };
}

function field({ bytes, rows }: RecordTable, row: number, at: number, length: number): Uint8Array | undefined {
  const start = rows[row + at];
  return rows[row + length] < 0 ? undefined : bytes.subarray(start, start + rows[row + length]);
}
