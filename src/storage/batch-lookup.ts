/**
 * The short way to the one batch that holds an offset: the index says about where, headers say where exactly, and only the
 * batch itself is checked in full. One read of some kilobytes, as a rule.
 *
 * An offset needs a witness, because no checksum covers it: it is right when the batch before it ends just there, or when an
 * index entry has the same last offset for this position. The batch that comes out has a good CRC and the leader epoch of its
 * offset, and lies inside its segment. Wherever one of these fails there is no answer, and the long way (log-reader.ts) finds
 * out why: nothing is decided here about damage, gaps or a wrong index.
 */
import { Batch, batchProblem, claimedSize, HEADER_BYTES, LAST_OFFSET_DELTA, MAGIC } from "../format/batch.ts";
import { readInt32, readInt64 } from "../format/integers.ts";
import * as offsetIndex from "../format/offset-index.ts";
import type { File } from "./files.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** Between index entries that lie further apart stands a large batch; most likely the next one is as large. */
const NEAR_BYTES = 8 * 1024;

/** What one read takes at the most, unless the batch itself is larger. */
const PIECE_BYTES = 16 * 1024;

/** A larger batch goes the long way: the buffer is kept for good. */
const MAX_BATCH_BYTES = 1024 * 1024;

/** The batch that holds `offset`, checked; undefined: go the long way. Its bytes are valid until the next look-up in any log. */
export function lookUp({ epochs }: LogState, segment: Segment, offset: number): Batch | undefined {
  const before = offsetIndex.search(
    segment.offsetIndex.bytes,
    segment.offsetIndex.count,
    segment.baseOffset,
    offset - 1,
  );
  const isFar = positionOf(segment, before + 1) - positionOf(segment, before) > NEAR_BYTES;
  piece.clear();
  const position = (isFar ? atEntry(segment, before + 1, offset) : undefined) ?? hop(segment, before, offset);
  if (position === undefined) return undefined;
  const { native } = segment.log;
  const batch = piece.batchAt(position, native);
  const isGood =
    batch.lastOffset < segment.endOffset &&
    batch.leaderEpoch === epochs.at(batch.baseOffset) &&
    piece.problemOf(batch, native) === undefined;
  return isGood ? batch : undefined;
}

/** Where the batch that an index entry names stands, if `offset` lies in it. */
function atEntry(segment: Segment, index: number, offset: number): number | undefined {
  if (index >= segment.offsetIndex.count) return undefined;
  const position = positionOf(segment, index);
  piece.load(segment.log, position, Math.min(positionOf(segment, index + 1) - position, PIECE_BYTES));
  const size = piece.sizeAt(position, segment.size);
  if (size === 0 || !isNamed(segment, index, position) || piece.baseOffsetAt(position) > offset) return undefined;
  return piece.ensure(segment.log, position, size) ? position : undefined;
}

/** From header to header, from the index entry before `offset` (−1: the start of the segment) to the batch that holds it. */
function hop(segment: Segment, before: number, offset: number): number | undefined {
  const { log, size: end } = segment;
  const from = positionOf(segment, before);
  const behind = positionOf(segment, before + 1);
  const near = Math.min(positionOf(segment, before + 2) - from, PIECE_BYTES);
  let expected = before < 0 ? segment.baseOffset : -1;
  for (let position = from; position < end; ) {
    if (!piece.has(position, HEADER_BYTES)) piece.load(log, position, Math.min(near, end - position));
    const size = piece.sizeAt(position, end);
    if (size === 0) return undefined;
    const isFollowing = piece.baseOffsetAt(position) === expected;
    // A dense index has an entry for the first batch, too; where there is an entry, it is what counts.
    const entry = position === behind ? before + 1 : position === from ? before : -1;
    if (entry < 0 ? !isFollowing : !isNamed(segment, entry, position)) return undefined;
    const lastOffset = piece.lastOffsetAt(position);
    if (lastOffset >= offset) {
      const isHeld = piece.baseOffsetAt(position) <= offset && piece.ensure(log, position, size);
      return isHeld ? position : undefined;
    }
    expected = lastOffset + 1;
    position += size;
  }
  return undefined;
}

/** Where the batch of an entry stands: the start of the segment before the first one, its end behind the last. */
function positionOf({ offsetIndex: { bytes, count }, size }: Segment, index: number): number {
  if (index < 0) return 0;
  return index < count ? offsetIndex.positionAt(bytes, index) : size;
}

/** Whether the header that stands at the entry's position is the one that it speaks of. */
function isNamed({ offsetIndex: { bytes, count }, baseOffset }: Segment, index: number, position: number): boolean {
  const isEntry = index >= 0 && index < count;
  return isEntry && offsetIndex.offsetAt(bytes, index, baseOffset) === piece.lastOffsetAt(position);
}

/** A piece of a file. Its buffer is used again and again: fresh memory for every read would cost more than the read. */
class Piece {
  #bytes = new Uint8Array(4 * PIECE_BYTES);
  #position = 0;
  #length = 0;
  /** Up to here all batches are known to be good. */
  #good = 0;

  clear(): void {
    this.#length = 0;
  }

  load(file: File, position: number, length: number): void {
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    this.#position = position;
    this.#length = 0;
    this.#good = position;
    this.#length = file.readBatches(this.#bytes, length, position, verdict);
    this.#good = position + verdict[0];
  }

  /** What is wrong with the batch itself, or undefined. */
  problemOf({ bytes, at, sizeInBytes, position }: Batch, native: File["native"]): string | undefined {
    return position + sizeInBytes <= this.#good ? undefined : batchProblem(bytes, at, at + sizeInBytes, native);
  }

  has(position: number, length: number): boolean {
    return position >= this.#position && position + length <= this.#position + this.#length;
  }

  /** Reads what is missing of a batch. False when the file ends before it does, or it is very large. */
  ensure(file: File, position: number, size: number): boolean {
    if (!this.has(position, size) && size <= MAX_BATCH_BYTES) this.load(file, position, size);
    return this.has(position, size);
  }

  /** What the header says, up to `end`; 0 when there is none. */
  sizeAt(position: number, end: number): number {
    const at = position - this.#position;
    if (!this.has(position, HEADER_BYTES) || this.#bytes[at + MAGIC] !== 2) return 0;
    const size = claimedSize(this.#bytes, at);
    return size >= HEADER_BYTES && position + size <= end ? size : 0;
  }

  baseOffsetAt(position: number): number {
    return readInt64(this.#bytes, position - this.#position);
  }

  lastOffsetAt(position: number): number {
    return this.baseOffsetAt(position) + readInt32(this.#bytes, position - this.#position + LAST_OFFSET_DELTA);
  }

  batchAt(position: number, native: File["native"]): Batch {
    const batch = new Batch(this.#bytes, position - this.#position, native);
    batch.position = position;
    return batch;
  }
}

/** What `readBatches` says: read at once, so one is enough. */
const verdict = new Int32Array(1);

const piece = new Piece();
