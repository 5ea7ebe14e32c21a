/**
 * The aborted transactions of a segment (`.txnindex`), one entry for each abort marker that lies in the segment.
 *
 *   entry               at  length
 *   version              0  2       int16 = 0
 *   producer id          2  8       int64
 *   first offset        10  8       int64, of the transaction's first record; may lie in an earlier segment
 *   last offset         18  8       int64, of the abort marker
 *   last stable offset  26  8       int64, once that marker was in the log
 *
 * Offsets are absolute here, and last offsets ascend strictly. Functions work on one Uint8Array that holds `count` entries.
 * Made to be imported as a namespace: `import * as transactionIndex from …`.
 */
import { VarveError } from "../errors.ts";
import { searchInt64 } from "./entry-search.ts";
import { readInt16, readInt64, writeInt16, writeInt64 } from "./integers.ts";

const VERSION_AT = 0;
const PRODUCER_ID_AT = VERSION_AT + 2;
const FIRST_OFFSET_AT = PRODUCER_ID_AT + 8;
const LAST_OFFSET_AT = FIRST_OFFSET_AT + 8;
const LAST_STABLE_OFFSET_AT = LAST_OFFSET_AT + 8;
export const ENTRY_BYTES = LAST_STABLE_OFFSET_AT + 8;

const VERSION = 0;

export interface AbortedTransaction {
  producerId: number;
  firstOffset: number;
  lastOffset: number;
  lastStableOffset: number;
}

export function readEntry(bytes: Uint8Array, index: number): AbortedTransaction {
  const at = index * ENTRY_BYTES;
  return {
    producerId: readInt64(bytes, at + PRODUCER_ID_AT),
    firstOffset: readInt64(bytes, at + FIRST_OFFSET_AT),
    lastOffset: readInt64(bytes, at + LAST_OFFSET_AT),
    lastStableOffset: readInt64(bytes, at + LAST_STABLE_OFFSET_AT),
  };
}

export function lastOffsetAt(bytes: Uint8Array, index: number): number {
  return readInt64(bytes, index * ENTRY_BYTES + LAST_OFFSET_AT);
}

export function writeEntry(bytes: Uint8Array, index: number, entry: AbortedTransaction): void {
  if (!canBeTrue(entry)) {
    throw new VarveError("VARVE_INVALID_ARGUMENT", `no aborted transaction can be ${JSON.stringify(entry)}`);
  }
  const at = index * ENTRY_BYTES;
  writeInt16(bytes, at + VERSION_AT, VERSION);
  writeInt64(bytes, at + PRODUCER_ID_AT, entry.producerId);
  writeInt64(bytes, at + FIRST_OFFSET_AT, entry.firstOffset);
  writeInt64(bytes, at + LAST_OFFSET_AT, entry.lastOffset);
  writeInt64(bytes, at + LAST_STABLE_OFFSET_AT, entry.lastStableOffset);
}

/** The index of the last entry whose last offset is at most `offset`, or -1. A reader from `offset` on needs those behind
 * the answer for `offset - 1`. */
export function search(bytes: Uint8Array, count: number, offset: number): number {
  return searchInt64(bytes, count, ENTRY_BYTES, LAST_OFFSET_AT, offset);
}

/** How many leading entries of a file can be true: version 0, markers ascending strictly inside [baseOffset, endOffset). */
export function validPrefix(
  bytes: Uint8Array,
  byteLength: number,
  baseOffset: number,
  endOffset = Number.POSITIVE_INFINITY,
): number {
  const count = Math.floor(byteLength / ENTRY_BYTES);
  let previous = baseOffset - 1;
  for (let index = 0; index < count; index++) {
    const entry = readEntry(bytes, index);
    if (readInt16(bytes, index * ENTRY_BYTES + VERSION_AT) !== VERSION || !canBeTrue(entry)) return index;
    if (entry.lastOffset <= previous || entry.lastOffset >= endOffset) return index;
    previous = entry.lastOffset;
  }
  return count;
}

/** Records come before their marker, and no marker moves the last stable offset past itself. */
function canBeTrue({ producerId, firstOffset, lastOffset, lastStableOffset }: AbortedTransaction): boolean {
  return (
    Number.isSafeInteger(producerId) &&
    producerId >= 0 &&
    Number.isSafeInteger(lastOffset) &&
    firstOffset >= 0 &&
    firstOffset < lastOffset &&
    lastStableOffset >= 0 &&
    lastStableOffset <= lastOffset + 1
  );
}
