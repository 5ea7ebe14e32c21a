/**
 * What retention deletes: whole segments from the old end, for their age or because the log is too large.
 *
 * The age of a segment counts from its largest timestamp, but not from later than when it was last written: a timestamp in
 * the future keeps nothing for ever. That largest timestamp is taken from the log itself, not on the word of an index; an
 * index is enough to keep a segment.
 */
import { type LogState, structureIn } from "./log-state.ts";
import { isDamage, scanBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { ensureTimes } from "./segment-index.ts";

/** The segments that are due, oldest first; the active one only when it is too old as well. */
export function* expiredSegments(state: LogState): Generator<Segment> {
  const { retentionMs, retentionBytes, cleanupPolicy } = state.config;
  if (cleanupPolicy === "compact") return;
  let { sizeInBytes } = state.segments;
  for (const segment of [...state.segments.all]) {
    const isActive = segment === state.segments.active;
    if (segment.size === 0 && isActive) return;
    const isTooMuch = retentionBytes >= 0 && !isActive && sizeInBytes - segment.size >= retentionBytes;
    if (!isTooMuch && !(retentionMs >= 0 && isTooOld(state, segment, retentionMs))) return;
    sizeInBytes -= segment.size;
    yield segment;
  }
}

function isTooOld(state: LogState, segment: Segment, retentionMs: number): boolean {
  const deadline = state.clock.now() - retentionMs;
  const writtenMs = state.files.stat(segment.path)?.modifiedMs ?? state.clock.now();
  return writtenMs < deadline || !isYoung(state, segment, deadline);
}

/** Whether a record is not older than that. Damage, or a segment without timestamps, leaves it open: it is young then. */
function isYoung(state: LogState, segment: Segment, deadline: number): boolean {
  if (!segment.isTimeKnown) for (const _ of ensureTimes(state, segment));
  if (segment.maxTimestamp >= deadline) return true;
  let hasTimestamps = false;
  for (const batch of scanBatches(segment.log, 0, segment.size, structureIn(state, segment, segment.baseOffset))) {
    if (isDamage(batch) || batch.maxTimestamp >= deadline) return true;
    hasTimestamps ||= batch.maxTimestamp >= 0;
  }
  return !hasTimestamps;
}
