/** How a data directory is doing, in numbers. Nothing is opened or read for it. */
import type { VarveError } from "../errors.ts";
import type { Counters, Partition } from "./partition.ts";
import type { Space } from "./space.ts";
import { describePartition, type PartitionDescription, type Topic } from "./topic.ts";

export interface TopicStats {
  partitions: PartitionDescription[];
  sizeInBytes: number;
}

export interface EngineStats extends Counters {
  topicCount: number;
  partitionCount: number;
  /** Of all logs. */
  sizeInBytes: number;
  /** Of the whole directory, as `maxBytes` counts it. */
  usedBytes: number;
  maxBytes: number | undefined;
  /** Batches, ranges of offsets, that were found damaged since the open. */
  corruptRanges: number;
  /** Open, or decided and not complete. */
  openTransactions: number;
  topics: Record<string, TopicStats>;
}

export interface PartitionTrouble {
  topic: string;
  partition: number;
  error: VarveError;
}

export interface StuckTransaction {
  transactionalId: string;
  error: unknown;
}

export interface EngineHealth {
  /** Nothing of what follows is the matter. */
  ok: boolean;
  /** A sync failed: they take no writes until the log is reopened. */
  poisoned: PartitionTrouble[];
  /** They could not be opened. */
  failed: PartitionTrouble[];
  corruptRanges: number;
  /** The wall clock has jumped: nothing is deleted until the log is reopened. */
  isRetentionSuspended: boolean;
  /** How they end is decided, but a partition does not take the marker: they are tried again every second. */
  stuckTransactions: StuckTransaction[];
}

export function statsOf(
  topics: Iterable<Topic>,
  space: Space,
  counters: Counters,
  corruptRanges: number,
  openTransactions: number,
): EngineStats {
  const stats: EngineStats = {
    ...counters,
    topicCount: 0,
    partitionCount: 0,
    sizeInBytes: 0,
    usedBytes: space.usedBytes,
    maxBytes: space.maxBytes,
    corruptRanges,
    openTransactions,
    // A topic may be called __proto__.
    topics: Object.create(null),
  };
  for (const topic of topics) {
    const partitions = topic.partitions.flatMap((partition) => (partition ? [describePartition(partition)] : []));
    const sizeInBytes = partitions.reduce((sum, partition) => sum + partition.sizeInBytes, 0);
    stats.topics[topic.name] = { partitions, sizeInBytes };
    stats.topicCount++;
    stats.partitionCount += partitions.length;
    stats.sizeInBytes += sizeInBytes;
  }
  return stats;
}

export function healthOf(
  partitions: Iterable<Partition>,
  corruptRanges: number,
  isRetentionSuspended: boolean,
  stuckTransactions: StuckTransaction[],
): EngineHealth {
  const poisoned: PartitionTrouble[] = [];
  const failed: PartitionTrouble[] = [];
  for (const { topic, index, poisoned: poison, failure } of partitions) {
    if (poison) poisoned.push({ topic: topic.name, partition: index, error: poison });
    if (failure) failed.push({ topic: topic.name, partition: index, error: failure });
  }
  const isTroubled = [poisoned, failed, stuckTransactions].some((list) => list.length > 0);
  const ok = !isTroubled && corruptRanges === 0 && !isRetentionSuspended;
  return { ok, poisoned, failed, corruptRanges, isRetentionSuspended, stuckTransactions };
}
