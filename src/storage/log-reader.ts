/**
 * Reads a log: by offset, in chunks of whole and checked batches, and by timestamp.
 *
 * Batches are checked on every read, bytes and structure both. A reader that goes on where it stopped needs no index: the
 * last few places are remembered. Otherwise the offset index says where to start, and its entry is held against the batch
 * it names.
 */
import { hasCode, VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, OFFSET_DELTA, type RecordTable } from "../format/record.ts";
import type { RecordCopies } from "../format/record-copies.ts";
import { lookUp } from "./batch-lookup.ts";
import { type ChunkMemory, readBatchAt } from "./chunk.ts";
import { corruptError, hasGaps, type LogState, structureIn } from "./log-state.ts";
import { lookUpRecord } from "./record-lookup.ts";
import { type Damage, isDamage, misfitIn, scanBatches } from "./scan.ts";
import { Segment } from "./segment.ts";
import { confirmsTime, ensureIndexes, ensureTimes, rebuildIndexes } from "./segment-index.ts";
import type { Structure } from "./structure.ts";
import { Tail } from "./tail.ts";

/** Where a reader may go on. It moves as it is read from; a remembered one is copied first. */
interface Place {
  segment: Segment;
  position: number;
  structure: Structure;
}

const REMEMBERED_PLACES = 32;

/** What a seek reads: one index interval and a batch behind it. */
const SEEK_BYTES = 8 * 1024;

export class LogReader {
  /** For those who have read up to the end, and come again when there is more. */
  readonly tail = new Tail();
  readonly #state: LogState;
  /** Next offset → where it stands. */
  #places: Map<number, Place> | undefined;

  constructor(state: LogState) {
    this.#state = state;
  }

  /** Something was cut or deleted: remembered places may be gone. */
  forget(): void {
    this.#places = undefined;
    this.tail.forget();
  }

