/**
 * Keys → where their latest record stands: open-addressing tables of 96-bit fingerprints in typed arrays, 32 bytes a slot,
 * without an object or a string per key. Seeds that chance has drawn keep anybody from making keys that meet; of ten million
 * keys two have the same fingerprint with a probability of 1 in 10¹⁵.
 *
 * There are 256 tables, by eight bits of the fingerprint, so that none takes long to grow: with ten million keys, a few ms.
 */
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, type RecordTable, VALUE_LENGTH } from "../format/record.ts";

const TABLES = 256;
const WORDS = 8;
const PARTITION = 3;
const LOW = 4;
const HIGH = 5;
const HALF = 2 ** 31;
const LEAST_SLOTS = 32;
const LOAD_FACTOR = 0.6;
const GONE = -1;

/** Odd, and far from one another. */
const FIRST = 0x85ebca6b;
const SECOND = 0xc2b2ae35;
const THIRD = 0x27d4eb2f;

export class KeyIndex {
  /** Keys that have a record. */
  size = 0;
  readonly #seeds: Int32Array;
  readonly #tables = Array.from({ length: TABLES }, () => new Table());
  /** Of the keys of one batch: first all are taken, then all looked up, so that the waits for memory overlap. */
  #prints = new Int32Array(3);

  /** `seeds`: twelve bytes of chance. */
  constructor(seeds: Uint8Array) {
    this.#seeds = new Int32Array(Uint8Array.from(seeds).buffer);
  }

  /** Takes in the records of a batch from offset `from` on: the ones with a value as the latest of their keys, tombstones as the end. */
  add({ bytes, rows, count }: RecordTable, partition: number, baseOffset: number, from: number): void {
    if (this.#prints.length < count * 3) this.#prints = new Int32Array(count * 3);
    const prints = this.#prints;
    for (let i = 0, row = 0; i < count; i++, row += COLUMNS)
      takeFingerprint(this.#seeds, bytes, rows[row + KEY_AT], rows[row + KEY_LENGTH], prints, i * 3);
    for (let i = 0, row = 0; i < count; i++, row += COLUMNS) {
      const offset = baseOffset + rows[row + OFFSET_DELTA];
      if (rows[row + KEY_LENGTH] < 0 || offset < from) continue;
      const table = this.#tables[prints[i * 3 + 1] >>> 24];
      if (rows[row + VALUE_LENGTH] >= 0) this.size += table.set(prints, i * 3, partition, offset);
      else this.size -= table.remove(prints, i * 3, partition);
    }
  }

  /** −1 when the partition has no record of that key. */
  offsetOf(key: Uint8Array, partition: number): number {
    takeFingerprint(this.#seeds, key, 0, key.length, this.#prints, 0);
    return this.#tables[this.#prints[1] >>> 24].get(this.#prints, 0, partition);
  }
}

/**
 * A slot lies in one cache line: three words of the fingerprint, the partition + 1, which is 0 in a free slot, the offset as
 * two words of 31 bits, −1 when the latest was a tombstone, and two that are spare.
 */
class Table {
  #words = new Int32Array(LEAST_SLOTS * WORDS);
  #mask = LEAST_SLOTS - 1;
  /** Slots that are not free. */
  #used = 0;

  /** How many keys more have a record: the fingerprint is prints[at, at + 3). */
  set(prints: Int32Array, at: number, partition: number, offset: number): number {
    const word = this.#find(prints, at, partition);
    const words = this.#words;
    const isNew = words[word + PARTITION] === 0;
    const hadNone = isNew || words[word + HIGH] === GONE;
    words[word + LOW] = offset % HALF;
    words[word + HIGH] = offset / HALF;
    if (!isNew) return hadNone ? 1 : 0;
    words[word] = prints[at];
    words[word + 1] = prints[at + 1];
    words[word + 2] = prints[at + 2];
    words[word + PARTITION] = partition + 1;
    if (++this.#used > (this.#mask + 1) * LOAD_FACTOR) this.#grow();
    return 1;
  }

  /** How many have one less. */
  remove(prints: Int32Array, at: number, partition: number): number {
    const word = this.#find(prints, at, partition);
    if (this.#words[word + PARTITION] === 0 || this.#words[word + HIGH] === GONE) return 0;
    this.#words[word + HIGH] = GONE;
    return 1;
  }

  get(prints: Int32Array, at: number, partition: number): number {
    const word = this.#find(prints, at, partition);
    const words = this.#words;
    if (words[word + PARTITION] === 0 || words[word + HIGH] === GONE) return GONE;
    return words[word + HIGH] * HALF + words[word + LOW];
  }

  /** Where the slot begins that has the fingerprint, or the free one that it belongs into. */
  #find(prints: Int32Array, at: number, partition: number): number {
    const words = this.#words;
    const mask = this.#mask;
    const owner = partition + 1;
    const first = prints[at];
    const second = prints[at + 1];
    const third = prints[at + 2];
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const word = slot * WORDS;
      if (words[word + PARTITION] === 0) return word;
      if (words[word] !== first || words[word + 1] !== second || words[word + 2] !== third) continue;
      if (words[word + PARTITION] === owner) return word;
    }
  }

  #grow(): void {
    const words = this.#words;
    const mask = this.#mask * 2 + 1;
    const grown = new Int32Array((mask + 1) * WORDS);
    this.#used = 0;
    for (let from = 0; from < words.length; from += WORDS) {
      if (words[from + PARTITION] === 0 || words[from + HIGH] === GONE) continue;
      let slot = words[from] & mask;
      while (grown[slot * WORDS + PARTITION] !== 0) slot = (slot + 1) & mask;
      for (let i = 0; i <= HIGH; i++) grown[slot * WORDS + i] = words[from + i];
      this.#used++;
    }
    this.#words = grown;
    this.#mask = mask;
  }
}

/** Three sums over the same four bytes at a time, each multiplied and mixed in its own way. */
function takeFingerprint(
  seeds: Int32Array,
  bytes: Uint8Array,
  at: number,
  length: number,
  prints: Int32Array,
  to: number,
): void {
  let a = seeds[0] ^ length;
  let b = seeds[1] ^ length;
  let c = seeds[2] ^ length;
  const end = at + length;
  for (; at + 4 <= end; at += 4) {
    const k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    a = Math.imul(a ^ k, FIRST);
    a ^= a >>> 15;
    b = Math.imul(b + k, SECOND);
    b ^= b >>> 13;
    c = Math.imul((c << 7) ^ (c >>> 25) ^ k, THIRD);
  }
  let k = 0;
  for (; at < end; at++) k = (k << 8) | bytes[at];
  prints[to] = mixed(Math.imul(a ^ k, FIRST));
  prints[to + 1] = mixed(Math.imul(b + k, SECOND));
  prints[to + 2] = mixed(Math.imul((c << 7) ^ (c >>> 25) ^ k, THIRD));
}

/** The end of MurmurHash3: every bit of the sum has its say in every bit of the result. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), FIRST);
  bits = Math.imul(bits ^ (bits >>> 13), SECOND);
  return bits ^ (bits >>> 16);
}
