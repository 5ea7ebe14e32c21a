/**
 * Copies of single records side by side: a buffer and a table for each one alone would cost more than to find it. What is full is let
 * go, and used by nobody else as long as one of its records is kept; so a record that is kept keeps some kilobytes, and not its batch.
 *
 * All of it lies in one piece of memory, with a slip at its head: what the native module is asked when it looks up a record in a
 * mapped file and copies it here, and what it answers. One argument says it all, which matters there: each one takes as long as a search
 * of the index.
 *
 *   slip      32 × float64   as the constants below say
 *   deltas    64 × float64   timestamp deltas
 *   rows      64 × 6 int32   see format/record.ts; positions count from the start of this memory
 *   records
 */
import { COLUMNS, fillTable, OFFSET_DELTA, type RecordTable } from "./record.ts";

// What is asked. Positions are those in the file.
export const MAP = 0;
/** Where the good bytes of the segment end. */
export const END = 1;
export const OFFSET = 2;
/** The last index entry before the offset, its batch and the last offset of that; without one the start of the segment, and −1. */
export const FROM = 3;
export const FROM_LAST = 4;
/** The base offset of the segment where there is no such entry, else −1. */
export const EXPECTED = 5;
/** The index entry behind that one; without one the end, and −1. */
export const NEXT = 6;
export const NEXT_LAST = 7;
/** Where the row and the record go. */
const ROW_AT = 8;
const RECORD_AT = 9;
// What is answered.
const RECORD_SIZE = 10;
const BASE_OFFSET = 11;
const LAST_OFFSET = 12;
const LEADER_EPOCH = 13;
const ATTRIBUTES = 14;
const BASE_TIMESTAMP = 15;
const MAX_TIMESTAMP = 16;
const TIMESTAMP_DELTA = 17;
const PRODUCER_ID = 18;

const SLIP_NUMBERS = 32;
const MAX_COPIES = 64;
const DELTAS_AT = SLIP_NUMBERS * 8;
const ROWS_AT = DELTAS_AT + MAX_COPIES * 8;
const ROW_BYTES = COLUMNS * 4;
const RECORDS_AT = ROWS_AT + MAX_COPIES * ROW_BYTES;

// What a look-up says instead of a size.
/** TypeScript has to look: something is in doubt, or not this simple. */
export const IN_DOUBT = 0;
/** There is no such map any more. */
export const GONE = -1;
/** The record is larger than the room that is left. */
export const NO_ROOM = -2;

/** What the records of one piece may take, unless one alone is larger. */
const RECORDS_BYTES = 8 * 1024;

/** Offsets in a row have 32 bits. */
const MAX_OFFSET_DELTA = 0x7fff_ffff;

/** What a record has from its batch. */
export interface BatchOfCopy {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
}

export class RecordCopies implements RecordTable {
  readonly bytes: Buffer;
  readonly rows: Int32Array;
  readonly timestampDeltas: Float64Array;
  readonly slip: Float64Array;
  /** What the offsets in the rows count from. */
  readonly originOffset: number;
  count = 0;
  #end = RECORDS_AT;

  constructor(size: number, originOffset: number) {
    this.bytes = Buffer.allocUnsafeSlow(RECORDS_AT + Math.max(RECORDS_BYTES, size));
    const { buffer } = this.bytes;
    this.slip = new Float64Array(buffer, 0, SLIP_NUMBERS);
    this.timestampDeltas = new Float64Array(buffer, DELTAS_AT, MAX_COPIES);
    this.rows = new Int32Array(buffer, ROWS_AT, MAX_COPIES * COLUMNS);
    this.originOffset = originOffset;
  }

  hasRoom(size: number, offset: number): boolean {
    const isNear = Math.abs(offset - this.originOffset) <= MAX_OFFSET_DELTA;
    return isNear && this.count < MAX_COPIES && size <= this.bytes.length - this.#end;
  }

  /** Copies the record in from[start, end). Returns what is wrong with it. `settle` is next. */
  add(from: Uint8Array, start: number, end: number): string | undefined {
    const at = this.#end;
    this.bytes.set(from.subarray(start, end), at);
    this.#end += end - start;
    this.count++;
    return fillTable(this, this.count - 1, at, this.#end);
  }

  /** What the batch says of the record that was added; its row has the offset and the timestamp themselves from now on. */
  settle(batch: BatchOfCopy): this {
    const { slip, rows, timestampDeltas } = this;
    const index = this.count - 1;
    rows[index * COLUMNS + OFFSET_DELTA] += batch.baseOffset - this.originOffset;
    timestampDeltas[index] += batch.baseTimestamp;
    slip[BASE_OFFSET] = batch.baseOffset;
    slip[LEADER_EPOCH] = batch.leaderEpoch;
    slip[ATTRIBUTES] = batch.attributes;
    slip[MAX_TIMESTAMP] = batch.maxTimestamp;
    slip[PRODUCER_ID] = batch.producerId;
    return this;
  }

  /** Where the native module shall put the next one. */
  offer(): void {
    this.slip[ROW_AT] = ROWS_AT + this.count * ROW_BYTES;
    this.slip[RECORD_AT] = this.#end;
  }

  /** The native module has put a record of `size` bytes there. */
  accept(size: number, offset: number): void {
    const { slip, count } = this;
    this.rows[count * COLUMNS + OFFSET_DELTA] = offset - this.originOffset;
    this.timestampDeltas[count] = slip[BASE_TIMESTAMP] + slip[TIMESTAMP_DELTA];
    this.count = count + 1;
    this.#end += size;
  }

  /** Of a record that was looked up, also of one that had no room. */
  get recordSize(): number {
    return this.slip[RECORD_SIZE];
  }
  get batchLastOffset(): number {
    return this.slip[LAST_OFFSET];
  }

  // ---- what the batch of the last record says

  get batchBaseOffset(): number {
    return this.slip[BASE_OFFSET];
  }
  get producerId(): number {
    return this.slip[PRODUCER_ID];
  }
  get leaderEpoch(): number {
    return this.slip[LEADER_EPOCH];
  }
  get attributes(): number {
    return this.slip[ATTRIBUTES];
  }
  get maxTimestamp(): number {
    return this.slip[MAX_TIMESTAMP];
  }
}

/** The next copies go here. */
let copies: RecordCopies | undefined;

/** Where a record of that size has room, at that offset. */
export function roomFor(size: number, offset: number): RecordCopies {
  if (copies === undefined || !copies.hasRoom(size, offset)) copies = new RecordCopies(size, offset);
  return copies;
}
