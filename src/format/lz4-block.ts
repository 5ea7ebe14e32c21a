/**
 * The LZ4 block format: sequences of
 *
 *   token | literal length… | literals | uint16 distance | match length…        (little-endian)
 *
 * The token holds both lengths in 4 bits each (the match's less 4); 15 means that bytes follow, each added, until one
 * is not 255. The last sequence ends after its literals: at least 5, and no match starts in the last 12 bytes.
 */
import { damaged } from "./codec-errors.ts";
import { copyLiterals, copyMatch } from "./decoder-output.ts";
import { readUint16LE } from "./little-endian.ts";
import { MatchFinder } from "./match-finder.ts";

const MIN_MATCH = 4;
const MATCHLESS_TAIL = 12;
const LITERAL_REST = 5;

const finder = new MatchFinder();

/** The most that a block of `length` bytes can take. */
export function lz4BlockBound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/** Compresses bytes[start, end), at most 64 KiB, to out at `at`; returns the end. `out` has room for lz4BlockBound. */
export function encodeLz4Block(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  finder.begin(bytes, start, end, MATCHLESS_TAIL, LITERAL_REST);
  let written = start;
  while (finder.next(written)) {
    const token = at;
    at = writeLiterals(bytes, written, finder.at, out, at);
    out[at++] = finder.distance;
    out[at++] = finder.distance >> 8;
    const length = finder.length - MIN_MATCH;
    out[token] |= Math.min(length, 15);
    at = writeLength(length, out, at);
    written = finder.at + finder.length;
  }
  return writeLiterals(bytes, written, end, out, at);
}

function writeLiterals(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const length = end - start;
  out[at++] = Math.min(length, 15) << 4;
  at = writeLength(length, out, at);
  copyLiterals(bytes, start, out, at, length);
  return at + length;
}

/** What of a length does not fit its 4 bits of the token. */
function writeLength(length: number, out: Uint8Array, at: number): number {
  if (length < 15) return at;
  let left = length - 15;
  for (; left >= 255; left -= 255) out[at++] = 255;
  out[at++] = left;
  return at;
}

/**
 * Decompresses bytes[start, end) to out[at, limit); returns the end of what it wrote, or -1 when that would pass `limit`.
 * Matches reach back to `floor`: the start of the block, or of its frame where blocks are linked.
 */
export function decodeLz4Block(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  limit: number,
  floor: number,
): number {
  let from = start;
  while (from < end) {
    const token = bytes[from++];
    let length = token >>> 4;
    if (length === 15) {
      let more = 255;
      while (more === 255 && from < end) length += more = bytes[from++];
    }
    if (length > end - from) throw damaged("lz4", "literals are cut short");
    if (length > limit - at) return -1;
    copyLiterals(bytes, from, out, at, length);
    from += length;
    at += length;
    if (from === end) return at;

    if (end - from < 2) throw damaged("lz4", "a match is cut short");
    const distance = readUint16LE(bytes, from);
    from += 2;
    if (distance === 0 || distance > at - floor) throw damaged("lz4", "a match reaches before the start");
    length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      let more = 255;
      while (more === 255 && from < end) length += more = bytes[from++];
    }
    if (length > limit - at) return -1;
    copyMatch(out, at, distance, length);
    at += length;
  }
  throw damaged("lz4", "a block does not end in literals");
}
