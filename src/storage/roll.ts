/** How segments begin, end and go. Each call leaves the log whole when one of its steps fails. */
import type { LogState } from "./log-state.ts";
import type { LogSync } from "./log-sync.ts";
import { join, SEGMENT_FILES, segmentFile } from "./paths.ts";
import { Segment } from "./segment.ts";
import { ensureTimes } from "./segment-index.ts";
import { writeSnapshot } from "./snapshot-files.ts";

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

export function sealSegment(state: LogState, segment: Segment): void {
  segment.trim();
  for (const _ of ensureTimes(state, segment));
  segment.seal();
  segment.writeIndexes();
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

/** The `.log` goes first: what is left of the others after a crash is nothing without it. */
export function deleteSegment({ files, folder, segments }: LogState, segment: Segment): void {
  try {
    segment.close();
  } catch {
    // A sync of what is to be deleted may have failed.
  }
  try {
    files.remove(segment.path);
  } catch (error) {
    // It would come back at the next open, so it has to stay.
    segments.replace(segment, segment.reopened(folder));
    throw error;
  }
  segments.remove(segment);
  for (const kind of SEGMENT_FILES) files.remove(join(folder, segmentFile(segment.baseOffset, kind)));
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
