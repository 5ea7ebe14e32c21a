/**
 * Reads back what is in `__consumer_offsets`, commits and groups: the last record of a key wins, a tombstone takes it away.
 * Commits that were made in a transaction wait for its marker: see pending-offsets.ts.
 */
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
  fieldOf,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  VALUE_AT,
  VALUE_LENGTH,
} from "../format/record.ts";
import { readMarker } from "../storage/producer-state.ts";
import { batchesOf } from "./log-batches.ts";
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

/** Records of one batch, or a marker: the transaction of a producer has ended. */
export type LoadedBatch =
  | { kind: "records"; records: LoadedRecord[] /** Of the transaction that they wait for. */; producerId?: number }
  | { kind: "end"; producerId: number; isCommit: boolean };

/** Everything in the order of the log. */
export async function* loadCommits(partition: Partition, warn: (message: string) => void): AsyncGenerator<LoadedBatch> {
  for await (const batch of batchesOf(partition, (reason) => warn(`committed offsets are lost: ${reason}`))) {
    const { producerId, isTransactional } = batch;
    if (batch.isControl) {
      const { type } = readMarker(batch);
      if (type !== "unknown") yield { kind: "end", producerId, isCommit: type === "commit" };
    } else {
      const records = readCommits(batch, warn);
      yield isTransactional ? { kind: "records", records, producerId } : { kind: "records", records };
    }
  }
}

function readCommits(batch: Batch, warn: (message: string) => void): LoadedRecord[] {
  const table = batch.records(MAX_UNPACKED_BYTES);
  const commits: LoadedRecord[] = [];
  for (let index = 0; index < table.count; index++) {
    const at = batch.baseOffset + table.rows[index * COLUMNS + OFFSET_DELTA];
    try {
      const commit = readCommit(table, index, at);
      if (commit) commits.push(commit);
    } catch (error) {
      warn(`the record at offset ${at} of the committed offsets cannot be read: ${(error as Error).message}`);
    }
  }
  return commits;
}

/** Undefined for records of other kinds. */
function readCommit(table: RecordTable, index: number, at: number): LoadedRecord | undefined {
  const keyBytes = fieldOf(table, index, KEY_AT, KEY_LENGTH);
  const key = keyBytes && readGroupKey(keyBytes);
  if (key === undefined || key.kind === "unknown") return undefined;
  const { group } = key;
  const valueBytes = fieldOf(table, index, VALUE_AT, VALUE_LENGTH);
  if (key.kind === "group-metadata") {
    return { kind: key.kind, group, at, value: valueBytes && readGroupMetadataValue(valueBytes) };
  }
  const { kind, topic, partition } = key;
  if (valueBytes === undefined) return { kind, group, topic, partition, at, value: undefined };
  const { offset, leaderEpoch, metadata, commitTimestamp } = readOffsetCommitValue(valueBytes);
  return { kind, group, topic, partition, at, value: { offset, leaderEpoch, metadata, commitTimestamp } };
}
