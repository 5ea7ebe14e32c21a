/**
 * The indexes of a segment that was not written by this process: loaded when first needed, believed only as far as the log
 * bears them out, and otherwise made again from the log.
 *
 * An index cannot lead to wrong bytes, because each entry that is used is held against the batch it names. What is checked
 * here is that the last entries are true and that none is missing behind them.
 */
import * as offsetIndex from "../format/offset-index.ts";
import * as timeIndex from "../format/time-index.ts";
import { readChunk } from "./chunk.ts";
import { type LogState, structureIn } from "./log-state.ts";
import { isDamage, scanBatches } from "./scan.ts";
import { Segment } from "./segment.ts";

const indexed = new WeakSet<Segment>();

/** The indexes of the segment are in memory and complete after this. */
export function ensureIndexes(state: LogState, segment: Segment): void {
  if (indexed.has(segment)) return;
  indexed.add(segment);
  if (!load(segment) || !isBorneOut(segment, state.config.indexIntervalBytes)) rebuildIndexes(state, segment);
}

/** The segment was written, or scanned, from its first byte on by this process. */
export function markIndexed(segment: Segment): void {
  indexed.add(segment);
}

/** Makes both indexes anew by a walk over the log; damage is left out. Writes them where the log may be written. */
export function rebuildIndexes(state: LogState, segment: Segment): void {
  const { size, endOffset } = segment;
  const interval = state.config.indexIntervalBytes;
  indexed.add(segment);
  segment.forget();
  for (const batch of scanBatches(segment.log, 0, size, structureIn(state, segment, segment.baseOffset))) {
    if (!isDamage(batch))
      segment.note(batch.position, batch.sizeInBytes, batch.lastOffset, batch.maxTimestamp, interval);
  }
  segment.size = size;
  segment.endOffset = endOffset;
  if (segment !== state.segments.active) segment.seal();
  if (!state.readOnly) segment.writeIndexes();
}

function load(segment: Segment): boolean {
  const { baseOffset, endOffset, size } = segment;
  const hasOffsets = segment.offsetIndex.load((bytes, length) =>
    offsetIndex.validPrefix(bytes, length, baseOffset, endOffset, size),
  );
  const hasTimes = segment.timeIndex.load((bytes, length) =>
    timeIndex.validPrefix(bytes, length, baseOffset, endOffset),
  );
  return hasOffsets && hasTimes;
}

/**
 * Walks from the last offset entry to the end of the segment. The entry must name its batch; no further entry may have been
 * due; and no timestamp on the way may be larger than the time index knows.
 */
function isBorneOut(segment: Segment, interval: number): boolean {
  segment.restore();
  const entry = segment.locate(Number.MAX_SAFE_INTEGER);
  let { position } = entry;
  while (position < segment.size) {
    const { batches, next, problem } = readChunk(segment.log, position, segment.size, WALK_BYTES);
    if (problem !== undefined) return false;
    for (const batch of batches) {
      const isNamed = batch.position === entry.position;
      if (isNamed && !Segment.confirms(entry, batch)) return false;
      if (!isNamed && batch.position - entry.position > interval) return false;
      if (batch.maxTimestamp > segment.maxTimestamp && Number.isSafeInteger(batch.maxTimestamp)) return false;
    }
    position = next;
  }
  const time = segment.locateTimestamp(Number.MAX_SAFE_INTEGER);
  return time === undefined || confirmsTime(segment, time);
}

/** Whether the batch that a time entry names holds that timestamp. */
export function confirmsTime(segment: Segment, entry: { offset: number; timestamp: number }): boolean {
  let { position } = segment.locate(entry.offset);
  while (position < segment.size) {
    const { batches, next, problem } = readChunk(segment.log, position, segment.size, WALK_BYTES);
    for (const batch of batches) {
      if (batch.lastOffset >= entry.offset)
        return batch.lastOffset === entry.offset && batch.maxTimestamp === entry.timestamp;
    }
    if (problem !== undefined) return false;
    position = next;
  }
  return false;
}

const WALK_BYTES = 16 * 1024;
