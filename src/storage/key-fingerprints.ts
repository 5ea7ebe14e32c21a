/**
 * Fingerprints of keys, by which compaction tells them apart: 128 bits, xxHash64 with two seeds. Two of a thousand million keys
 * have the same one with a probability of 1 in 10²⁰; Kafka takes MD5, which is as long.
 *
 * The hash is a WebAssembly module, compiled when the first compaction asks for it. The native module has it too, for the keys of a
 * batch at once.
 */
import xxhash from "xxhash-wasm";
import { COLUMNS, KEY_AT, KEY_LENGTH } from "../format/record.ts";
import type { Native } from "../native.ts";

export interface KeyFingerprints {
  /** The four words of the last fingerprint taken. */
  readonly words: Int32Array;
  /** Of bytes[at, at + length). */
  take(bytes: Uint8Array, at: number, length: number): void;
}

/** Words of a fingerprint. */
export const WORDS = 4;

/** The fingerprints of the keys that `rows` tables, in `words`; where there is no key they mean nothing. */
export function takeAll(
  fingerprints: KeyFingerprints,
  bytes: Uint8Array,
  rows: Int32Array,
  words: Int32Array,
  native: Native | undefined,
): void {
  if (native?.keyFingerprints(bytes, rows, words)) return;
  for (let row = 0, word = 0; row < rows.length; row += COLUMNS, word += WORDS) {
    if (rows[row + KEY_LENGTH] < 0) continue;
    fingerprints.take(bytes, rows[row + KEY_AT], rows[row + KEY_LENGTH]);
    words.set(fingerprints.words, word);
  }
}

const SEEDS = [0x7661_7276n, 0x6b65_7973n] as const;

let loading: Promise<KeyFingerprints> | undefined;

export function loadKeyFingerprints(): Promise<KeyFingerprints> {
  loading ??= load();
  return loading;
}

async function load(): Promise<KeyFingerprints> {
  const { h64Raw } = await xxhash();
  const halves = new BigUint64Array(SEEDS.length);
  const [first, second] = SEEDS;
  return {
    words: new Int32Array(halves.buffer),
    take(bytes, at, length) {
      const key = bytes.subarray(at, at + length);
      halves[0] = h64Raw(key, first);
      halves[1] = h64Raw(key, second);
    },
  };
}
