/** What surrounds a partition: its topic, its folder, the numbers that its directory keeps. */
import type { LastClose } from "../storage/log-state.ts";
import type { Durability, TopicConfig } from "./config.ts";

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

/** Where the partition lies, and how far it had come. */
export interface PartitionPlace {
  folder: string;
  lastClose: LastClose;
  /** 0 when unknown. */
  startOffset: number;
  /** Undefined when unknown. */
  recoveryPoint: number | undefined;
}

/** Since the log was opened. */
export interface Counters {
  appendedBatches: number;
  appendedRecords: number;
  appendedBytes: number;
  syncs: number;
}
