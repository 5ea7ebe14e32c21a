/**
 * Which part of a log compaction may work on, and how much of it is dirty: Kafka's LogCleanerManager.
 *
 *   start ── clean ──▶ cleanedOffset ── dirty, cleanable ──▶ endOffset ── not cleanable ──▶ end of the log
 *
 * Not cleaned are the active segment, everything from the first open transaction on, and segments with a record younger than
 * `minCompactionLagMs`. Segments are taken whole.
 */
import { type LogState, structureIn } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import { isDamage, scanBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { ensureTimes } from "./segment-index.ts";

export interface CompactionLimits {
  minCompactionLagMs: number;
  maxCompactionLagMs: number;
}

export interface Cleanable {
  firstDirtyOffset: number;
  /** Where what may be cleaned ends: a segment begins there. */
  endOffset: number;
  cleanBytes: number;
  dirtyBytes: number;
  /** The oldest of it has waited for longer than `maxCompactionLagMs`. */
  isOverdue: boolean;
}

export async function findCleanable(state: LogState, limits: CompactionLimits, pacer: Pacer): Promise<Cleanable> {
  const { segments, cleanedOffset, startOffset } = state;
  const firstDirtyOffset = Math.max(cleanedOffset, startOffset);
  const stable = state.producers.firstUnstableOffset ?? Number.POSITIVE_INFINITY;
  const until = Math.min(segments.active.baseOffset, stable);
  const oldest = state.clock.now() - limits.minCompactionLagMs;
  let endOffset = segments.floor(until).baseOffset;
  let cleanBytes = 0;
  let dirtyBytes = 0;
  for (const segment of [...segments.all]) {
    if (segment.baseOffset >= endOffset) break;
    if (segment.endOffset <= firstDirtyOffset) {
      cleanBytes += segment.size;
      continue;
    }
    if (limits.minCompactionLagMs > 0 && (await isYounger(state, segment, oldest, pacer)))
      endOffset = segment.baseOffset;
    else dirtyBytes += segment.size;
  }
  endOffset = Math.max(endOffset, firstDirtyOffset);
  const isOverdue = dirtyBytes > 0 && isOverdueAt(state, firstDirtyOffset, limits.maxCompactionLagMs);
  return { firstDirtyOffset, endOffset, cleanBytes, dirtyBytes, isOverdue };
}

async function isYounger(state: LogState, segment: Segment, oldest: number, pacer: Pacer): Promise<boolean> {
  if (segment.isClosed) return true;
  for (const _ of ensureTimes(state, segment)) {
    if (!pacer.isDue) continue;
    await pacer.rest();
    // Deleted meanwhile.
    if (segment.isClosed) return true;
  }
  return segment.maxTimestamp > oldest;
}

/** By the timestamp of the first batch of each dirty segment, of which the oldest counts. */
function isOverdueAt(state: LogState, firstDirtyOffset: number, maxLagMs: number): boolean {
  const deadline = state.clock.now() - maxLagMs;
  if (deadline <= 0) return false;
  const { segments } = state;
  return segments.from(firstDirtyOffset).some((segment) => {
    if (segment === segments.active || segment.size === 0) return false;
    const timestamp = firstTimestamp(state, segment);
    return timestamp > 0 && timestamp < deadline;
  });
}

function firstTimestamp(state: LogState, segment: Segment): number {
  for (const scanned of scanBatches(segment.log, 0, segment.size, structureIn(state, segment, segment.baseOffset), 1))
    return isDamage(scanned) ? 0 : scanned.maxTimestamp;
  return 0;
}
