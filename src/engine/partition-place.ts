/** What surrounds a partition: its topic, its folder, the numbers that its directory keeps. */
import type { Clock } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import type { LastClose, LogEvent } from "../storage/log-state.ts";
import type { Durability, TopicConfig } from "./config.ts";
import type { Space } from "./space.ts";

/** What a partition knows of its topic. */
export interface TopicOfPartition {
  readonly name: string;
  readonly id: string;
  readonly config: TopicConfig;
  readonly durability: Durability;
  readonly isDeleted: boolean;
  /** Kept by the log itself: only coordinators write it. */
  readonly isInternal: boolean;
}

/** What all partitions of a data directory have in common. */
export interface PartitionSurroundings {
  readonly files: Files;
  readonly clock: Clock;
  readonly readOnly: boolean;
  readonly space: Space;
  readonly counters: Counters;
  report: (event: LogEvent) => void;
}

/** Where the partition lies, and how far it had come. */
export interface PartitionPlace {
  folder: string;
  lastClose: LastClose;
  /** 0 when unknown. */
  startOffset: number;
  /** Undefined when unknown. */
  recoveryPoint: number | undefined;
  /** Up to where it was compacted; 0 when never, or unknown. */
  cleanedOffset: number;
}

export function noCounts(): Counters {
  const appended = { appendedBatches: 0, appendedRecords: 0, appendedBytes: 0 };
  return { ...appended, syncs: 0, compactions: 0, compactedBytes: 0 };
}

/** Since the log was opened. */
export interface Counters {
  appendedBatches: number;
  appendedRecords: number;
  appendedBytes: number;
  syncs: number;
  /** Of logs. */
  compactions: number;
  /** By how much they became smaller. */
  compactedBytes: number;
}
