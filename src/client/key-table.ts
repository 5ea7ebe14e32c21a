/**
 * One table of a key index: fingerprints of keys and where their latest record stands, in one typed array with open addressing.
 *
 *   words 0–2   the fingerprint; the first says where the search begins
 *   3           the owner, a partition + 1; 0 in a slot that is free
 *   4, 5        the offset as two words of 31 bits; −1 in the second: the latest was a tombstone
 *   6, 7        spare: so a slot lies in one cache line
 *
 * An entry to be taken in has the first six of these.
 */
export const OWNER = 3;
export const LOW = 4;
export const HIGH = 5;
export const ENTRY_WORDS = 6;
export const HALF = 2 ** 31;
export const GONE = -1;

const SLOT_WORDS = 8;
const LEAST_SLOTS = 32;
const LOAD_FACTOR = 0.6;

export class KeyTable {
  #words = new Int32Array(LEAST_SLOTS * SLOT_WORDS);
  #mask = LEAST_SLOTS - 1;
  /** Slots that are not free. */
  #used = 0;
  #touched = 0;

  /** Takes in the entries of words [from, end), the later of the same key as the later ones. Returns how many keys more have a record. */
  take(entries: Int32Array, from: number, end: number): number {
    while (this.#used + (end - from) / ENTRY_WORDS > (this.#mask + 1) * LOAD_FACTOR) this.#grow();
    const words = this.#words;
    const mask = this.#mask;
    // Asks memory for all of the slots before the first of them is waited for.
    let touched = 0;
    for (let at = from; at < end; at += ENTRY_WORDS) touched ^= words[(entries[at] & mask) * SLOT_WORDS];
    this.#touched ^= touched;
    let added = 0;
    for (let at = from; at < end; at += ENTRY_WORDS) {
      const word = find(words, mask, entries, at, entries[at + OWNER]);
      const high = entries[at + HIGH];
      const isNew = words[word + OWNER] === 0;
      const hadRecord = !isNew && words[word + HIGH] !== GONE;
      if (high !== GONE) added += hadRecord ? 0 : 1;
      else if (hadRecord) added--;
      else continue;
      if (isNew) {
        for (let i = 0; i <= OWNER; i++) words[word + i] = entries[at + i];
        this.#used++;
      }
      words[word + LOW] = entries[at + LOW];
      words[word + HIGH] = high;
    }
    return added;
  }

  /** −1 when it has no record of the key. */
  offsetOf(print: Int32Array, owner: number): number {
    const words = this.#words;
    const word = find(words, this.#mask, print, 0, owner);
    if (words[word + OWNER] === 0 || words[word + HIGH] === GONE) return GONE;
    return words[word + HIGH] * HALF + words[word + LOW];
  }

  /** Keys that have no record any more stay behind. */
  #grow(): void {
    const words = this.#words;
    const mask = this.#mask * 2 + 1;
    const grown = new Int32Array((mask + 1) * SLOT_WORDS);
    this.#used = 0;
    for (let from = 0; from < words.length; from += SLOT_WORDS) {
      if (words[from + OWNER] === 0 || words[from + HIGH] === GONE) continue;
      let slot = words[from] & mask;
      while (grown[slot * SLOT_WORDS + OWNER] !== 0) slot = (slot + 1) & mask;
      for (let i = 0; i < ENTRY_WORDS; i++) grown[slot * SLOT_WORDS + i] = words[from + i];
      this.#used++;
    }
    this.#words = grown;
    this.#mask = mask;
  }
}

/** Where the slot begins that has the fingerprint at `at`, or the free one that it belongs into. */
function find(words: Int32Array, mask: number, prints: Int32Array, at: number, owner: number): number {
  const first = prints[at];
  const second = prints[at + 1];
  const third = prints[at + 2];
  for (let slot = first & mask; ; slot = (slot + 1) & mask) {
    const word = slot * SLOT_WORDS;
    if (words[word + OWNER] === 0) return word;
    if (words[word] !== first || words[word + 1] !== second || words[word + 2] !== third) continue;
    if (words[word + OWNER] === owner) return word;
  }
}
