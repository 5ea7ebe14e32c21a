/**
 * Writes the fields of a record (record.ts draws them) in one pass. A length stands in front of what it counts, but what a
 * string takes as UTF-8 is known behind it. So room is left for the length that ASCII would have, and the bytes move by one
 * or two where that was wrong: no string is measured before it is written.
 */
import type { HeaderPairs } from "./record.ts";
import { sizeOfVarint, writeVarint, writeVarlong } from "./varint.ts";

/** No string takes more as UTF-8 than this for each of its units. */
export const MAX_BYTES_PER_UNIT = 3;

/** Up to here a loop over the units beats the call into the runtime. */
const SHORT_TEXT = 24;

/** The zigzag of −1. */
const NULL_LENGTH = 1;

const NO_HEADERS = 0;

/** Kafka has not used the attributes of a record yet. */
export const NO_ATTRIBUTES = 0;

/**
 * A whole record whose fields are bytes, without headers; nearly all that batches are made of. Room is left for the length that it
 * mostly has, here too.
 */
export const writeRecord = makeRecordWriter();

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

/**
 * In a closure, so that these are constants: a bundler turns a module's `const` into `var`. `set`, called as it is, takes a quarter less
 * time than found on the way up through a Buffer's prototypes. And without loops: numbers of one and two bytes are nearly all there is.
 */
function makeRecordWriter() {
  const { set } = Uint8Array.prototype;
  /** What a varint of one byte, and one of two, does not reach. */
  const ONE_BYTE = 0x40;
  const TWO_BYTES = 0x2000;
  /** Key and value of so many bytes make a record whose length takes one byte, as long as its deltas do. */
  const SHORT_FIELDS = ONE_BYTE - 6;

  /** `writeVarint` of a number that is not negative. */
  function writeCount(into: Uint8Array, at: number, value: number): number {
    if (value < ONE_BYTE) {
      into[at] = value << 1;
      return at + 1;
    }
    if (value >= TWO_BYTES) return writeVarint(into, at, value);
    into[at] = (value << 1) | 0x80;
    into[at + 1] = value >>> 6;
    return at + 2;
  }

  return function writeRecord(
    into: Buffer,
    at: number,
    timestampDelta: number,
    offsetDelta: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
  ): number {
    const keyLength = key === null ? -1 : key.length;
    const valueLength = value === null ? -1 : value.length;
    const start = at + (keyLength + valueLength < SHORT_FIELDS ? 1 : 2);
    into[start] = NO_ATTRIBUTES;
    let end = start + 1;
    const shortDelta = timestampDelta | 0;
    if (shortDelta === timestampDelta && shortDelta >= 0) end = writeCount(into, end, shortDelta);
    else end = writeVarlong(into, end, timestampDelta);
    end = writeCount(into, end, offsetDelta);
    if (key === null) {
      into[end++] = NULL_LENGTH;
    } else {
      end = writeCount(into, end, keyLength);
      set.call(into, key, end);
      end += keyLength;
    }
    if (value === null) {
      into[end++] = NULL_LENGTH;
    } else {
      end = writeCount(into, end, valueLength);
      set.call(into, value, end);
      end += valueLength;
    }
    into[end++] = NO_HEADERS;
    const length = end - start;
    if (start - at !== 2 || length < ONE_BYTE || length >= TWO_BYTES) return putLength(into, at, start, end);
    into[at] = (length << 1) | 0x80;
    into[at + 1] = length >>> 6;
    return end;
  };
}
