/**
 * One record out of a batch: the others are stepped over by their lengths, and only the one that is asked for is checked in
 * full and copied.
 */
import { VarveError } from "../errors.ts";
import { MIN_RECORD_BYTES, shortVarint, shortVarlong } from "./record.ts";
import { type RecordCopies, roomFor } from "./record-copies.ts";
import { cursor } from "./varint.ts";

/**
 * Finds the record with that offset delta, at that offset, in bytes[start, end): it is the last one of the copies that are returned.
 * Undefined when there is none. Throws VARVE_CORRUPT where it, or a length before it, is not as it should be.
 */
export function copyRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  offsetDelta: number,
  offset = offsetDelta,
): RecordCopies | undefined {
  for (let at = start, i = 0; i < count; i++) {
    const length = shortVarint(bytes, at, end);
    const next = cursor.at + length;
    if (cursor.at < 0 || length < MIN_RECORD_BYTES - 1 || next > end) throw corrupt(`record ${i} has a wrong length`);
    shortVarlong(bytes, cursor.at + 1, next);
    const delta = cursor.at < 0 ? -1 : shortVarint(bytes, cursor.at, next);
    if (cursor.at < 0 || delta < i) throw corrupt(`record ${i} has a wrong offset`);
    if (delta === offsetDelta) return copy(bytes, at, next, offset);
    if (delta > offsetDelta) return undefined;
    at = next;
  }
  return undefined;
}

function copy(bytes: Uint8Array, start: number, end: number, offset: number): RecordCopies {
  const copies = roomFor(end - start, offset);
  const problem = copies.add(bytes, start, end);
  if (problem !== undefined) throw corrupt(problem);
  return copies;
}

function corrupt(message: string): VarveError {
  return new VarveError("VARVE_CORRUPT", message);
}
