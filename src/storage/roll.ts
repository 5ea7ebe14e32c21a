/** How segments begin, end and go. Each call leaves the log whole when one of its steps fails. */
import { MAX_RELATIVE } from "../format/offset-index.ts";
import { type LogState, structureIn } from "./log-state.ts";
import type { LogSync } from "./log-sync.ts";
import { isDamage, scanBatches } from "./scan.ts";
import { MAX_SEGMENT_BYTES, Segment } from "./segment.ts";
import { ensureTimes, rebuildIndexes } from "./segment-index.ts";
import { removeSnapshot, removeStraySnapshots, writeSnapshot } from "./snapshot-files.ts";
import { rebuildTransactionIndex } from "./transactions.ts";

/**
 * Seals the active segment and begins the next one. When a step fails the active one stays active, and the next append
 * tries again. The new file comes last: an empty one that is left behind would end the log there.
 */
export function rollSegment(state: LogState, sync: LogSync): Segment {
  const { active } = state.segments;
  sealSegment(state, active);
  writeSnapshot(state, state.endOffset);
  // Its indexes are to be synced, although its batches may be already.
  sync.touch(active);
  const next = newSegment(state, state.endOffset);
  try {
    beginSegment(state, sync, next);
  } catch (error) {
    next.close();
    removeQuietly(state, next.path);
    throw error;
  }
  state.segments.add(next);
  return next;
}

/** Whether a batch of `size` bytes no longer belongs into the active segment. */
export function isRollDue(
  { config }: LogState,
  active: Segment,
  size: number,
  lastOffset: number,
  now: number,
): boolean {
  const { segmentBytes, segmentMs, segmentIndexBytes } = config;
  return (
    active.size + size > Math.min(segmentBytes, MAX_SEGMENT_BYTES) ||
    active.indexBytes >= segmentIndexBytes ||
    lastOffset - active.baseOffset > MAX_RELATIVE ||
    now - active.startedMs >= segmentMs
  );
}

export function sealSegment(state: LogState, segment: Segment): void {
  segment.trim();
  for (const _ of ensureTimes(state, segment));
  segment.seal();
  segment.writeIndexes();
  if (segment.transactionIndex.isStale) rebuildTransactionIndex(state, segment);
}

/** Leaves a log that was synced as Kafka's tools expect it. */
export async function finishLog(state: LogState, sync: LogSync): Promise<void> {
  const { active } = state.segments;
  if (active.size === 0 && state.endOffset === 0) return;
  if (active.size === 0) beginSegment(state, sync, active);
  sealSegment(state, active);
  await active.syncIndexes();
  writeSnapshot(state, state.endOffset);
  removeStraySnapshots(state);
  await state.files.syncFolder(state.folder);
}

/** Where its file cannot be made, the first append does. */
export function addSegment(state: LogState, sync: LogSync, baseOffset: number): void {
  const segment = newSegment(state, baseOffset);
  state.segments.add(segment);
  beginSegment(state, sync, segment);
}

/** The segment gets its file. */
export function beginSegment(state: LogState, sync: LogSync, segment: Segment): void {
  segment.log.size();
  segment.startedMs = state.clock.now();
  sync.touchFolder();
}

/** Cuts the segment back to the batch boundary at or before `offset`. */
export function cutSegment(state: LogState, segment: Segment, offset: number): void {
  const structure = structureIn(state, segment, segment.baseOffset);
  let position = 0;
  let endOffset = segment.baseOffset;
  for (const scanned of scanBatches(segment.log, 0, segment.size, structure)) {
    if (isDamage(scanned)) continue;
    if (scanned.lastOffset >= offset) break;
    position = scanned.position + scanned.sizeInBytes;
    endOffset = scanned.nextOffset;
  }
  segment.truncate(position, endOffset);
  rebuildIndexes(state, segment);
}

/** The `.log` goes first: what is left of the others after a crash is nothing without it. */
export function deleteSegment(state: LogState, segment: Segment): void {
  const { segments } = state;
  try {
    segment.close();
  } catch {
    // A sync of what is to be deleted may have failed.
  }
  try {
    state.files.remove(segment.path);
  } catch (error) {
    // It would come back at the next open, so it has to stay.
    segments.replace(segment, segment.reopened());
    throw error;
  }
  segments.remove(segment);
  segment.removeFiles();
  removeSnapshot(state, segment.baseOffset);
}

/** Empty, so that its indexes are complete. */
function newSegment({ files, folder }: LogState, baseOffset: number): Segment {
  const segment = new Segment(files, folder, baseOffset, true);
  segment.isIndexed = true;
  segment.isTimeKnown = true;
  return segment;
}

function removeQuietly({ files }: LogState, path: string): void {
  try {
    files.remove(path);
  } catch {
    // The error before is the one that counts.
  }
}
