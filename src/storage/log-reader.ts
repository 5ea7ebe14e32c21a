/**
 * Reads a log: by offset, in chunks of whole and checked batches, and by timestamp.
 *
 * Batches are checked on every read, bytes and structure both. A reader that goes on where it stopped needs no index: the
 * last few places are remembered. Otherwise the offset index says where to start, and its entry is held against the batch
 * it names.
 */

import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, OFFSET_DELTA } from "../format/record.ts";
import { corruptError, type LogState, structureIn } from "./log-state.ts";
import { type Damage, isDamage, scanBatches } from "./scan.ts";
import { Segment } from "./segment.ts";
import { confirmsTime, ensureIndexes, rebuildIndexes } from "./segment-index.ts";
import type { Structure } from "./structure.ts";

/** Where a reader may go on. */
interface Place {
  segment: Segment;
  position: number;
  structure: Structure;
}

const REMEMBERED_PLACES = 32;

/** What a seek reads: one index interval and a batch behind it. */
const SEEK_BYTES = 8 * 1024;

export class LogReader {
  readonly #state: LogState;
  /** Next offset → where it stands. */
  readonly #places = new Map<number, Place>();

  constructor(state: LogState) {
    this.#state = state;
  }

  /** Something was cut or deleted: remembered places may be gone. */
  forget(): void {
    this.#places.clear();
  }

