/**
 * Snappy: the raw block format, and the framing of xerial's snappy-java that Kafka's Java client wraps around it.
 *
 *   raw     varint uncompressed length, then elements; the low two bits of an element's first byte tell its kind:
 *           00 literal, 01 copy of 4–11 bytes with 11 bits of distance, 10 and 11 copies of 1–64 bytes with 16 and 32 bits
 *   xerial  82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | int32 version 1 | int32 compatible 1 | { int32 length | raw }…   (big-endian)
 *
 * We write xerial with blocks of 32 KiB, as Kafka's Java client; librdkafka writes raw. We read both.
 */
import type { Native } from "../native.ts";
import { damaged, tooLarge } from "./codec-errors.ts";
import { copyLiterals, copyMatch } from "./decoder-output.ts";
import { readInt32, writeInt32 } from "./integers.ts";
import { readUint16LE, readUint32LE } from "./little-endian.ts";
import { MAX_BLOCK, MatchFinder } from "./match-finder.ts";

const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);
const XERIAL_HEADER = XERIAL_MAGIC.length + 4 + 4;
const XERIAL_BLOCK = 32 * 1024;

const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;

/** The most that one byte of input can stand for: a copy of 64 bytes takes 3. */
const MAX_EXPANSION = 22;

const finder = new MatchFinder();

/** bytes[start, end) in xerial framing. */
export function encodeSnappy(bytes: Uint8Array, start: number, end: number, native?: Native): Uint8Array {
  const blocks = Math.ceil((end - start) / XERIAL_BLOCK);
  const out = new Uint8Array(XERIAL_HEADER + blocks * (4 + rawBound(0)) + rawBound(end - start));
  out.set(XERIAL_MAGIC);
  writeInt32(out, XERIAL_MAGIC.length, 1);
  writeInt32(out, XERIAL_MAGIC.length + 4, 1);
  let at = XERIAL_HEADER;
  for (let from = start; from < end; from += XERIAL_BLOCK) {
    const to = Math.min(from + XERIAL_BLOCK, end);
    const size = native?.snappyCompress(bytes, from, to, out, at + 4, out.length) ?? -1;
    const sealed = size < 0 ? encodeRawInto(bytes, from, to, out, at + 4) : at + 4 + size;
    writeInt32(out, at, sealed - at - 4);
    at = sealed;
  }
  return out.subarray(0, at);
}

/** bytes[start, end) as one raw block. */
export function encodeRawSnappy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const out = new Uint8Array(rawBound(end - start));
  return out.subarray(0, encodeRawInto(bytes, start, end, out, 0));
}

/** Raw or xerial, whichever it is. At most maxBytes. */
export function decodeSnappy(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  native?: Native,
): Uint8Array {
  return isXerial(bytes, start, end)
    ? decodeXerial(bytes, start, end, maxBytes, native)
    : decodeRaw(bytes, start, end, maxBytes, native);
}

function isXerial(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= XERIAL_HEADER && XERIAL_MAGIC.every((byte, i) => bytes[at + i] === byte);
}

function decodeRaw(bytes: Uint8Array, start: number, end: number, maxBytes: number, native?: Native): Uint8Array {
  const length = rawLength(bytes, start, end, maxBytes);
  const out = new Uint8Array(length);
  decodeBlockInto(bytes, start, end, out, 0, length, native);
  return out;
}

/** What the native decoder refuses is decoded here, which tells what is wrong with it. */
function decodeBlockInto(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  first: number,
  last: number,
  native: Native | undefined,
): void {
  if (native?.snappyDecompress(bytes, start, end, out, first, last) === last - first) return;
  decodeRawInto(bytes, start, end, out, first, last);
}

/** Twice over the blocks: first their lengths, each held against what its block can stand for, then their contents. */
function decodeXerial(bytes: Uint8Array, start: number, end: number, maxBytes: number, native?: Native): Uint8Array {
  let size = 0;
  forEachBlock(bytes, start, end, (from, to) => {
    size += rawLength(bytes, from, to, maxBytes);
    if (size > maxBytes) throw tooLarge("snappy", maxBytes);
  });
  const out = new Uint8Array(size);
  let at = 0;
  forEachBlock(bytes, start, end, (from, to) => {
    const length = rawLength(bytes, from, to, size);
    decodeBlockInto(bytes, from, to, out, at, at + length, native);
    at += length;
  });
  return out;
}

