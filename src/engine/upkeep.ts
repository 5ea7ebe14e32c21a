/** What becomes of the log of a partition in the background: old segments go, the others are compacted. */
import type { Cleanable } from "../storage/cleanable.ts";
import type { Compacted } from "../storage/compaction.ts";
import type { Log } from "../storage/log.ts";
import type { TopicConfig } from "./config.ts";
import type { Counters } from "./partition-place.ts";

/** How somebody wants a log to be compacted. */
export interface CompactionWish {
  /** Also what the active segment holds, if it was written to since the log was opened. */
  endsActive: boolean;
  /** Nothing goes for its age: the wall clock has jumped. */
  isClockOff: boolean;
}

/** A piece of a retention pass: deletes up to `limit` segments whose time has come. Returns how many. */
export async function retainSegments(log: Log, limit: number, isClosed: () => boolean): Promise<number> {
  // What is compacted at the moment is looked at in the next pass.
  if (log.poisoned || log.compaction.isRunning || isClosed()) return 0;
  log.rollExpired();
  let count = 0;
  // One by one, and none before what lies behind it is on the disk: a power cut then leaves neither a hole nor an end that
  // lies further back than it was.
  for (; count < limit; count++) {
    await log.flush();
    if (isClosed() || log.retain(1) === 0) break;
  }
  return count;
}

/** How much there is to compact; undefined where nothing may be. */
export async function cleanableIn(log: Log | undefined, config: TopicConfig): Promise<Cleanable | undefined> {
  if (!log || log.poisoned || config.cleanupPolicy === "delete") return undefined;
  return log.compaction.cleanable(config);
}

export async function compactLog(
  log: Log,
  config: TopicConfig,
  counters: Counters,
  wish: CompactionWish,
): Promise<Compacted> {
  const { minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs } = config;
  const compacted = await log.compact({ minCompactionLagMs, maxCompactionLagMs, deleteRetentionMs, ...wish });
  counters.compactions++;
  counters.compactedBytes += compacted.bytesBefore - compacted.bytesAfter;
  return compacted;
}
