/**
 * The sparse time index of a segment (`.timeindex`): from which offset on to look for a timestamp.
 *
 *   entry       at  length
 *   timestamp    0  8       int64, the largest timestamp in the segment up to here
 *   offset       8  4       int32, relative to the base offset: the last offset of the batch that holds that timestamp
 *
 * Both ascend strictly: a larger timestamp was met in a later batch. Everything before an entry's offset is therefore at most
 * as late as the entry. Functions work on one Uint8Array that holds `count` entries (and perhaps a tail of zeros behind them);
 * offsets in and out are absolute. Made to be imported as a namespace: `import * as timeIndex from …`.
 */
import { VarveError } from "../errors.ts";
import { searchInt64 } from "./entry-search.ts";
import { readInt32, readInt64, writeInt32, writeInt64 } from "./integers.ts";
import { MAX_RELATIVE } from "./offset-index.ts";

const TIMESTAMP_AT = 0;
const OFFSET_AT = TIMESTAMP_AT + 8;
export const ENTRY_BYTES = OFFSET_AT + 4;

export function timestampAt(bytes: Uint8Array, index: number): number {
  return readInt64(bytes, index * ENTRY_BYTES + TIMESTAMP_AT);
}

export function offsetAt(bytes: Uint8Array, index: number, baseOffset: number): number {
  return baseOffset + readInt32(bytes, index * ENTRY_BYTES + OFFSET_AT);
}

export function writeEntry(
  bytes: Uint8Array,
  index: number,
  baseOffset: number,
  timestamp: number,
  offset: number,
): void {
  const relative = offset - baseOffset;
  if (!Number.isSafeInteger(timestamp) || relative < 0 || relative > MAX_RELATIVE) {
    const entry = `timestamp ${timestamp}, offset ${offset} at base offset ${baseOffset}`;
    throw new VarveError(
      "VARVE_INVALID_ARGUMENT",
      `no time index entry can hold ${entry}: a safe integer and 31 bits are`,
    );
  }
  writeInt64(bytes, index * ENTRY_BYTES + TIMESTAMP_AT, timestamp);
  writeInt32(bytes, index * ENTRY_BYTES + OFFSET_AT, relative);
}

/** The index of the last entry whose timestamp is at most `timestamp`; -1 when there is none: start at the base offset. */
export function search(bytes: Uint8Array, count: number, timestamp: number): number {
  return searchInt64(bytes, count, ENTRY_BYTES, TIMESTAMP_AT, timestamp);
}

/**
 * How many leading entries of a file can be true: strictly ascending, timestamps from 1970 on, offsets below `endOffset`.
 *
 * A file that was not closed ends in preallocated zeros. A lone entry (1970-01-01, base offset) looks like those and is
 * dropped with them: without it a search starts at the base offset all the same.
 */
export function validPrefix(
  bytes: Uint8Array,
  byteLength: number,
  baseOffset: number,
  endOffset = Number.POSITIVE_INFINITY,
): number {
  const count = Math.floor(byteLength / ENTRY_BYTES);
  const relativeEnd = endOffset - baseOffset;
  let lastTimestamp = -1;
  let lastOffset = -1;
  let index = 0;
  for (; index < count; index++) {
    const timestamp = timestampAt(bytes, index);
    const offset = readInt32(bytes, index * ENTRY_BYTES + OFFSET_AT);
    if (timestamp <= lastTimestamp || timestamp > Number.MAX_SAFE_INTEGER) break;
    if (offset <= lastOffset || offset >= relativeEnd) break;
    lastTimestamp = timestamp;
    lastOffset = offset;
  }
  return index === 1 && lastTimestamp === 0 && lastOffset === 0 ? 0 : index;
}
