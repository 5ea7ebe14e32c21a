/**
 * Binary search in an array of fixed-size entries, as the index files of a segment are: `count` entries of `entryBytes`,
 * ascending by the field at `fieldAt`. The answer is the index of the last entry whose field is at most `value`, or -1.
 */
import { readInt32, readInt64 } from "./integers.ts";

export function searchInt32(
  bytes: Uint8Array,
  count: number,
  entryBytes: number,
  fieldAt: number,
  value: number,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readInt32(bytes, middle * entryBytes + fieldAt) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function searchInt64(
  bytes: Uint8Array,
  count: number,
  entryBytes: number,
  fieldAt: number,
  value: number,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readInt64(bytes, middle * entryBytes + fieldAt) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