  /**
   * Whole batches of about `maxBytes`, at least one; the first holds `offset` (or is the next behind a gap), and none starts
   * at or past `limit`. Empty when `offset` has reached the limit or the end: what is appended there is kept for the next try. Throws VARVE_CORRUPT when `offset` lies in
   * damage: `to` says where to go on. The batches lie in `memory`, fresh unless given.
   */
  read(offset: number, maxBytes: number, limit: number, memory?: ChunkMemory): Batch[] {
    const { startOffset, endOffset, segments } = this.#state;
    if (!(offset >= startOffset && offset <= endOffset)) throw this.#outOfRange(offset);
    const end = Math.min(limit, endOffset);
    if (offset >= end) {
      this.tail.want(offset);
      return [];
    }
    const noted = this.tail.read(offset, maxBytes, end, memory, this.#state.files.native);
    if (noted !== undefined) return noted;
    let place = this.#recall(offset) ?? this.#seek(segments.floor(offset), offset);
    for (;;) {
      const batches = this.#readAt(place, offset, maxBytes, end, memory);
      if (batches.length > 0) return batches;
      const next = segments.after(place.segment);
      this.#checkNothingMissing(place, next, offset);
      if (next === undefined || next.baseOffset >= end) return [];
      place = this.#atStart(next);
    }
  }

  /** The batch that holds `offset`; undefined when none does. Its bytes are valid until the next `find` in any log. */
  find(offset: number): Batch | undefined {
    const segment = this.#segmentOf(offset);
    return segment && this.#findIn(segment, offset);
  }

  /** The record at `offset`, which may be a marker: the last one of the copies. A batch is decompressed to at most `maxBytes`. */
  copyRecord(offset: number, maxBytes: number): RecordCopies | undefined {
    const segment = this.#segmentOf(offset);
    if (segment === undefined) return undefined;
    const inPlace = lookUpRecord(this.#state, segment, offset);
    return inPlace ?? this.#findIn(segment, offset)?.copyRecord(offset, maxBytes);
  }

  #findIn(segment: Segment, offset: number): Batch | undefined {
    return lookUp(this.#state, segment, offset) ?? this.read(offset, 1, offset + 1)[0];
  }

  /** The one that `offset` falls to, its indexes at hand; undefined where the log does not reach. */
  #segmentOf(offset: number): Segment | undefined {
    const { startOffset, endOffset, segments } = this.#state;
    if (!(offset >= startOffset && offset < endOffset)) return undefined;
    const segment = segments.floor(offset);
    ensureIndexes(this.#state, segment);
    return segment;
  }

  /** The first record at or behind `startOffset` whose timestamp is at least `timestamp`. */
  offsetForTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const segment of this.#state.segments.all) {
      if (segment.endOffset <= this.#state.startOffset || segment.size === 0) continue;
      if (!segment.isTimeKnown) for (const _ of ensureTimes(this.#state, segment));
      // Where no batch has a timestamp, or none that can be told, the largest is -1.
      if (segment.maxTimestamp < timestamp && timestamp >= 0) continue;
      const found = this.#searchTimestamp(segment, timestamp);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first record that has the largest timestamp of all. */
  offsetOfMaxTimestamp(): { offset: number; timestamp: number } | undefined {
    let max: number | undefined;
    for (const segment of this.#state.segments.all) {
      if (segment.endOffset <= this.#state.startOffset || segment.size === 0) continue;
      ensureIndexes(this.#state, segment);
      if (max === undefined || segment.maxTimestamp > max) max = segment.maxTimestamp;
    }
    return max === undefined ? undefined : this.offsetForTimestamp(max);
  }

  /** Reads on from a place. Empty when the segment ends before `offset`. */
  #readAt(place: Place, offset: number, maxBytes: number, end: number, memory?: ChunkMemory): Batch[] {
    const { segment, structure } = place;
    const wanted: Batch[] = [];
    let bytesLeft = maxBytes;
    while (place.position < segment.size && (wanted.length === 0 || bytesLeft > 0)) {
      const chunk = segment.read(place.position, Math.max(bytesLeft, SEEK_BYTES), memory);
      bytesLeft -= chunk.next - place.position;
      for (let i = 0; i < chunk.batches.length; i++) {
        const batch = chunk.batches[i];
        if (misfitIn(segment.log, chunk, i, segment.size, structure) !== undefined)
          return this.#meetDamage(place, offset, maxBytes, end, wanted);
        if (batch.baseOffset >= end) return this.#remember(place, wanted);
        structure.accept(batch);
        place.position = batch.position + batch.sizeInBytes;
        if (batch.lastOffset >= offset) wanted.push(batch);
      }
      if (chunk.problem !== undefined) return this.#meetDamage(place, offset, maxBytes, end, wanted);
      if (wanted.length > 0) break;
    }
    return this.#remember(place, wanted);
  }

  /** At `place` something is wrong. What was read before it goes out first; damage that `offset` is past is stepped over. */
  #meetDamage(place: Place, offset: number, maxBytes: number, end: number, wanted: Batch[]): Batch[] {
    if (wanted.length > 0) return wanted;
    const { segment, structure } = place;
    if (place.position > 0 && !structure.hasPrevious) {
      // Begun in the middle; from further ahead there is one witness more.
      const earlier = this.#nearest(segment, structure.nextOffset - 1) ?? this.#atStart(segment);
      return this.#readAt(Object.assign(place, earlier), offset, maxBytes, end);
    }
    for (const scanned of scanBatches(segment.log, place.position, segment.size, structure)) {
      if (!isDamage(scanned)) {
        if (scanned.lastOffset >= offset) return scanned.baseOffset < end ? [scanned] : [];
        continue;
      }
      const to = scanned.resume?.offset ?? this.#state.segments.after(segment)?.baseOffset ?? this.#state.endOffset;
      if (offset < to) throw this.#corrupt(segment, scanned, Math.max(scanned.from, this.#state.startOffset), to);
      if (scanned.resume === undefined) break;
      structure.skipTo(scanned.resume.offset);
      place.position = scanned.resume.position;
      return this.#readAt(place, offset, maxBytes, end);
    }
    // Nothing good is left here, and `offset` lies behind it.
    place.position = segment.size;
    structure.skipTo(offset);
    return [];
  }

  #recall(offset: number): Place | undefined {
    const place = this.#places?.get(offset);
    return place && { ...place, structure: place.structure.copy() };
  }

  #remember(place: Place, wanted: Batch[]): Batch[] {
    const last = wanted[wanted.length - 1];
    if (last === undefined) return wanted;
    const isSealedEnd = place.position >= place.segment.size && place.segment !== this.#state.segments.active;
    if (isSealedEnd) return wanted;
    this.#places ??= new Map();
    if (this.#places.size >= REMEMBERED_PLACES) this.#places.delete(this.#places.keys().next().value!);
    this.#places.set(last.nextOffset, place);
    return wanted;
  }

  /** Where to start reading for `offset`: at the nearest indexed batch before it. */
  #seek(segment: Segment, offset: number): Place {
    ensureIndexes(this.#state, segment);
    const place = this.#nearest(segment, offset);
    if (place !== undefined) return place;
    rebuildIndexes(this.#state, segment);
    return this.#nearest(segment, offset) ?? this.#atStart(segment);
  }

  /** By the last entry that names a good batch; undefined when one names another batch than the one that is there. */
  #nearest(segment: Segment, offset: number): Place | undefined {
    for (let before = offset; ; ) {
      const entry = segment.locate(before);
      if (entry.lastOffset === undefined) return this.#atStart(segment);
      const batch = readBatchAt(segment.log, entry.position, segment.size);
      if (batch !== undefined) {
        const isConfirmed = Segment.confirms(entry, batch);
        if (!isConfirmed && !segment.isDense) return undefined;
        if (isConfirmed)
          return { segment, position: entry.position, structure: structureIn(this.#state, segment, batch.baseOffset) };
      }
      // The batch itself is damaged: the entry before will do.
      before = entry.lastOffset - 1;
    }
  }

  #atStart(segment: Segment): Place {
    return { segment, position: 0, structure: structureIn(this.#state, segment, segment.baseOffset) };
  }

  #searchTimestamp(segment: Segment, timestamp: number): { offset: number; timestamp: number } | undefined {
    ensureIndexes(this.#state, segment);
    let start = segment.timeBefore(timestamp);
    if (start !== undefined && !confirmsTime(segment, start)) {
      rebuildIndexes(this.#state, segment);
      start = segment.timeBefore(timestamp);
    }
    const place = start === undefined ? this.#atStart(segment) : this.#seek(segment, start.offset);
    for (const batch of scanBatches(segment.log, place.position, segment.size, place.structure, SEEK_BYTES)) {
      if (isDamage(batch) || batch.isControl || batch.maxTimestamp < timestamp) continue;
      const found = this.#searchBatch(batch, timestamp);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #searchBatch(batch: Batch, timestamp: number): { offset: number; timestamp: number } | undefined {
    const table = readableRecords(batch);
    if (table === undefined) return undefined;
    const { count, rows, timestampDeltas } = table;
    for (let i = 0; i < count; i++) {
      const offset = batch.baseOffset + rows[i * COLUMNS + OFFSET_DELTA];
      const at =
        batch.timestampType === "LogAppendTime" ? batch.maxTimestamp : batch.baseTimestamp + timestampDeltas[i];
      if (at >= timestamp && offset >= this.#state.startOffset) return { offset, timestamp: at };
    }
    return undefined;
  }

  /** Between two segments, and behind the last one, no offset may be missing, unless compaction took it. */
  #checkNothingMissing(place: Place, next: Segment | undefined, offset: number): void {
    const from = place.structure.nextOffset;
    const to = next?.baseOffset ?? this.#state.endOffset;
    if (hasGaps(this.#state) || place.position < place.segment.size || from >= to || offset >= to) return;
    const reason = "no segment holds them";
    throw corruptError(this.#state, place.segment, { from, to, position: place.segment.size, reason });
  }

  #corrupt(segment: Segment, damage: Damage, from: number, to: number): VarveError {
    return corruptError(this.#state, segment, { from, to, position: damage.position, reason: damage.reason });
  }

  #outOfRange(offset: number): VarveError {
    const { topic, partition, startOffset, endOffset } = this.#state;
    return new VarveError(
      "VARVE_OFFSET_OUT_OF_RANGE",
      `${topic}-${partition} has the offsets ${startOffset} to ${endOffset}, not ${offset}`,
      { topic, partition, offset },
    );
  }
}

/** Undefined where the records are not what the header says, in spite of a good checksum: whoever reads them is told. */
function readableRecords(batch: Batch): RecordTable | undefined {
  try {
    return batch.records(MAX_UNPACKED_BYTES);
  } catch (error) {
    if (hasCode(error, "VARVE_CORRUPT")) return undefined;
    throw error;
  }
}