  /**
   * Whole batches of about `maxBytes`, at least one; the first holds `offset` (or is the next behind a gap), and none starts
   * at or past `limit`. Empty when `offset` has reached the limit or the end. Throws VARVE_CORRUPT when `offset` lies in
   * damage: `to` says where to go on.
   */
  read(offset: number, maxBytes: number, limit: number): Batch[] {
    const { startOffset, endOffset, segments } = this.#state;
    if (!(offset >= startOffset && offset <= endOffset)) throw this.#outOfRange(offset);
    const end = Math.min(limit, endOffset);
    if (offset >= end) return [];
    let place: Place | undefined = this.#places.get(offset) ?? this.#seek(segments.floor(offset), offset);
    while (place !== undefined) {
      const batches = this.#readAt(place, offset, maxBytes, end);
      if (batches.length > 0) return batches;
      const next = segments.after(place.segment);
      if (next === undefined || next.baseOffset >= end) return [];
      this.#checkNothingMissing(place, next, offset);
      place = { segment: next, position: 0, structure: structureIn(this.#state, next, next.baseOffset) };
    }
    return [];
  }

  /** The first record at or behind `startOffset` whose timestamp is at least `timestamp`. */
  offsetForTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const segment of this.#state.segments.all) {
      if (segment.endOffset <= this.#state.startOffset || segment.size === 0) continue;
      ensureIndexes(this.#state, segment);
      if (segment.maxTimestamp < timestamp) continue;
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
  #readAt(place: Place, offset: number, maxBytes: number, end: number): Batch[] {
    const { segment, structure } = place;
    const wanted: Batch[] = [];
    let bytesLeft = maxBytes;
    while (place.position < segment.size && (wanted.length === 0 || bytesLeft > 0)) {
      const { batches, next, problem } = segment.read(place.position, Math.max(bytesLeft, SEEK_BYTES));
      bytesLeft -= next - place.position;
      for (let i = 0; i < batches.length; i++) {
        const batch = batches[i];
        if (structure.problem(batch, batches[i + 1]) !== undefined)
          return this.#meetDamage(place, offset, maxBytes, end, wanted);
        if (batch.baseOffset >= end) return this.#remember(place, wanted);
        structure.accept(batch);
        place.position = batch.position + batch.sizeInBytes;
        if (batch.lastOffset >= offset) wanted.push(batch);
      }
      if (problem !== undefined) return this.#meetDamage(place, offset, maxBytes, end, wanted);
      if (wanted.length > 0) break;
    }
    return this.#remember(place, wanted);
  }

  /** At `place` something is wrong. What was read before it goes out first; damage that `offset` is past is stepped over. */
  #meetDamage(place: Place, offset: number, maxBytes: number, end: number, wanted: Batch[]): Batch[] {
    if (wanted.length > 0) return wanted;
    const { segment, structure } = place;
    for (const scanned of scanBatches(segment.log, place.position, segment.size, structure)) {
      if (!isDamage(scanned)) {
        if (scanned.lastOffset >= offset) return scanned.baseOffset < end ? [scanned] : [];
        continue;
      }
      const to = scanned.resume?.offset ?? this.#state.segments.after(segment)?.baseOffset ?? this.#state.endOffset;
      if (offset < to) throw this.#corrupt(segment, scanned, Math.max(scanned.from, this.#state.startOffset), to);
      if (scanned.resume === undefined) break;
      structure.skipTo(scanned.resume.offset);
      return this.#readAt({ segment, position: scanned.resume.position, structure }, offset, maxBytes, end);
    }
    return [];
  }

  #remember(place: Place, wanted: Batch[]): Batch[] {
    const last = wanted[wanted.length - 1];
    if (last === undefined) return wanted;
    const isSealedEnd = place.position >= place.segment.size && place.segment !== this.#state.segments.active;
    if (isSealedEnd) return wanted;
    if (this.#places.size >= REMEMBERED_PLACES) this.#places.delete(this.#places.keys().next().value!);
    this.#places.set(last.nextOffset, place);
    return wanted;
  }

  /** Where to start reading for `offset`: at the nearest indexed batch before it. */
  #seek(segment: Segment, offset: number): Place {
    ensureIndexes(this.#state, segment);
    const entry = segment.locate(offset);
    if (entry.lastOffset === undefined) return this.#atStart(segment);
    const batch = segment.read(entry.position, SEEK_BYTES).batches[0];
    if (Segment.confirms(entry, batch)) {
      const structure = structureIn(this.#state, segment, batch!.baseOffset);
      return { segment, position: entry.position, structure };
    }
    if (batch === undefined) return this.#atStart(segment);
    rebuildIndexes(this.#state, segment);
    return this.#seekRebuilt(segment, offset);
  }

  #seekRebuilt(segment: Segment, offset: number): Place {
    const entry = segment.locate(offset);
    const batch = entry.lastOffset === undefined ? undefined : segment.read(entry.position, SEEK_BYTES).batches[0];
    if (batch === undefined || !Segment.confirms(entry, batch)) return this.#atStart(segment);
    return { segment, position: entry.position, structure: structureIn(this.#state, segment, batch.baseOffset) };
  }

  #atStart(segment: Segment): Place {
    return { segment, position: 0, structure: structureIn(this.#state, segment, segment.baseOffset) };
  }

  #searchTimestamp(segment: Segment, timestamp: number): { offset: number; timestamp: number } | undefined {
    let entry = segment.locateTimestamp(timestamp);
    if (entry !== undefined && !confirmsTime(segment, entry)) {
      rebuildIndexes(this.#state, segment);
      entry = segment.locateTimestamp(timestamp);
    }
    const place = entry === undefined ? this.#atStart(segment) : this.#seek(segment, entry.offset);
    for (const batch of scanBatches(segment.log, place.position, segment.size, place.structure)) {
      if (isDamage(batch) || batch.isControl || batch.maxTimestamp < timestamp) continue;
      const found = this.#searchBatch(batch, timestamp);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #searchBatch(batch: Batch, timestamp: number): { offset: number; timestamp: number } | undefined {
    const { count, rows, timestampDeltas } = batch.records(MAX_UNPACKED_BYTES);
    for (let i = 0; i < count; i++) {
      const offset = batch.baseOffset + rows[i * COLUMNS + OFFSET_DELTA];
      const at =
        batch.timestampType === "LogAppendTime" ? batch.maxTimestamp : batch.baseTimestamp + timestampDeltas[i];
      if (at >= timestamp && offset >= this.#state.startOffset) return { offset, timestamp: at };
    }
    return undefined;
  }

  /** Between two segments no offset may be missing, unless compaction took it. */
  #checkNothingMissing(place: Place, next: Segment, offset: number): void {
    const from = place.structure.nextOffset;
    if (this.#state.config.cleanupPolicy !== "delete" || from >= next.baseOffset || offset >= next.baseOffset) return;
    const reason = "no segment holds them";
    throw corruptError(this.#state, place.segment, { from, to: next.baseOffset, position: place.segment.size, reason });
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
