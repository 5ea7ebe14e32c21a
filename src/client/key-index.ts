/**
 * Keys → where their latest record stands: open-addressing tables of 96-bit fingerprints in typed arrays, 32 bytes a slot,
 * without an object or a string per key. Seeds that chance has drawn keep anybody from making keys that meet; of ten million
 * keys two have the same fingerprint with a probability of 1 in 10¹⁵.
 *
 * There are 256 tables, by eight bits of the fingerprint, so that none takes long to grow: with ten million keys, a few ms. What is taken
 * in is sorted by table first and goes into it some dozens at a time: then the processor waits for memory once for all of
 * them rather than once for each, in a piece of memory whose addresses it knows. With a million keys that takes half the time.
 */
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, type RecordTable, VALUE_LENGTH } from "../format/record.ts";
import { ENTRY_WORDS, GONE, HALF, HIGH, KeyTable, LOW, OWNER } from "./key-table.ts";

const TABLES = 256;
/** How many wait for a table at the most. */
const ROOM = 64;

/** Odd, and far from one another. */
const FIRST = 0x85ebca6b;
const SECOND = 0xc2b2ae35;
const THIRD = 0x27d4eb2f;

export class KeyIndex {
  readonly #seeds: Int32Array;
  readonly #tables = Array.from({ length: TABLES }, () => new KeyTable());
  /** For each table, the entries that wait for it. */
  readonly #waiting = new Int32Array(TABLES * ROOM * ENTRY_WORDS);
  readonly #counts = new Uint8Array(TABLES);
  readonly #print = new Int32Array(3);
  #size = 0;

  /** `seeds`: twelve bytes of chance. */
  constructor(seeds: Uint8Array) {
    this.#seeds = new Int32Array(Uint8Array.from(seeds).buffer);
  }

  /** How many keys have a record. */
  get size(): number {
    for (let table = 0; table < TABLES; table++) this.#settle(table);
    return this.#size;
  }

  /** Takes in the records of a batch from offset `from` on: the ones with a value as the latest of their keys, tombstones as the end. */
  add({ bytes, rows, count }: RecordTable, partition: number, baseOffset: number, from: number): void {
    const print = this.#print;
    const waiting = this.#waiting;
    for (let i = 0, row = 0; i < count; i++, row += COLUMNS) {
      const offset = baseOffset + rows[row + OFFSET_DELTA];
      const keyLength = rows[row + KEY_LENGTH];
      if (keyLength < 0 || offset < from) continue;
      takeFingerprint(this.#seeds, bytes, rows[row + KEY_AT], keyLength, print);
      const table = tableOf(print);
      if (this.#counts[table] === ROOM) this.#settle(table);
      const word = (table * ROOM + this.#counts[table]++) * ENTRY_WORDS;
      waiting[word] = print[0];
      waiting[word + 1] = print[1];
      waiting[word + 2] = print[2];
      waiting[word + OWNER] = partition + 1;
      waiting[word + LOW] = offset % HALF;
      waiting[word + HIGH] = rows[row + VALUE_LENGTH] >= 0 ? offset / HALF : GONE;
    }
  }

  /** −1 when the partition has no record of that key. */
  offsetOf(key: Uint8Array, partition: number): number {
    takeFingerprint(this.#seeds, key, 0, key.length, this.#print);
    const table = tableOf(this.#print);
    this.#settle(table);
    return this.#tables[table].offsetOf(this.#print, partition + 1);
  }

  /** What waits for the table goes in. */
  #settle(table: number): void {
    if (this.#counts[table] === 0) return;
    const from = table * ROOM * ENTRY_WORDS;
    this.#size += this.#tables[table].take(this.#waiting, from, from + this.#counts[table] * ENTRY_WORDS);
    this.#counts[table] = 0;
  }
}

/** The table itself goes by the first word. */
function tableOf(print: Int32Array): number {
  return print[1] >>> 24;
}

/** Three sums over the same four bytes at a time, each multiplied and mixed in its own way. */
function takeFingerprint(seeds: Int32Array, bytes: Uint8Array, at: number, length: number, print: Int32Array): void {
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
  print[0] = mixed(Math.imul(a ^ k, FIRST));
  print[1] = mixed(Math.imul(b + k, SECOND));
  print[2] = mixed(Math.imul((c << 7) ^ (c >>> 25) ^ k, THIRD));
}

/** The end of MurmurHash3: every bit of the sum has its say in every bit of the result. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), FIRST);
  bits = Math.imul(bits ^ (bits >>> 13), SECOND);
  return bits ^ (bits >>> 16);
}
