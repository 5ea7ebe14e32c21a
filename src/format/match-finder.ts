/**
 * Finds repetitions for the LZ4 and Snappy encoders: a hash table of the last place where each four bytes were seen,
 * one candidate per place. Where nothing repeats, the steps grow, so that random bytes pass at a fraction of the cost.
 */

const MIN_MATCH = 4;

/** Positions are relative to the block and fit 16 bits. */
export const MAX_BLOCK = 0x1_0000;

const MIN_TABLE_BITS = 8;
const MAX_TABLE_BITS = 14;

/** After 2^6 fruitless places the step becomes 2, after 2^6 more 3, and so on. */
const SKIP_BITS = 6;

export class MatchFinder {
  /** The match found last: where it starts, how far back the same bytes lie, and how many they are. */
  at = 0;
  distance = 0;
  length = 0;

  private readonly table = new Uint16Array(1 << MAX_TABLE_BITS);
  private view: DataView = new DataView(new ArrayBuffer(0));
  private start = 0;
  private lastStart = 0;
  private matchEnd = 0;
  private shift = 0;

  /** A block of at most MAX_BLOCK bytes, bytes[start, end). The last `tail` bytes start no match, the last `rest` are in none. */
  begin(bytes: Uint8Array, start: number, end: number, tail: number, rest: number): void {
    const bits = Math.min(Math.max(32 - Math.clz32(end - start), MIN_TABLE_BITS), MAX_TABLE_BITS);
    this.table.fill(0, 0, 1 << bits);
    this.shift = 32 - bits;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = start;
    this.lastStart = end - Math.max(tail, MIN_MATCH);
    this.matchEnd = end - rest;
  }

  /** The next match that starts at `from` or behind it, in `at`, `distance` and `length`; false when there is none. */
  next(from: number): boolean {
    const { table, view, start, lastStart, shift } = this;
    let tries = 1 << SKIP_BITS;
    for (let at = from; at <= lastStart; at += tries++ >>> SKIP_BITS) {
      const word = view.getInt32(at, true);
      const slot = Math.imul(word, 0x9e3779b1) >>> shift;
      const candidate = start + table[slot];
      table[slot] = at - start;
      if (candidate < at && view.getInt32(candidate, true) === word) {
        this.at = at;
        this.distance = at - candidate;
        this.length = this.lengthOf(candidate, at);
        return true;
      }
    }
    return false;
  }

  private lengthOf(candidate: number, at: number): number {
    const { view, matchEnd } = this;
    let here = at + MIN_MATCH;
    let there = candidate + MIN_MATCH;
    while (here + 4 <= matchEnd && view.getInt32(here, true) === view.getInt32(there, true)) {
      here += 4;
      there += 4;
    }
    while (here < matchEnd && view.getUint8(here) === view.getUint8(there)) {
      here++;
      there++;
    }
    return here - at;
  }
}
