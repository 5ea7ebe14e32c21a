/**
 * Which offset is the latest of each key, as far as memory goes: Kafka's SkimpyOffsetMap, an open-addressing table of
 * fingerprints and offsets, 24 bytes a slot. Beside it, one bit for each offset that was taken in: set when a later one of the
 * same key came, so that a record among them needs no second look-up.
 */
import { COLUMNS } from "../format/record.ts";
import type { Native } from "../native.ts";
import { type KeyFingerprints, takeAll, WORDS } from "./key-fingerprints.ts";

/** A table that is fuller than this has long runs. */
const LOAD_FACTOR = 0.75;
/** In a slot that is free; others hold the offset + 1. New memory is zeros. */
const FREE = 0;
const LEAST_SLOTS = 64;
/** Of the most offsets that bits are kept for: 16 MiB. Further ones are looked up. */
const MOST_MARKED = 2 ** 27;

export class OffsetMap {
  /** Offsets from here on are taken in. */
  readonly firstOffset: number;
  /** Everything from `firstOffset` up to and with this one has been taken in. */
  latestOffset: number;
  size = 0;
  readonly #fingerprints: KeyFingerprints;
  readonly #native: Native | undefined;
  /** Of the keys that `take` was given last. */
  #taken = new Int32Array(0);
  readonly #capacity: number;
  readonly #mask: number;
  readonly #words: Int32Array;
  readonly #offsets: Float64Array;
  readonly #superseded: Uint8Array;

  /** For the keys of offsets in [firstOffset, endOffset), but for `mostKeys` keys at the most. */
  constructor(
    fingerprints: KeyFingerprints,
    firstOffset: number,
    endOffset: number,
    mostKeys: number,
    native: Native | undefined,
  ) {
    const offsets = endOffset - firstOffset;
    const slots = slotsFor(Math.min(offsets, mostKeys));
    this.firstOffset = firstOffset;
    this.latestOffset = firstOffset - 1;
    this.#fingerprints = fingerprints;
    this.#native = native;
    this.#capacity = Math.min(mostKeys, Math.floor(slots * LOAD_FACTOR));
    this.#mask = slots - 1;
    this.#words = new Int32Array(slots * WORDS);
    this.#offsets = new Float64Array(slots);
    this.#superseded = new Uint8Array(Math.ceil(Math.min(offsets, MOST_MARKED) / 8));
  }

  get isFull(): boolean {
    return this.size >= this.#capacity;
  }

  /** The keys that `rows` tables, some of a batch, are to be put: their fingerprints are taken together. */
  take(bytes: Uint8Array, rows: Int32Array): void {
    const count = rows.length / COLUMNS;
    if (this.#taken.length < count * WORDS) this.#taken = new Int32Array(count * WORDS);
    takeAll(this.#fingerprints, bytes, rows, this.#taken, this.#native);
  }

  /** Takes in the key of that index among those taken. Offsets ascend. */
  put(index: number, offset: number): void {
    const taken = this.#taken;
    const at = index * WORDS;
    const slot = this.#slotOf(taken[at], taken[at + 1], taken[at + 2], taken[at + 3]);
    const before = this.#offsets[slot];
    if (before === FREE) {
      for (let i = 0; i < WORDS; i++) this.#words[slot * WORDS + i] = taken[at + i];
      this.size++;
    } else {
      this.#supersede(before - 1 - this.firstOffset);
    }
    this.#offsets[slot] = offset + 1;
    this.latestOffset = offset;
  }

  /** Whether a record that may lie anywhere up to `latestOffset` has a later one with the same key among those taken in. */
  isSuperseded(bytes: Uint8Array, at: number, length: number, offset: number): boolean {
    const index = offset - this.firstOffset;
    if (index >= 0 && index < MOST_MARKED) return (this.#superseded[index >>> 3] & (1 << (index & 7))) !== 0;
    this.#fingerprints.take(bytes, at, length);
    const [a, b, c, d] = this.#fingerprints.words;
    return this.#offsets[this.#slotOf(a, b, c, d)] > offset + 1;
  }

  #supersede(index: number): void {
    if (index < MOST_MARKED) this.#superseded[index >>> 3] |= 1 << (index & 7);
  }

  /** The slot that has the key, or the free one that it belongs into. */
  #slotOf(a: number, b: number, c: number, d: number): number {
    const words = this.#words;
    for (let slot = a & this.#mask; ; slot = (slot + 1) & this.#mask) {
      if (this.#offsets[slot] === FREE) return slot;
      const word = slot * WORDS;
      if (words[word] === a && words[word + 1] === b && words[word + 2] === c && words[word + 3] === d) return slot;
    }
  }
}

/** A power of two. */
function slotsFor(keys: number): number {
  let slots = LEAST_SLOTS;
  while (slots * LOAD_FACTOR < keys) slots *= 2;
  return slots;
}
