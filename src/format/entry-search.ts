/**
 * Binary search in an array of fixed-size entries, as the index files of a segment are: `count` entries of `entryBytes`,
 * ascending by the field at `fieldAt`. The answer is the index of the last entry whose field is at most `value`, or -1.
 */
import { readInt32, readInt64 } from "./integers.ts";

/**
 * Begins where the field would be if it rose evenly, which it mostly does, and halves only what is left around that: three or four
 * entries are looked at instead of eleven among two thousand.
 */
export function searchInt32(
  bytes: Uint8Array,
  count: number,
  entryBytes: number,
  fieldAt: number,
  value: number,
): number {
  if (count === 0) return -1;
  const first = readInt32(bytes, fieldAt);
  const last = readInt32(bytes, (count - 1) * entryBytes + fieldAt);
  if (value < first) return -1;
  if (value >= last) return count - 1;
  // The answer lies in [low, high).
  let low = 0;
  let high = count - 1;
  let middle = Math.floor(((value - first) / (last - first)) * high);
  for (let step = 1; low + 1 < high; step *= 4) {
    if (readInt32(bytes, middle * entryBytes + fieldAt) <= value) {
      low = middle;
      middle += step;
    } else {
      high = middle;
      middle -= step;
    }
    // Past what is known already, or gone far without an end to it: from here on by halves.
    if (middle <= low || middle >= high || step > 16) middle = (low + high) >>> 1;
  }
  return low;
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
