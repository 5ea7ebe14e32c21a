/**
 * The records inside a batch.
 *
 *   length varint | attributes int8 (0) | timestampDelta varlong | offsetDelta varint
 *   | keyLength varint (−1: null) | key | valueLength varint (−1: null) | value
 *   | headerCount varint | headerCount × ( nameLength varint | name | valueLength varint (−1: null) | value )
 *
 * A record with the key "k" and the value "hello", the first of its batch, without headers, is
 *   18 00 00 00 02 6b 0a 68 65 6c 6c 6f 00        (18: zigzag of the 12 bytes that follow)
 *
 * `tableRecords` walks all records of a batch once, checks every length against its surroundings and writes where things
 * lie into a table of numbers; a record is then looked at lazily, in place.
 */
import type { Native } from "../native.ts";
import { cursor, readVarint, readVarlong, sizeOfVarint, sizeOfVarlong } from "./varint.ts";

/** The columns of a table row, all Int32. A length of −1 means null. */
export const OFFSET_DELTA = 0;
export const KEY_AT = 1;
export const KEY_LENGTH = 2;
export const VALUE_AT = 3;
export const VALUE_LENGTH = 4;
/** Where the header count stands; −1 when there are no headers. */
export const HEADERS_AT = 5;
export const COLUMNS = 6;

/** The least a record takes: its length, attributes, two deltas, two nulls and no headers. */
export const MIN_RECORD_BYTES = 7;

/** Below this the call costs more than it saves. */
export const FEWEST_NATIVE_RECORDS = 16;

/** Where the records of one batch lie. `timestampDeltas` is apart because they may need more than 32 bits. */
export interface RecordTable {
  bytes: Uint8Array;
  count: number;
  rows: Int32Array;
  timestampDeltas: Float64Array;
}

/** Pairs of name and value, in their order, duplicates kept. */
export type Headers = readonly (readonly [name: string, value: Uint8Array | null])[];

/** A header as it goes in: strings are stored as UTF-8. */
export type HeaderPairs = readonly (readonly [name: string, value: Uint8Array | string | null])[];

const NO_HEADERS: Headers = Object.freeze([]);

/**
 * Tables the `count` records in bytes[start, end). Returns what is wrong, or the table: a batch whose records do not fill
 * it exactly, reach over each other, or do not ascend, is not used at all.
 */
export function tableRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  native?: Native,
): RecordTable | string {
  if (count * MIN_RECORD_BYTES > end - start) return `${count} records cannot fit into ${end - start} bytes`;
  const table = { bytes, count, rows: new Int32Array(count * COLUMNS), timestampDeltas: new Float64Array(count) };
  // What the native walk refuses or doubts is walked here, which tells what is wrong with it.
  if (native !== undefined && count >= FEWEST_NATIVE_RECORDS) {
    if (native.tableRecords(bytes, start, end, count, table.rows, table.timestampDeltas)) return table;
  }
  return fillTable(table, 0, start, end) ?? table;
}

/** Tables the records from the index `first` up to the table's count. Returns what is wrong. */
export function fillTable(table: RecordTable, first: number, start: number, end: number): string | undefined {
  const { bytes, count, rows, timestampDeltas } = table;
  let at = start;
  let offsetDelta = -1;
  for (let i = first, row = first * COLUMNS; i < count; i++, row += COLUMNS) {
    const length = shortVarint(bytes, at, end);
    at = cursor.at;
    const next = at + length;
    if (at < 0 || length < MIN_RECORD_BYTES - 1 || next > end) return `record ${i} has a wrong length`;
    timestampDeltas[i] = shortVarlong(bytes, at + 1, next);
    if (cursor.at < 0) return `record ${i} has a wrong timestamp`;
    const previousDelta = offsetDelta;
    offsetDelta = shortVarint(bytes, cursor.at, next);
    if (cursor.at < 0 || offsetDelta <= previousDelta) return `record ${i} has a wrong offset`;
    rows[row] = offsetDelta;
    const keyLength = shortVarint(bytes, cursor.at, next);
    at = cursor.at;
    if (at < 0 || keyLength < -1 || keyLength > next - at) return `record ${i} has a wrong key length`;
    rows[row + KEY_AT] = at;
    rows[row + KEY_LENGTH] = keyLength;
    const valueLength = shortVarint(bytes, keyLength > 0 ? at + keyLength : at, next);
    at = cursor.at;
    if (at < 0 || valueLength < -1 || valueLength > next - at) return `record ${i} has a wrong value length`;
    rows[row + VALUE_AT] = at;
    rows[row + VALUE_LENGTH] = valueLength;
    if (valueLength > 0) at += valueLength;
    if (at === next - 1 && bytes[at] === 0) {
      rows[row + HEADERS_AT] = -1;
    } else {
      if (headersEnd(bytes, at, next) !== next) return `record ${i} has wrong headers`;
      rows[row + HEADERS_AT] = at;
    }
    at = next;
  }
  return at === end ? undefined : `${end - at} bytes follow the last of ${count} records`;
}

