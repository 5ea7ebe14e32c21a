/**
 * The records of one batch, for a reader who may not look into any of them. They are checked at once, every length against its
 * surroundings, but the table that says what lies where is made when somebody asks for it: it takes more time, and a quarter of the
 * memory that the records take.
 */
import type { Native } from "../native.ts";
import {
  COLUMNS,
  FEWEST_NATIVE_RECORDS,
  fillTable,
  MIN_RECORD_BYTES,
  OFFSET_DELTA,
  type RecordTable,
  shortVarint,
  tableRecords,
} from "./record.ts";
import { cursor } from "./varint.ts";

export class BatchRecords {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly #start: number;
  readonly #end: number;
  readonly #native: Native | undefined;
  #table: RecordTable | undefined;
  #lastOffsetDelta = -1;

  private constructor(bytes: Uint8Array, start: number, end: number, count: number, native: Native | undefined) {
    this.bytes = bytes;
    this.count = count;
    this.#start = start;
    this.#end = end;
    this.#native = native;
  }

  /**
   * The `count` records in bytes[start, end), or what is wrong with them. `isTabled`: the table will be wanted. It is made, too, where
   * offset deltas are not 0, 1, 2 …, as compaction leaves them: without one, the index of a record is its offset delta.
   */
  static check(
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    isTabled: boolean,
    native?: Native,
  ): BatchRecords | string {
    const records = new BatchRecords(bytes, start, end, count, native);
    const lastOffsetDelta = isTabled ? WRONG : walkRecords(bytes, start, end, count, native);
    records.#lastOffsetDelta = lastOffsetDelta;
    // What is refused there, or doubted, is gone through here, which tells what is wrong with it.
    return lastOffsetDelta === count - 1 ? records : (records.#fill() ?? records);
  }

  /** Undefined before it was asked for. */
  get known(): RecordTable | undefined {
    return this.#table;
  }

  /** The memory must still hold what was checked. */
  get table(): RecordTable {
    const problem = this.#table === undefined ? this.#fill() : undefined;
    if (problem !== undefined) throw new Error(`the records have changed after they were checked: ${problem}`);
    return this.#table!;
  }

  /** −1 when there are none. */
  get lastOffsetDelta(): number {
    return this.#lastOffsetDelta;
  }

  #fill(): string | undefined {
    const { bytes, count } = this;
    const table = tableRecords(bytes, this.#start, this.#end, count, this.#native);
    if (typeof table === "string") return table;
    this.#table = table;
    this.#lastOffsetDelta = count === 0 ? -1 : table.rows[(count - 1) * COLUMNS + OFFSET_DELTA];
    return undefined;
  }
}

const WRONG = -2;

/** The last offset delta of good records, −1 when there are none; WRONG when they are not good, or in doubt. */
function walkRecords(bytes: Uint8Array, start: number, end: number, count: number, native?: Native): number {
  if (count * MIN_RECORD_BYTES > end - start) return WRONG;
  if (native === undefined || count < FEWEST_NATIVE_RECORDS) return walk(bytes, start, end, count);
  return native.checkRecords(bytes, start, end, count);
}

/** The last offset delta, or WRONG. */
function walk(bytes: Uint8Array, start: number, end: number, count: number): number {
  let at = start;
  let previousDelta = -1;
  for (let i = 0; i < count; i++) {
    let delta = at + LONGEST_SHORT <= end ? shortRecord(bytes, at, end) : WRONG;
    if (delta === WRONG) delta = anyRecord(bytes, at, end);
    if (delta <= previousDelta) return WRONG;
    previousDelta = delta;
    at = cursor.at;
  }
  return at === end ? previousDelta : WRONG;
}

/** As far as a short record is read before its own length is known to lie within the batch. */
const LONGEST_SHORT = 10;

/**
 * The offset delta of a record whose numbers take one or two bytes each and that has no headers, as nearly all; WRONG for every other.
 * Where it ends is in `cursor.at`.
 */
function shortRecord(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let length = bytes[start];
  if (length >= 0x80) length = (length & 0x7f) | (bytes[at++] << 7);
  const next = at + (length >>> 1);
  if (length > MOST_SHORT || next > end) return WRONG;
  // Attributes, then the timestamp delta.
  if (bytes[at + 1] < 0x80) at += 2;
  else if (bytes[at + 2] < 0x80) at += 3;
  else return WRONG;
  let delta = bytes[at++];
  if (delta >= 0x80) delta = (delta & 0x7f) | (bytes[at++] << 7);
  let keyLength = bytes[at++];
  if (keyLength >= 0x80) keyLength = (keyLength & 0x7f) | (bytes[at++] << 7);
  if (keyLength > 1) at += keyLength >>> 1;
  if (at + 1 >= next) return WRONG;
  let valueLength = bytes[at++];
  if (valueLength >= 0x80) valueLength = (valueLength & 0x7f) | (bytes[at++] << 7);
  if (valueLength > 1) at += valueLength >>> 1;
  if (at !== next - 1 || bytes[at] !== 0) return WRONG;
  // Odd is negative, and only the lengths may be −1; what is too large had a third byte.
  const isOdd = (length | delta | (keyLength === 1 ? 0 : keyLength) | (valueLength === 1 ? 0 : valueLength)) & 1;
  if (isOdd !== 0 || (delta | keyLength | valueLength) > MOST_SHORT) return WRONG;
  cursor.at = next;
  return delta >>> 1;
}

const MOST_SHORT = 0x3fff;

/** The same for every record. */
function anyRecord(bytes: Uint8Array, start: number, end: number): number {
  const length = shortVarint(bytes, start, end);
  const next = cursor.at + length;
  if (cursor.at < 0 || length < 0 || next > end) return WRONG;
  if (fillTable({ bytes, count: 1, rows: ROW, timestampDeltas: TIMESTAMP_DELTA }, 0, start, next) !== undefined)
    return WRONG;
  cursor.at = next;
  return ROW[OFFSET_DELTA];
}

const ROW = new Int32Array(COLUMNS);
const TIMESTAMP_DELTA = new Float64Array(1);
