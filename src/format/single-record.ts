/**
 * One record out of a batch: the others are stepped over by their lengths, and only the one that is asked for is checked in
 * full and copied. So a record that is kept keeps itself in memory, and not its batch.
 */
import { VarveError } from "../errors.ts";
import { MIN_RECORD_BYTES, type RecordTable, shortVarint, shortVarlong, tableRecords } from "./record.ts";
import { cursor } from "./varint.ts";

/** Tables the record with that offset delta alone; undefined when there is none. Throws VARVE_CORRUPT where lengths don't fit. */
export function tableRecord(
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
    if (delta === offsetDelta) return tableCopy(bytes, at, next);
    if (delta > offsetDelta) return undefined;
    at = next;
  }
  return undefined;
}

function tableCopy(bytes: Uint8Array, start: number, end: number): RecordTable {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  const table = tableRecords(copy, 0, copy.length, 1);
  if (typeof table === "string") throw corrupt(table);
  return table;
}

function corrupt(message: string): VarveError {
  return new VarveError("VARVE_CORRUPT", message);
}
