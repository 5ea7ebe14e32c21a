/**
 * One record out of a batch: the others are stepped over by their lengths, and only the one that is asked for is checked in
 * full and copied. So a record that is kept keeps some kilobytes in memory, and not its batch.
 */
import { VarveError } from "../errors.ts";
import { COLUMNS, fillTable, MIN_RECORD_BYTES, type RecordTable, shortVarint, shortVarlong } from "./record.ts";
import { cursor } from "./varint.ts";

/** The next copies go here. What is full is let go, and used by nobody else as long as one of its records is kept. */
let copies: Copies | undefined;

/**
 * Finds the record with that offset delta in bytes[start, end): it is the last one of the table that is returned. Undefined when
 * there is none. Throws VARVE_CORRUPT where it, or a length before it, is not as it should be.
 */
export function copyRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  offsetDelta: number,
): RecordTable | undefined {
  for (let at = start, i = 0; i < count; i++) {
    const length = shortVarint(bytes, at, end);
    const next = cursor.at + length;
    if (cursor.at < 0 || length < MIN_RECORD_BYTES - 1 || next > end) throw corrupt(`record ${i} has a wrong length`);
    shortVarlong(bytes, cursor.at + 1, next);
    const delta = cursor.at < 0 ? -1 : shortVarint(bytes, cursor.at, next);
    if (cursor.at < 0 || delta < i) throw corrupt(`record ${i} has a wrong offset`);
    if (delta === offsetDelta) return copy(bytes, at, next);
    if (delta > offsetDelta) return undefined;
    at = next;
  }
  return undefined;
}

function copy(bytes: Uint8Array, start: number, end: number): RecordTable {
  if (copies === undefined || !copies.hasRoom(end - start)) copies = new Copies(end - start);
  return copies.add(bytes, start, end);
}

const COPIES_BYTES = 8 * 1024;
const MAX_COPIES = 64;

/** Copies of records side by side: a buffer and a table for each one alone would cost more than to find it. */
class Copies implements RecordTable {
  readonly bytes: Uint8Array;
  readonly rows = new Int32Array(MAX_COPIES * COLUMNS);
  readonly timestampDeltas = new Float64Array(MAX_COPIES);
  count = 0;
  #end = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(COPIES_BYTES, size));
  }

  hasRoom(size: number): boolean {
    return this.count < MAX_COPIES && this.#end + size <= this.bytes.length;
  }

  add(from: Uint8Array, start: number, end: number): this {
    const at = this.#end;
    this.bytes.set(from.subarray(start, end), at);
    this.#end += end - start;
    this.count++;
    const problem = fillTable(this, this.count - 1, at, this.#end);
    if (problem !== undefined) throw corrupt(problem);
    return this;
  }
}

function corrupt(message: string): VarveError {
  return new VarveError("VARVE_CORRUPT", message);
}
