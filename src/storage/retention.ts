/**
 * What retention deletes: whole segments from the old end, for their age or because the log is too large.
 *
 * The age of a segment counts from its largest timestamp, but not from later than when it was last written: a timestamp in
 * the future keeps nothing for ever. That largest timestamp is taken from the log itself, not on the word of an index.
 */
import { type LogState, structureIn } from "./log-state.ts";
import { isDamage, scanBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";

/** The segments that are due, oldest first; the active one only when it is too old as well. */
export function* expiredSegments(state: LogState): Generator<Segment> {
  const { retentionMs, retentionBytes, cleanupPolicy } = state.config;
  if (cleanupPolicy === "compact") return;
  let { sizeInBytes } = state.segments;
  for (const segment of state.segments.all) {
    const isActive = segment === state.segments.active;
    const isTooMuch = retentionBytes >= 0 && !isActive && sizeInBytes - segment.size >= retentionBytes;
    if (segment.size === 0 && isActive) return;
    if (!isTooMuch && !(retentionMs >= 0 && isTooOld(state, segment, retentionMs))) return;
    sizeInBytes -= segment.size;
    yield segment;
  }
}

function isTooOld(state: LogState, segment: Segment, retentionMs: number): boolean {
  const deadline = state.clock.now() - retentionMs;
  const writtenMs = state.files.stat(segment.path)?.modifiedMs ?? state.clock.now();
  return writtenMs < deadline || Math.min(largestTimestamp(state, segment), writtenMs) < deadline;
}

/** Of sealed segments, which do not change. */
const verified = new WeakMap<Segment, number>();

/** Infinity where damage, or a segment without timestamps, leaves it open: then the time of writing decides alone. */
function largestTimestamp(state: LogState, segment: Segment): number {
  const known = verified.get(segment);
  if (known !== undefined) return known;
  let largest = -1;
  for (const batch of scanBatches(segment.log, 0, segment.size, structureIn(state, segment, segment.baseOffset))) {
    largest = Math.max(largest, isDamage(batch) ? Number.POSITIVE_INFINITY : batch.maxTimestamp);
  }
  if (largest < 0) largest = Number.POSITIVE_INFINITY;
  if (segment !== state.segments.active) verified.set(segment, largest);
  return largest;
}