/** A view of the key or the value of record `index`, by its two columns; undefined where it is null. */
export function fieldOf(
  { bytes, rows }: RecordTable,
  index: number,
  at: number,
  length: number,
): Uint8Array | undefined {
  const row = index * COLUMNS;
  const start = rows[row + at];
  return rows[row + length] < 0 ? undefined : bytes.subarray(start, start + rows[row + length]);
}

/** `readVarint` with a short cut for one and two bytes, which is nearly all there is: small enough to be inlined. */
export function shortVarint(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  if (first < 0x80 && at < end) {
    cursor.at = at + 1;
    return (first >>> 1) ^ -(first & 1);
  }
  const second = bytes[at + 1];
  if (second < 0x80 && at + 1 < end) {
    const zigzag = (first & 0x7f) | (second << 7);
    cursor.at = at + 2;
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }
  return readVarint(bytes, at, end);
}

export function shortVarlong(bytes: Uint8Array, at: number, end: number): number {
  const isShort = at + 1 < end && (bytes[at] < 0x80 || bytes[at + 1] < 0x80);
  return isShort ? shortVarint(bytes, at, end) : readVarlong(bytes, at, end);
}

/** Where the headers that start at `at` end, or −1. */
function headersEnd(bytes: Uint8Array, at: number, end: number): number {
  const count = readVarint(bytes, at, end);
  if (cursor.at < 0 || count < 0 || count * 2 > end - cursor.at) return -1;
  for (let i = 0; i < count; i++) {
    const nameLength = readVarint(bytes, cursor.at, end);
    if (cursor.at < 0 || nameLength < 0 || nameLength > end - cursor.at) return -1;
    const valueLength = readVarint(bytes, cursor.at + nameLength, end);
    if (cursor.at < 0 || valueLength < -1 || valueLength > end - cursor.at) return -1;
    if (valueLength > 0) cursor.at += valueLength;
  }
  return cursor.at;
}

/** The headers at a table row's HEADERS_AT. Values are copies: a header outlives nothing but itself. */
export function readHeaders(bytes: Uint8Array, headersAt: number): Headers {
  if (headersAt < 0) return NO_HEADERS;
  const end = bytes.length;
  const count = readVarint(bytes, headersAt, end);
  const headers: [string, Uint8Array | null][] = [];
  for (let i = 0; i < count; i++) {
    const nameLength = readVarint(bytes, cursor.at, end);
    const nameAt = cursor.at;
    const valueLength = readVarint(bytes, nameAt + nameLength, end);
    const valueAt = cursor.at;
    const name = utf8.decode(bytes.subarray(nameAt, nameAt + nameLength));
    headers.push([name, valueLength < 0 ? null : new Uint8Array(bytes.subarray(valueAt, valueAt + valueLength))]);
    if (valueLength > 0) cursor.at += valueLength;
  }
  return headers;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many bytes the record takes behind its own length field. `headersSize` includes the header count. */
export function sizeOfRecordBody(
  timestampDelta: number,
  offsetDelta: number,
  keyLength: number,
  valueLength: number,
  headersSize: number,
): number {
  return (
    1 +
    sizeOfVarlong(timestampDelta) +
    sizeOfVarint(offsetDelta) +
    sizeOfVarint(keyLength) +
    Math.max(keyLength, 0) +
    sizeOfVarint(valueLength) +
    Math.max(valueLength, 0) +
    headersSize
  );
}
