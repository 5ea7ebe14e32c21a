/**
 * CRC32C (Castagnoli), the checksum of record batches, producer snapshots and the catalogue.
 *
 * Sixteen bytes a step through sixteen tables (slice-by-16): the lookups of one step do not wait for each other, where
 * the byte-wise loop waits for its last lookup at every byte. Long ranges are loaded as aligned 32-bit words, and very long ones go
 * through WebAssembly, where there is one.
 */
import { type CrcLoop, makeCrcLoop, STEP_BYTES } from "./crc32c-wasm.ts";

/** The reversed polynomial 0x1EDC6F41. */
const POLYNOMIAL = 0x82f63b78;

const tables = makeTables();
const { byWords, byBytes } = makeLoops(tables);

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Below this a new word view (about 100 ns) costs more than it saves. */
const SHORT_RANGE = 512;

/**
 * The view of the buffer checksummed last: the ranges of one chunk come one after the other. It keeps that one buffer
 * alive until the next range of another.
 */
let viewed: ArrayBufferLike = new ArrayBuffer(0);
let words: Int32Array = new Int32Array(viewed);

/** From here on the copy into WebAssembly's memory pays. */
const LONG_RANGE = 4096;

/** Made for the first long range; null: there is none. */
let byWasm: CrcLoop | null | undefined;

/** The CRC32C of bytes[start, end), unsigned. `seed` is the CRC of what came before, to checksum in pieces. */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = ~seed;
  let at = start;
  if (end - start >= LONG_RANGE) {
    if (byWasm === undefined) byWasm = makeCrcLoop(tables) ?? null;
    if (byWasm !== null) {
      at = end - ((end - start) % STEP_BYTES);
      return ~byBytes(byWasm(crc, bytes, start, at), bytes, at, end) >>> 0;
    }
  }
  if (LITTLE_ENDIAN && end - start >= 32 && hasWords(bytes, start, end)) {
    const shift = bytes.byteOffset;
    const first = (start + shift + 3) >>> 2;
    const last = (end + shift) >>> 2;
    crc = byBytes(crc, bytes, start, first * 4 - shift);
    crc = byWords(crc, words, first, last);
    at = last * 4 - shift;
  }
  return ~byBytes(crc, bytes, at, end) >>> 0;
}

/** Whether `words` views the buffer of `bytes` up to `end`; it is made now where the range is long enough to pay for it. */
function hasWords(bytes: Uint8Array, start: number, end: number): boolean {
  const { buffer } = bytes;
  const needed = (bytes.byteOffset + end) >>> 2;
  if (viewed === buffer && words.length >= needed) return true;
  if (end - start < SHORT_RANGE) return false;
  viewed = buffer;
  words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  return words.length >= needed;
}

/** Both loops over tables that are constants of a closure: a bundler turns a module's `const` into `var`, at twice the time. */
function makeLoops([T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15]: Int32Array[]) {
  return {
    /** Sixteen bytes a step. The word that waits for the step before comes last: the other twelve look-ups run ahead of it. */
    byWords(crc: number, words: Int32Array, first: number, last: number): number {
      let at = first;
      for (; at + 4 <= last; at += 4) {
        const d = words[at + 3];
        const a = words[at] ^ crc;
        const b = words[at + 1];
        const c = words[at + 2];
        crc =
          T11[b & 0xff] ^
          T10[(b >>> 8) & 0xff] ^
          T9[(b >>> 16) & 0xff] ^
          T8[b >>> 24] ^
          T7[c & 0xff] ^
          T6[(c >>> 8) & 0xff] ^
          T5[(c >>> 16) & 0xff] ^
          T4[c >>> 24] ^
          T3[d & 0xff] ^
          T2[(d >>> 8) & 0xff] ^
          T1[(d >>> 16) & 0xff] ^
          T0[d >>> 24] ^
          (T15[a & 0xff] ^ T14[(a >>> 8) & 0xff] ^ T13[(a >>> 16) & 0xff] ^ T12[a >>> 24]);
      }
      for (; at < last; at++) {
        const a = words[at] ^ crc;
        crc = T3[a & 0xff] ^ T2[(a >>> 8) & 0xff] ^ T1[(a >>> 16) & 0xff] ^ T0[a >>> 24];
      }
      return crc;
    },

    /** Eight bytes a step, loaded one by one: heads, tails, short ranges, and big-endian hosts. */
    byBytes(crc: number, bytes: Uint8Array, start: number, end: number): number {
      let at = start;
      for (; at + 8 <= end; at += 8) {
        crc =
          T3[bytes[at + 4]] ^
          T2[bytes[at + 5]] ^
          T1[bytes[at + 6]] ^
          T0[bytes[at + 7]] ^
          (T7[(crc ^ bytes[at]) & 0xff] ^
            T6[((crc >>> 8) ^ bytes[at + 1]) & 0xff] ^
            T5[((crc >>> 16) ^ bytes[at + 2]) & 0xff] ^
            T4[(crc >>> 24) ^ bytes[at + 3]]);
      }
      for (; at < end; at++) crc = T0[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
      return crc;
    },
  };
}

/** Table k moves a byte's remainder past k more bytes. */
function makeTables(): Int32Array[] {
  const tables = Array.from({ length: 16 }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[0][byte] = crc;
  }
  for (let k = 1; k < 16; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[k - 1][byte];
      tables[k][byte] = (before >>> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}
