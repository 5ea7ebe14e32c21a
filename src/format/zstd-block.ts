/**
 * A compressed block of Zstandard (RFC 8878, section 3.1.1.3): literals, then sequences, each of which copies some
 * literals and repeats something that lies before. Tables and repeated distances live on from block to block of a frame.
 */
import { damaged } from "./codec-errors.ts";
import { copyLiterals, copyMatch } from "./decoder-output.ts";
import { readUint16LE } from "./little-endian.ts";
import {
  BackwardBits,
  type FseTable,
  type HuffmanTable,
  makeFseTable,
  readFseTable,
  readHuffmanTable,
  rleTable,
} from "./zstd-tables.ts";

export const MAX_ZSTD_BLOCK = 128 * 1024;

const LITERALS_RAW = 0;
const LITERALS_RLE = 1;
const LITERALS_TREELESS = 3;

const MODE_DEFAULT = 0;
const MODE_RLE = 1;
const MODE_FSE = 2;

/** One of the three codes of a sequence: what its table may be, and what a code stands for: a base and some extra bits. */
interface Code {
  maxLog: number;
  maxSymbol: number;
  standard: FseTable;
  bases: Int32Array;
  extra: Uint8Array;
}

const LITERAL_LENGTHS = code(
  9,
  [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
  6,
  [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  0,
);
const MATCH_LENGTHS = code(
  9,
  [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
  6,
  [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  3,
);
const DISTANCES = code(
  8,
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  5,
  Array.from({ length: 31 }, (_, bits) => bits),
  1,
);

const literals = new Uint8Array(MAX_ZSTD_BLOCK);

/** What the blocks of one frame hand on. */
export class ZstdContext {
  huffman: HuffmanTable | undefined;
  literalLengths: FseTable | undefined;
  distances: FseTable | undefined;
  matchLengths: FseTable | undefined;
  recent1 = 1;
  recent2 = 4;
  recent3 = 8;
}

/**
 * Decompresses bytes[start, end) to out[at, limit); returns the end of what it wrote, or -1 when that would pass `limit`.
 * Matches reach back to `floor`, the start of the frame.
 */
export function decodeZstdBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  context: ZstdContext,
  out: Uint8Array,
  at: number,
  limit: number,
  floor: number,
): number {
  if (end - start < 2) throw damaged("zstd", "a block is cut short");
  const { count: literalCount, end: literalsEnd } = readLiterals(bytes, start, end, context);
  let from = literalsEnd;
  if (from >= end) throw damaged("zstd", "a block has no sequences section");
  let count = bytes[from++];
  if (count >= 128) {
    const more = count === 255 ? 2 : 1;
    if (more > end - from) throw damaged("zstd", "a block is cut short");
    count = more === 2 ? readUint16LE(bytes, from) + 0x7f00 : ((count - 128) << 8) | bytes[from];
    from += more;
  }
  if (count === 0) {
    if (from !== end) throw damaged("zstd", "a block goes on behind its end");
    if (literalCount > limit - at) return -1;
    copyLiterals(literals, 0, out, at, literalCount);
    return at + literalCount;
  }
  from = readTables(bytes, from, end, context);
  return runSequences(new BackwardBits(bytes, from, end), count, literalCount, context, out, at, limit, floor);
}

/** Decodes the literals section into `literals`; returns how many they are, and the position behind the section. */
function readLiterals(
  bytes: Uint8Array,
  start: number,
  end: number,
  context: ZstdContext,
): { count: number; end: number } {
  const type = bytes[start] & 3;
  const format = (bytes[start] >>> 2) & 3;
  if (type === LITERALS_RAW || type === LITERALS_RLE) {
    const header = format === 1 ? 2 : format === 3 ? 3 : 1;
    const count = readBits(bytes, start, end, header) >>> (header === 1 ? 3 : 4);
    const at = start + header;
    const stored = type === LITERALS_RAW ? count : 1;
    if (count > MAX_ZSTD_BLOCK || stored > end - at) throw damaged("zstd", "literals are cut short");
    if (type === LITERALS_RAW) copyLiterals(bytes, at, literals, 0, count);
    else literals.fill(bytes[at], 0, count);
    return { count, end: at + stored };
  }

  const header = format < 2 ? 3 : format + 2;
  const width = header === 3 ? 10 : header === 4 ? 14 : 18;
  const word = readBits(bytes, start, end, header);
  const count = Math.floor(word / 16) % 2 ** width;
  const size = Math.floor(word / 16 / 2 ** width);
  const at = start + header;
  const literalsEnd = at + size;
  if (count > MAX_ZSTD_BLOCK || size > end - at) throw damaged("zstd", "literals are cut short");
  let streams = at;
  if (type !== LITERALS_TREELESS) {
    const { table, end: tableEnd } = readHuffmanTable(bytes, at, literalsEnd);
    context.huffman = table;
    streams = tableEnd;
  }
  if (context.huffman === undefined) throw damaged("zstd", "literals repeat a table that there is not");
  if (format === 0) readStream(bytes, streams, literalsEnd, context.huffman, 0, count);
  else readFourStreams(bytes, streams, literalsEnd, context.huffman, count);
  return { count, end: literalsEnd };
}

/** Up to five bytes, little-endian, as a number. */
function readBits(bytes: Uint8Array, at: number, end: number, length: number): number {
  if (length > end - at) throw damaged("zstd", "literals are cut short");
  let word = 0;
  for (let i = length - 1; i >= 0; i--) word = word * 256 + bytes[at + i];
  return word;
}

function readFourStreams(bytes: Uint8Array, start: number, end: number, table: HuffmanTable, count: number): void {
  const part = (count + 3) >>> 2;
  if (end - start < 6 || part * 3 > count) throw damaged("zstd", "literals are cut short");
  let at = start + 6;
  for (let i = 0; i < 4; i++) {
    const next = i < 3 ? at + readUint16LE(bytes, start + i * 2) : end;
    if (next > end) throw damaged("zstd", "literals are cut short");
    readStream(bytes, at, next, table, part * i, i < 3 ? part * (i + 1) : count);
    at = next;
  }
}

function readStream(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: HuffmanTable,
  first: number,
  last: number,
): void {
  const { log, symbols, bits } = table;
  const stream = new BackwardBits(bytes, start, end);
  for (let at = first; at < last; at++) {
    const entry = stream.peek(log);
    literals[at] = symbols[entry];
    stream.left -= bits[entry];
    if (stream.left < 0) throw damaged("zstd", "literals are cut short");
  }
  if (stream.left !== 0) throw damaged("zstd", "literals go on behind their end");
}

/** The tables of the sequences section; returns where its bit stream begins. */
function readTables(bytes: Uint8Array, start: number, end: number, context: ZstdContext): number {
  if (start >= end) throw damaged("zstd", "a block is cut short");
  const modes = bytes[start];
  if (modes & 3) throw damaged("zstd", "a reserved bit is set");
  const lengths = readTable(bytes, start + 1, end, modes >>> 6, LITERAL_LENGTHS, context.literalLengths);
  const distances = readTable(bytes, lengths.end, end, (modes >>> 4) & 3, DISTANCES, context.distances);
  const matches = readTable(bytes, distances.end, end, (modes >>> 2) & 3, MATCH_LENGTHS, context.matchLengths);
  context.literalLengths = lengths.table;
  context.distances = distances.table;
  context.matchLengths = matches.table;
  return matches.end;
}

function readTable(bytes: Uint8Array, at: number, end: number, mode: number, code: Code, before: FseTable | undefined) {
  if (mode === MODE_DEFAULT) return { table: code.standard, end: at };
  if (mode === MODE_FSE) return readFseTable(bytes, at, end, code.maxLog, code.maxSymbol);
  if (mode === MODE_RLE) {
    if (at >= end || bytes[at] > code.maxSymbol) throw damaged("zstd", "a sequence has a code that there is not");
    return { table: rleTable(bytes[at]), end: at + 1 };
  }
  if (before === undefined) throw damaged("zstd", "sequences repeat a table that there is not");
  return { table: before, end: at };
}

function runSequences(
  stream: BackwardBits,
  count: number,
  literalCount: number,
  context: ZstdContext,
  out: Uint8Array,
  at: number,
  limit: number,
  floor: number,
): number {
  const lengths = context.literalLengths!;
  const distances = context.distances!;
  const matches = context.matchLengths!;
  let lengthState = stream.read(lengths.log);
  let distanceState = stream.read(distances.log);
  let matchState = stream.read(matches.log);
  let taken = 0;
  for (let left = count; left > 0; left--) {
    const distanceCode = distances.symbols[distanceState];
    const matchCode = matches.symbols[matchState];
    const lengthCode = lengths.symbols[lengthState];
    const value = DISTANCES.bases[distanceCode] + stream.read(distanceCode);
    const match = MATCH_LENGTHS.bases[matchCode] + stream.read(MATCH_LENGTHS.extra[matchCode]);
    const length = LITERAL_LENGTHS.bases[lengthCode] + stream.read(LITERAL_LENGTHS.extra[lengthCode]);
    if (left > 1) {
      lengthState = lengths.bases[lengthState] + stream.read(lengths.bits[lengthState]);
      matchState = matches.bases[matchState] + stream.read(matches.bits[matchState]);
      distanceState = distances.bases[distanceState] + stream.read(distances.bits[distanceState]);
    }
    const distance = distanceOf(value, length, context);
    if (length > literalCount - taken) throw damaged("zstd", "sequences take more literals than there are");
    if (length + match > limit - at) return -1;
    copyLiterals(literals, taken, out, at, length);
    taken += length;
    at += length;
    if (distance <= 0 || distance > at - floor) throw damaged("zstd", "a match reaches before the start");
    copyMatch(out, at, distance, match);
    at += match;
  }
  if (stream.left !== 0) throw damaged("zstd", "sequences go on behind their end");
  const rest = literalCount - taken;
  if (rest > limit - at) return -1;
  copyLiterals(literals, taken, out, at, rest);
  return at + rest;
}

/** Values 1 to 3 stand for the last three distances; without literals, for the second, the third, and the first less 1. */
function distanceOf(value: number, literalLength: number, context: ZstdContext): number {
  const { recent1, recent2, recent3 } = context;
  const which = value > 3 ? 0 : literalLength === 0 ? value + 1 : value;
  if (which === 1) return recent1;
  if (which !== 2) context.recent3 = recent2;
  context.recent2 = recent1;
  context.recent1 = which === 0 ? value - 3 : which === 2 ? recent2 : which === 3 ? recent3 : recent1 - 1;
  return context.recent1;
}

function code(maxLog: number, counts: number[], log: number, extra: number[], first: number): Code {
  const bases = new Int32Array(extra.length);
  let base = first;
  for (let symbol = 0; symbol < extra.length; symbol++) {
    bases[symbol] = base;
    base += 2 ** extra[symbol];
  }
  return {
    maxLog,
    maxSymbol: extra.length - 1,
    standard: makeFseTable(counts, log),
    bases,
    extra: Uint8Array.from(extra),
  };
}

function zeros(count: number): number[] {
  return new Array(count).fill(0);
}
