/**
 * The two entropy codes of Zstandard (RFC 8878, section 4): FSE, whose states each give a symbol and a number of bits to
 * read on, and Huffman; their descriptions as they stand in a block; and the bit stream, which is read from its end.
 */
import { damaged } from "./codec-errors.ts";

/** A decoding table of 2^log states. */
export interface FseTable {
  log: number;
  symbols: Uint8Array;
  /** Bits to read, to be added to the base for the next state. */
  bits: Uint8Array;
  bases: Uint16Array;
}

/** A look-up by the next `log` bits. */
export interface HuffmanTable {
  log: number;
  symbols: Uint8Array;
  bits: Uint8Array;
}

/** A table, and the position behind its description. */
export interface Described<Table> {
  table: Table;
  end: number;
}

const MAX_WEIGHT_LOG = 6;
const MAX_HUFFMAN_LOG = 11;
const MAX_WEIGHTS = 255;

/** Reads bytes[start, end) from the last bit to the first; the highest 1 of the last byte only marks where it begins. */
export class BackwardBits {
  /** How many bits are left. */
  left: number;
  private readonly bytes: Uint8Array;
  private readonly start: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? bytes[end - 1] : 0;
    if (last === 0) throw damaged("zstd", "a bit stream has no end");
    this.bytes = bytes;
    this.start = start;
    this.left = (end - start) * 8 - 1 - Math.clz32(last << 24);
  }

  /** The next `count` bits, at most 31. */
  read(count: number): number {
    if (count > 24) {
      const high = this.read(count - 16);
      return (high << 16) | this.read(16);
    }
    this.left -= count;
    if (this.left < 0) throw damaged("zstd", "a bit stream is cut short");
    return this.load(this.left) & ((1 << count) - 1);
  }

  /** The next `count` bits without taking them; beyond the start of the stream they are 0. */
  peek(count: number): number {
    const from = this.left - count;
    return (from >= 0 ? this.load(from) : this.load(0) << -from) & ((1 << count) - 1);
  }

  /** At least 24 bits from bit `from` up. */
  private load(from: number): number {
    const { bytes } = this;
    const at = this.start + (from >>> 3);
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> (from & 7);
  }
}

/** One symbol, always, for no bits. */
export function rleTable(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), bases: new Uint16Array(1) };
}

/** The FSE table described at bytes[at]: 4 bits of log, then a count per symbol in as few bits as can still hold it. */
export function readFseTable(
  bytes: Uint8Array,
  at: number,
  end: number,
  maxLog: number,
  maxSymbol: number,
): Described<FseTable> {
  const size = (end - at) * 8;
  let bit = 4;
  const peek = (count: number): number => {
    if (bit > size) throw damaged("zstd", "a table is cut short");
    const from = at + (bit >>> 3);
    const word = bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16);
    return (word >>> (bit & 7)) & ((1 << count) - 1);
  };
  if (size < 8) throw damaged("zstd", "a table is cut short");
  const log = (bytes[at] & 15) + 5;
  if (log > maxLog) throw damaged("zstd", "a table is larger than allowed");

  const counts: number[] = [];
  let remaining = (1 << log) + 1;
  let width = log + 1;
  while (remaining > 1) {
    if (counts.length > maxSymbol) throw damaged("zstd", "a table has too many symbols");
    const half = 1 << (width - 1);
    const spare = 2 * half - 1 - remaining;
    let value = peek(width);
    if ((value & (half - 1)) < spare) {
      value &= half - 1;
      bit += width - 1;
    } else {
      if (value >= half) value -= spare;
      bit += width;
    }
    const count = value - 1;
    counts.push(count);
    remaining -= Math.abs(count);
    if (count === 0) {
      for (let zeros = 3; zeros === 3 && counts.length <= maxSymbol; ) {
        zeros = peek(2);
        bit += 2;
        for (let i = 0; i < zeros; i++) counts.push(0);
      }
    }
    while (remaining < 1 << (width - 1)) width--;
  }
  if (remaining !== 1 || counts.length > maxSymbol + 1) throw damaged("zstd", "the counts of a table do not add up");
  if (bit > size) throw damaged("zstd", "a table is cut short");
  return { table: makeFseTable(counts, log), end: at + ((bit + 7) >>> 3) };
}

/** Counts that add up to 2^log; -1 stands for a symbol rarer than one state, which gets one at the end of the table. */
export function makeFseTable(counts: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  const next = new Uint16Array(counts.length);
  let high = size;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    if (counts[symbol] === -1) symbols[--high] = symbol;
    next[symbol] = Math.abs(counts[symbol]);
  }
  const step = (size >>> 1) + (size >>> 3) + 3;
  let state = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    for (let i = 0; i < counts[symbol]; i++) {
      symbols[state] = symbol;
      do state = (state + step) & (size - 1);
      while (state >= high);
    }
  }
  for (let i = 0; i < size; i++) {
    const order = next[symbols[i]]++;
    bits[i] = log - (31 - Math.clz32(order));
    bases[i] = (order << bits[i]) - size;
  }
  return { log, symbols, bits, bases };
}

/** The Huffman table described at bytes[at]: weights of 4 bits each, or compressed with FSE. The last weight is implied. */
export function readHuffmanTable(bytes: Uint8Array, at: number, end: number): Described<HuffmanTable> {
  if (at >= end) throw damaged("zstd", "a Huffman table is cut short");
  const head = bytes[at++];
  const count = head - 127;
  const length = head < 128 ? head : (count + 1) >>> 1;
  if (length > end - at) throw damaged("zstd", "a Huffman table is cut short");
  const weights: number[] = [];
  if (head < 128) {
    readFseWeights(bytes, at, at + length, weights);
  } else {
    for (let i = 0; i < count; i++) weights.push(i & 1 ? bytes[at + (i >>> 1)] & 15 : bytes[at + (i >>> 1)] >>> 4);
  }
  return { table: makeHuffmanTable(weights), end: at + length };
}

/** Two states take turns until the bits run out; the state that is left then gives one more weight. */
function readFseWeights(bytes: Uint8Array, at: number, end: number, weights: number[]): void {
  const { table, end: bitsAt } = readFseTable(bytes, at, end, MAX_WEIGHT_LOG, MAX_HUFFMAN_LOG);
  const stream = new BackwardBits(bytes, bitsAt, end);
  let state = stream.read(table.log);
  let other = stream.read(table.log);
  while (weights.length < MAX_WEIGHTS) {
    weights.push(table.symbols[state]);
    if (stream.left < table.bits[state]) {
      weights.push(table.symbols[other]);
      return;
    }
    const then = table.bases[state] + stream.read(table.bits[state]);
    state = other;
    other = then;
  }
  throw damaged("zstd", "a Huffman table has too many weights");
}

/** A symbol of weight w > 0 fills 2^(w-1) entries; lower weights first. */
function makeHuffmanTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) {
    if (weight > MAX_HUFFMAN_LOG) throw damaged("zstd", "a Huffman weight is too large");
    sum += (1 << weight) >>> 1;
  }
  const log = 32 - Math.clz32(sum);
  const rest = (1 << log) - sum;
  if (sum === 0 || log > MAX_HUFFMAN_LOG || weights.length > MAX_WEIGHTS || (rest & (rest - 1)) !== 0) {
    throw damaged("zstd", "the weights of a Huffman table do not add up");
  }
  weights.push(32 - Math.clz32(rest));
  const symbols = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    const entries = 1 << (weight - 1);
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      symbols.fill(symbol, at, at + entries);
      bits.fill(log + 1 - weight, at, at + entries);
      at += entries;
    }
  }
  return { log, symbols, bits };
}
