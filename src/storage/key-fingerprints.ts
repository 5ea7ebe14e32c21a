/**
 * Fingerprints of keys, by which compaction tells them apart: 128 bits, xxHash64 with two seeds. Two of a thousand million keys
 * have the same one with a probability of 1 in 10²⁰; Kafka takes MD5, which is as long.
 *
 * The hash is a WebAssembly module, compiled when the first compaction asks for it.
 */
import xxhash from "xxhash-wasm";

export interface KeyFingerprints {
  /** The four words of the last fingerprint taken. */
  readonly words: Int32Array;
  /** Of bytes[at, at + length). */
  take(bytes: Uint8Array, at: number, length: number): void;
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
