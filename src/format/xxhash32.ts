/** XXH32, the checksum of LZ4 frames. */
import { readInt32LE } from "./little-endian.ts";

const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

/** The XXH32 of bytes[start, end), unsigned. */
export function xxhash32(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let at = start;
  let hash: number;
  if (end - start >= 16) {
    let a = (seed + P1 + P2) | 0;
    let b = (seed + P2) | 0;
    let c = seed | 0;
    let d = (seed - P1) | 0;
    for (; at + 16 <= end; at += 16) {
      a = round(a, readInt32LE(bytes, at));
      b = round(b, readInt32LE(bytes, at + 4));
      c = round(c, readInt32LE(bytes, at + 8));
      d = round(d, readInt32LE(bytes, at + 12));
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  } else {
    hash = seed + P5;
  }
  hash = (hash + (end - start)) | 0;
  for (; at + 4 <= end; at += 4) hash = Math.imul(rotate(hash + Math.imul(readInt32LE(bytes, at), P3), 17), P4);
  for (; at < end; at++) hash = Math.imul(rotate(hash + Math.imul(bytes[at], P5), 11), P1);
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, word: number): number {
  return Math.imul(rotate(lane + Math.imul(word, P2), 13), P1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
