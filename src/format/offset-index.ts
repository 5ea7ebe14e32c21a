/**
 * The sparse offset index of a segment (`.index`): where in the `.log` to start reading for an offset.
 *
 *   entry      at  length
 *   offset      0  4       int32, relative to the segment's base offset: the LAST offset of a batch
 *   position    4  4       int32, where that batch starts in the .log
 *
 * Both ascend strictly. Functions work on one Uint8Array that holds `count` entries (and perhaps a tail of zeros behind
 * them); offsets in and out are absolute. Made to be imported as a namespace: `import * as offsetIndex from …`.
 */
import { VarveError } from "../errors.ts";
import { searchInt32 } from "./entry-search.ts";
import { readInt32, writeInt32 } from "./integers.ts";

const OFFSET_AT = 0;
const POSITION_AT = OFFSET_AT + 4;
export const ENTRY_BYTES = POSITION_AT + 4;

/** An entry holds 31 bits: a segment must roll before an offset (or a position) is further than this from its base. */
export const MAX_RELATIVE = 0x7fff_ffff;

export function offsetAt(bytes: Uint8Array, index: number, baseOffset: number): number {
  return baseOffset + readInt32(bytes, index * ENTRY_BYTES + OFFSET_AT);
}

export function positionAt(bytes: Uint8Array, index: number): number {
  return readInt32(bytes, index * ENTRY_BYTES + POSITION_AT);
}

export function writeEntry(
  bytes: Uint8Array,
  index: number,
  baseOffset: number,
  offset: number,
  position: number,
): void {
  checkRelative("offset", offset - baseOffset);
  checkRelative("position", position);
  writeInt32(bytes, index * ENTRY_BYTES + OFFSET_AT, offset - baseOffset);
  writeInt32(bytes, index * ENTRY_BYTES + POSITION_AT, position);
}

/** The index of the last entry whose offset is at most `offset`; -1 when there is none: start at position 0. */
export function search(bytes: Uint8Array, count: number, baseOffset: number, offset: number): number {
  return searchInt32(bytes, count, ENTRY_BYTES, OFFSET_AT, offset - baseOffset);
}

/** The index of the last entry whose position is at most `position`, or -1. */
export function searchPosition(bytes: Uint8Array, count: number, position: number): number {
  return searchInt32(bytes, count, ENTRY_BYTES, POSITION_AT, position);
}

/**
 * How many leading entries of a file can be true: strictly ascending, offsets below `endOffset`, positions below `logSize`.
 *
 * A file that was not closed ends in preallocated zeros (up to 10 MiB). A zero offset is only ever the first entry: a lone
 * record in the batch at position 0. That entry looks like the zeros and says what no entry says too ("start at 0"), so
 * it counts only where a greater one follows, or where the file has no room for more; a zero offset with any other position
 * is damage.
 */
export function validPrefix(
  bytes: Uint8Array,
  byteLength: number,
  baseOffset: number,
  endOffset = Number.POSITIVE_INFINITY,
  logSize = Number.POSITIVE_INFINITY,
): number {
  const count = Math.floor(byteLength / ENTRY_BYTES);
  const relativeEnd = endOffset - baseOffset;
  let lastOffset = -1;
  let lastPosition = -1;
  let index = 0;
  for (; index < count; index++) {
    const offset = readInt32(bytes, index * ENTRY_BYTES + OFFSET_AT);
    const position = readInt32(bytes, index * ENTRY_BYTES + POSITION_AT);
    if (offset <= lastOffset || offset >= relativeEnd || position <= lastPosition || position >= logSize) break;
    if (offset === 0 && position !== 0) break;
    lastOffset = offset;
    lastPosition = position;
  }
  return index === 1 && lastOffset === 0 && count > 1 ? 0 : index;
}

function checkRelative(what: string, value: number): void {
  if (value >= 0 && value <= MAX_RELATIVE) return;
  throw new VarveError("VARVE_INVALID_ARGUMENT", `the ${what} of an index entry must fit 31 bits, not be ${value}`);
}
