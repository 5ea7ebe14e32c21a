/**
 * The indexes of a segment that was not written by this process: loaded when first needed, believed only as far as the log
 * bears them out, and otherwise made again from the log.
 *
 * An index cannot lead to wrong bytes, because each entry that is used is held against the batch it names. What is checked
 * here is that the last entries are true and that none is missing behind them. For the largest timestamp of a segment, by
 * which a search passes it over, all behind the last time entry but one is walked: that one may itself be what is wrong.
 */
import { VarveError } from "../errors.ts";
import { readChunk } from "./chunk.ts";
import { HeaderWalk } from "./header-walk.ts";
import { type LogState, structureIn } from "./log-state.ts";
import { isDamage, walkBatches } from "./scan.ts";
import { Segment } from "./segment.ts";

/** The offset index of the segment is in memory and complete after this. */
export function ensureIndexes(state: LogState, segment: Segment): void {
  if (segment.isIndexed) return;
  segment.isIndexed = true;
  if (!segment.loadIndexes() || !isBorneOut(segment, state.config.indexIntervalBytes)) rebuildIndexes(state, segment);
}

/** The segment's `maxTimestamp`, and so its time index, is known to be true after this. Yields now and then for a pause. */
export function* ensureTimes(state: LogState, segment: Segment): Generator<void> {
  ensureIndexes(state, segment);
  if (segment.isTimeKnown) return;
  const isTrue = yield* isTimeBorneOut(segment);
  if (isTrue) segment.isTimeKnown = true;
  else rebuildIndexes(state, segment);
}

/** Makes both indexes anew by a walk over the log; damage is left out. Writes them where the log may be written. */
export function rebuildIndexes(state: LogState, segment: Segment): void {
  const { size, endOffset } = segment;
  const interval = state.config.indexIntervalBytes;
  const structure = structureIn(state, segment, segment.baseOffset);
  segment.forget();
  try {
    for (const batch of walkBatches(segment.log, size, structure)) {
      if (!isDamage(batch))
        segment.note(batch.position, batch.sizeInBytes, batch.lastOffset, batch.maxRecordTimestamp, interval);
    }
    segment.isIndexed = true;
    segment.isTimeKnown = true;
  } finally {
    // Also when the log could not be read: what it holds is no less for that.
    segment.size = size;
    segment.endOffset = endOffset;
  }
  if (segment !== state.segments.active) segment.seal();
  if (!state.readOnly) writeIfPossible(segment);
}

/** A full disk is no reason not to read: the indexes are in memory, and made again by the next owner. */
export function writeIfPossible(segment: Segment): void {
  try {
    segment.writeIndexes();
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
  }
}

/** Walks from the last offset entry to the end of the segment: it must name its batch, and no further one may have been due. */
function isBorneOut(segment: Segment, interval: number): boolean {
  segment.restore();
  // Its entries are complete, and bear witness against the log rather than the other way round.
  if (segment.isDense) return true;
  const entry = segment.locate(Number.MAX_SAFE_INTEGER);
  for (let position = entry.position; position < segment.size; ) {
    const { batches, next, problem } = readChunk(segment.log, position, segment.size, WALK_BYTES);
    if (problem !== undefined) return false;
    for (const batch of batches) {
      const isNamed = batch.position === entry.position;
      if (isNamed && !Segment.confirms(entry, batch)) return false;
      if (!isNamed && batch.position - entry.position > interval) return false;
    }
    position = next;
  }
  return true;
}

/**
 * The last time entry must name a batch with that timestamp, and no batch from the entry before it on may have a larger one. Of the
 * others the headers are enough: one that a flipped bit has raised is found to be too large, and then all is looked at.
 */
function* isTimeBorneOut(segment: Segment): Generator<void, boolean> {
  const last = segment.locateTimestamp(Number.POSITIVE_INFINITY);
  const before = last && segment.locateTimestamp(last.timestamp);
  if (last !== undefined && !confirmsTime(segment, last)) return false;
  const walk = new HeaderWalk(segment.log, before ? segment.locate(before.offset).position : 0, segment.size);
  while (!walk.isAtEnd) {
    const { position } = walk;
    if (walk.largestTimestamp(STEP_BATCHES) > segment.maxTimestamp || walk.position === position) return false;
    yield;
  }
  return true;
}

/** Whether the batch that a time entry names holds that timestamp. */
export function confirmsTime(segment: Segment, entry: { offset: number; timestamp: number }): boolean {
  let { position } = segment.locate(entry.offset);
  while (position < segment.size) {
    const { batches, next, problem } = readChunk(segment.log, position, segment.size, WALK_BYTES);
    for (const batch of batches) {
      if (batch.lastOffset >= entry.offset)
        return batch.lastOffset === entry.offset && batch.maxRecordTimestamp === entry.timestamp;
    }
    if (problem !== undefined) return false;
    position = next;
  }
  return false;
}

const WALK_BYTES = 16 * 1024;
/** Headers between two pauses. */
const STEP_BATCHES = 512;