/** A header may stand before any block: snappy-java reads streams that were joined end to end. */
function forEachBlock(bytes: Uint8Array, start: number, end: number, visit: (from: number, to: number) => void): void {
  for (let at = start; at < end; ) {
    if (isXerial(bytes, at, end)) {
      at += XERIAL_HEADER;
      continue;
    }
    const length = end - at < 4 ? -1 : readInt32(bytes, at);
    if (length < 0 || length > end - at - 4) throw damaged("snappy", "a block is cut short");
    visit(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

/** The uncompressed length in front of a raw block. */
function rawLength(bytes: Uint8Array, start: number, end: number, maxBytes: number): number {
  const length = readPreamble(bytes, start, end);
  if (length < 0) throw damaged("snappy", "its length is cut short or longer than 32 bits");
  if (length > maxBytes) throw tooLarge("snappy", maxBytes);
  if (length > (end - start) * MAX_EXPANSION) throw damaged("snappy", "its length is more than its bytes can hold");
  return length;
}

function readPreamble(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let i = 0; i < 5 && start + i < end; i++) {
    const byte = bytes[start + i];
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length <= 0xffff_ffff ? length : -1;
  }
  return -1;
}

function decodeRawInto(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  first: number,
  last: number,
): void {
  let at = start;
  while (bytes[at] >= 0x80) at++;
  at++;
  let size = first;
  while (at < end) {
    const tag = bytes[at++];
    const kind = tag & 3;
    let length = (tag >>> 2) + 1;
    if (kind === LITERAL) {
      if (length > 60) {
        const width = length - 60;
        if (width > end - at) throw damaged("snappy", "a literal is cut short");
        length = readLength(bytes, at, width);
        at += width;
      }
      if (length > end - at) throw damaged("snappy", "a literal is cut short");
      if (length > last - size) throw damaged("snappy", "it holds more than its length says");
      copyLiterals(bytes, at, out, size, length);
      at += length;
    } else {
      let distance: number;
      if (kind === COPY_1) {
        if (at >= end) throw damaged("snappy", "a copy is cut short");
        length = ((tag >>> 2) & 7) + 4;
        distance = ((tag >>> 5) << 8) | bytes[at++];
      } else {
        const width = kind === COPY_2 ? 2 : 4;
        if (width > end - at) throw damaged("snappy", "a copy is cut short");
        distance = width === 2 ? readUint16LE(bytes, at) : readUint32LE(bytes, at);
        at += width;
      }
      if (distance === 0 || distance > size - first) throw damaged("snappy", "a copy reaches before the start");
      if (length > last - size) throw damaged("snappy", "it holds more than its length says");
      copyMatch(out, size, distance, length);
    }
    size += length;
  }
  if (size !== last) throw damaged("snappy", "it holds less than its length says");
}

/** The length of a long literal, less one, in 1 to 4 bytes. */
function readLength(bytes: Uint8Array, at: number, width: number): number {
  let length = 1;
  for (let i = 0; i < width; i++) length += bytes[at + i] * 2 ** (8 * i);
  return length;
}

/** The most that a raw block of `length` bytes can take: one literal per fragment, or copies that save nothing. */
function rawBound(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

function encodeRawInto(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let length = end - start;
  for (; length >= 0x80; length = Math.floor(length / 0x80)) out[at++] = (length & 0x7f) | 0x80;
  out[at++] = length;
  for (let from = start; from < end; from += MAX_BLOCK) {
    at = encodeFragment(bytes, from, Math.min(from + MAX_BLOCK, end), out, at);
  }
  return at;
}

function encodeFragment(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  finder.begin(bytes, start, end, 0, 0);
  let written = start;
  while (finder.next(written)) {
    at = writeLiteral(bytes, written, finder.at, out, at);
    at = writeCopies(finder.distance, finder.length, out, at);
    written = finder.at + finder.length;
  }
  return writeLiteral(bytes, written, end, out, at);
}

function writeLiteral(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const length = end - start;
  if (length === 0) return at;
  if (length <= 60) {
    out[at++] = (length - 1) << 2;
  } else if (length <= 0x100) {
    out[at++] = 60 << 2;
    out[at++] = length - 1;
  } else {
    out[at++] = 61 << 2;
    out[at++] = length - 1;
    out[at++] = (length - 1) >> 8;
  }
  copyLiterals(bytes, start, out, at, length);
  return at + length;
}

/** A copy takes at most 64 bytes; a rest of 1–3 would have no short form, so the last but one leaves at least 4. */
function writeCopies(distance: number, length: number, out: Uint8Array, at: number): number {
  let left = length;
  while (left > 64) {
    const part = left >= 68 ? 64 : 60;
    at = writeCopy2(distance, part, out, at);
    left -= part;
  }
  if (left >= 12 || distance >= 2048) return writeCopy2(distance, left, out, at);
  out[at++] = COPY_1 | ((left - 4) << 2) | ((distance >> 8) << 5);
  out[at++] = distance;
  return at;
}

function writeCopy2(distance: number, length: number, out: Uint8Array, at: number): number {
  out[at++] = COPY_2 | ((length - 1) << 2);
  out[at++] = distance;
  out[at++] = distance >> 8;
  return at;
}
