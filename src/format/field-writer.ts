/**
 * Writes the fields of a record (record.ts draws them) in one pass. A length stands in front of what it counts, but what a
 * string takes as UTF-8 is known behind it. So room is left for the length that ASCII would have, and the bytes move by one
 * or two where that was wrong: no string is measured before it is written.
 */
import type { HeaderPairs } from "./record.ts";
import { sizeOfVarint, writeVarint } from "./varint.ts";

/** No string takes more as UTF-8 than this for each of its units. */
export const MAX_BYTES_PER_UNIT = 3;

/** Up to here a loop over the units beats the call into the runtime. */
const SHORT_TEXT = 24;

/** The zigzag of −1. */
const NULL_LENGTH = 1;

/** Length and bytes. Returns the position behind them, as all here. */
export function writeField(into: Buffer, at: number, field: Uint8Array | string | null): number {
  if (field === null) {
    into[at] = NULL_LENGTH;
    return at + 1;
  }
  if (typeof field === "string") return writeText(into, at, field);
  at = writeVarint(into, at, field.length);
  into.set(field, at);
  return at + field.length;
}

function writeText(into: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length <= SHORT_TEXT) {
    let allBits = 0;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      into[at + 1 + i] = unit;
      allBits |= unit;
    }
    if (allBits < 0x80) {
      into[at] = length << 1;
      return at + 1 + length;
    }
  }
  const start = at + sizeOfVarint(length);
  return putLength(into, at, start, start + into.write(text, start));
}

/** With the count in front. */
export function writeHeaders(into: Buffer, at: number, headers: HeaderPairs): number {
  at = writeVarint(into, at, headers.length);
  for (const [name, value] of headers) at = writeField(into, writeText(into, at, name), value);
  return at;
}

export function sizeOfHeaders(headers: HeaderPairs): number {
  let size = sizeOfVarint(headers.length);
  for (const [name, value] of headers) {
    const nameSize = Buffer.byteLength(name);
    const valueSize = value === null ? -1 : sizeOf(value);
    size += sizeOfVarint(nameSize) + nameSize + sizeOfVarint(valueSize) + Math.max(valueSize, 0);
  }
  return size;
}

/** Puts the length of into[start, end) at `at`, and moves those bytes when more or less room was left than it needs. */
export function putLength(into: Buffer, at: number, start: number, end: number): number {
  const length = end - start;
  const newStart = at + sizeOfVarint(length);
  if (newStart !== start) into.copyWithin(newStart, start, end);
  writeVarint(into, at, length);
  return newStart + length;
}

function sizeOf(field: Uint8Array | string): number {
  return typeof field === "string" ? Buffer.byteLength(field) : field.length;
}
