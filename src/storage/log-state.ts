/** What the parts of a log share: where it lives, how it is configured, and where it stands. */
import { VarveError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { ProducerState } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
import type { Segments } from "./segments.ts";
import { Structure } from "./structure.ts";

export interface LogConfig {
  segmentBytes: number;
  segmentMs: number;
  segmentIndexBytes: number;
  indexIntervalBytes: number;
  /** -1: nothing is deleted for its age. */
  retentionMs: number;
  /** -1: nothing is deleted for its size. */
  retentionBytes: number;
  /** The largest batch that is stored; also what a compressed one may unfold to. */
  maxMessageBytes: number;
  cleanupPolicy: "delete" | "compact" | "compact,delete";
  /** "power": what is appended is synced at once, as a rule. */
  durability?: "process" | "power";
}

/** How the last owner left the directory: with the clean marker; without it, but this machine has run since; without either. */
export type LastClose = "clean" | "process" | "machine";

export type LogEvent =
  | {
      kind: "recovered";
      topic: string;
      partition: number;
      endOffset: number;
      scannedBytes: number;
      /** Without room, which is zeros: that was nothing. */
      truncatedBytes: number;
    }
  | {
      kind: "corrupt";
      topic: string;
      partition: number;
      from: number;
      to: number;
      file: string;
      position: number;
      reason: string;
    }
  | { kind: "poisoned"; topic: string; partition: number; error: VarveError };

export interface LogState {
  readonly files: Files;
  readonly clock: Clock;
  readonly folder: string;
  readonly topic: string;
  readonly partition: number;
  readonly readOnly: boolean;
  readonly report: (event: LogEvent) => void;
  readonly segments: Segments;
  config: LogConfig;
  epochs: LeaderEpochs;
  producers: ProducerState;
  startOffset: number;
  endOffset: number;
  /** Up to where compaction has come; 0 when the log was never compacted. */
  cleanedOffset: number;
}

/** Whether offsets may be missing between batches without anything being wrong. What compaction took stays away. */
export function hasGaps(state: LogState): boolean {
  return state.config.cleanupPolicy !== "delete" || state.cleanedOffset > 0;
}

/** Where a segment must end: at the next one, or at the end of the log. */
export function limitOf(state: LogState, segment: Segment): number {
  return state.segments.after(segment)?.baseOffset ?? Number.POSITIVE_INFINITY;
}

/** What the batches from `nextOffset` on, inside that segment, must look like. */
export function structureIn(state: LogState, segment: Segment, nextOffset: number, epochs = state.epochs): Structure {
  const known = epochs.isEmpty ? undefined : epochs;
  // The active segment is never compacted, so where it is the last one nothing is missing in it.
  const mayHaveGaps = hasGaps(state) && (segment !== state.segments.active || segment.isDense);
  const limit = limitOf(state, segment);
  return new Structure(nextOffset, mayHaveGaps, limit, known, mayHaveGaps ? segment.witness() : undefined);
}

export interface Damaged {
  from: number;
  to: number;
  position: number;
  reason: string;
}

export function corruptError(state: LogState, segment: Segment, damaged: Damaged): VarveError {
  const { topic, partition } = state;
  const { from, to, position, reason } = damaged;
  const what = to - from === 1 ? `offset ${from} is` : `offsets ${from} to ${to - 1} are`;
  const message = `${topic}-${partition}: ${what} damaged: ${reason} (${segment.path} at position ${position})`;
  return new VarveError("VARVE_CORRUPT", message, { topic, partition, from, to, file: segment.path, position });
}
