/**
 * The LZ4 frame format (little-endian):
 *
 *   magic 04 22 4D 18 | flags | block size | [uint64 content size] | header checksum | blocks | end mark | [content checksum]
 *   block      uint32 length, the high bit set where the bytes are stored as they are | bytes | [uint32 checksum]
 *   end mark   a length of 0
 *   checksums  XXH32; of the header, its second byte, over flags to content size
 *
 * We write what Kafka's Java client writes: independent blocks of 64 KiB, no sizes, no checksums (the batch has its CRC).
 * We read every frame without a dictionary: linked blocks, all sizes and checksums, frames in a row, skippable frames.
 */
import type { Native } from "../native.ts";
import { damaged, tooLarge } from "./codec-errors.ts";
import { copyLiterals, DecoderOutput } from "./decoder-output.ts";
import { readInt32LE, readUint32LE, readUint64LE, writeInt32LE } from "./little-endian.ts";
import { decodeLz4Block, encodeLz4Block, lz4BlockBound } from "./lz4-block.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const VERSION = 0b01_0_0_0_0_0_0;
const VERSION_MASK = 0b11_0_0_0_0_0_0;
const INDEPENDENT = 0b00_1_0_0_0_0_0;
const BLOCK_CHECKSUM = 0b00_0_1_0_0_0_0;
const CONTENT_SIZE = 0b00_0_0_1_0_0_0;
const CONTENT_CHECKSUM = 0b00_0_0_0_1_0_0;
const RESERVED = 0b00_0_0_0_0_1_0;
const DICTIONARY = 0b00_0_0_0_0_0_1;

/** Block sizes by their code, 4 to 7. */
const BLOCK_SIZES = [0, 0, 0, 0, 1 << 16, 1 << 18, 1 << 20, 1 << 22];
const BLOCK_CODE = 4;
const BLOCK_SIZE = BLOCK_SIZES[BLOCK_CODE];

const STORED = 0x80000000;
const HEADER_LENGTH = 4 + 1 + 1 + 1;

/** A byte of a match's length stands for at most 255. */
const MAX_EXPANSION = 255;

interface Frame {
  flags: number;
  blockSize: number;
  contentSize: number | undefined;
  /** Where its blocks begin. */
  blocksAt: number;
}

/** bytes[start, end) as one frame. */
export function encodeLz4(bytes: Uint8Array, start: number, end: number, native?: Native): Uint8Array {
  const length = end - start;
  const blocks = Math.ceil(length / BLOCK_SIZE);
  const out = new Uint8Array(HEADER_LENGTH + length + blocks * 4 + lz4BlockBound(BLOCK_SIZE) - BLOCK_SIZE + 4);
  writeInt32LE(out, 0, MAGIC);
  out[4] = VERSION | INDEPENDENT;
  out[5] = BLOCK_CODE << 4;
  out[6] = headerChecksum(out, 4, 6);
  let at = HEADER_LENGTH;
  for (let from = start; from < end; from += BLOCK_SIZE)
    at = writeBlock(bytes, from, Math.min(from + BLOCK_SIZE, end), out, at, native);
  writeInt32LE(out, at, 0);
  return out.subarray(0, at + 4);
}

function writeBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  native: Native | undefined,
): number {
  const length = end - start;
  const packed = native?.lz4Compress(bytes, start, end, out, at + 4, out.length) ?? -1;
  const sealed = packed < 0 ? encodeLz4Block(bytes, start, end, out, at + 4) : at + 4 + packed;
  const size = sealed - at - 4;
  if (size < length) {
    writeInt32LE(out, at, size);
    return sealed;
  }
  writeInt32LE(out, at, length | STORED);
  copyLiterals(bytes, start, out, at + 4, length);
  return at + 4 + length;
}

/** All frames in bytes[start, end), their contents end to end. At most maxBytes. */
export function decodeLz4(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  native?: Native,
): Uint8Array {
  const out = new DecoderOutput(maxBytes, (end - start) * 4);
  let at = start;
  do {
    at = isSkippable(bytes, at, end) ? skipFrame(bytes, at, end) : decodeFrame(bytes, at, end, out, native);
  } while (at < end);
  return out.take();
}

function isSkippable(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 8 && (readInt32LE(bytes, at) & ~0xf) === SKIPPABLE_MAGIC;
}

function skipFrame(bytes: Uint8Array, at: number, end: number): number {
  const length = readUint32LE(bytes, at + 4);
  if (length > end - at - 8) throw damaged("lz4", "a skippable frame is cut short");
  return at + 8 + length;
}

function decodeFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: DecoderOutput,
  native: Native | undefined,
): number {
  const frame = readHeader(bytes, start, end);
  const { flags, contentSize } = frame;
  const first = out.size;
  if (contentSize !== undefined && contentSize > out.maxBytes - first) throw tooLarge("lz4", out.maxBytes);
  let at = frame.blocksAt;
  for (;;) {
    if (end - at < 4) throw damaged("lz4", "it has no end mark");
    const word = readUint32LE(bytes, at);
    at += 4;
    if (word === 0) break;
    at = decodeBlock(bytes, at, end, word, frame, first, out, native);
  }
  if (contentSize !== undefined && contentSize !== out.size - first)
    throw damaged("lz4", "it is not as long as it says");
  if (flags & CONTENT_CHECKSUM) at = checkHash(bytes, at, end, out.bytes, first, out.size);
  return at;
}

function readHeader(bytes: Uint8Array, start: number, end: number): Frame {
  if (end - start < HEADER_LENGTH) throw damaged("lz4", "its header is cut short");
  if (readInt32LE(bytes, start) !== MAGIC) throw damaged("lz4", "it does not begin with the magic of a frame");
  const flags = bytes[start + 4];
  const blockSize = BLOCK_SIZES[(bytes[start + 5] >>> 4) & 7];
  if ((flags & VERSION_MASK) !== VERSION || flags & RESERVED) throw damaged("lz4", "its version is unknown");
  if (flags & DICTIONARY) throw damaged("lz4", "it needs a dictionary");
  if (blockSize === 0 || bytes[start + 5] & 0x8f) throw damaged("lz4", "its block size is unknown");
  const at = start + HEADER_LENGTH - 1 + (flags & CONTENT_SIZE ? 8 : 0);
  if (at >= end) throw damaged("lz4", "its header is cut short");
  if (bytes[at] !== headerChecksum(bytes, start + 4, at)) throw damaged("lz4", "the checksum of its header is wrong");
  const contentSize = flags & CONTENT_SIZE ? readUint64LE(bytes, start + 6) : undefined;
  return { flags, blockSize, contentSize, blocksAt: at + 1 };
}

function headerChecksum(bytes: Uint8Array, start: number, end: number): number {
  return (xxhash32(bytes, start, end) >>> 8) & 0xff;
}

/** One block, whose length word is read; returns the position behind it. */
function decodeBlock(
  bytes: Uint8Array,
  at: number,
  end: number,
  word: number,
  { flags, blockSize }: Frame,
  frameStart: number,
  out: DecoderOutput,
  native: Native | undefined,
): number {
  const length = word & ~STORED;
  const stored = word >= STORED;
  if (length > end - at) throw damaged("lz4", "a block is cut short");
  const after = at + length;
  const next = flags & BLOCK_CHECKSUM ? checkHash(bytes, after, end, bytes, at, after) : after;
  const room = Math.min(blockSize, stored ? length : length * MAX_EXPANSION);
  const limit = out.reserve(room);
  const floor = flags & INDEPENDENT ? out.size : frameStart;
  if (!stored) {
    // What the native decoder refuses is decoded here, which tells what is wrong with it. It knows no linked blocks.
    const count = floor === out.size ? (native?.lz4Decompress(bytes, at, after, out.bytes, out.size, limit) ?? -1) : -1;
    const size = count < 0 ? decodeLz4Block(bytes, at, after, out.bytes, out.size, limit, floor) : out.size + count;
    if (size < 0) throw overflow(out, blockSize);
    out.size = size;
    return next;
  }
  if (length > limit - out.size) throw overflow(out, blockSize);
  copyLiterals(bytes, at, out.bytes, out.size, length);
  out.size += length;
  return next;
}

function overflow(out: DecoderOutput, blockSize: number): Error {
  if (out.maxBytes - out.size < blockSize) return tooLarge("lz4", out.maxBytes);
  return damaged("lz4", "a block is longer than its frame allows");
}

/** The XXH32 at bytes[at] against content[from, to); returns the position behind it. */
function checkHash(bytes: Uint8Array, at: number, end: number, content: Uint8Array, from: number, to: number): number {
  if (end - at < 4) throw damaged("lz4", "a checksum is cut short");
  if (readUint32LE(bytes, at) !== xxhash32(content, from, to)) throw damaged("lz4", "a checksum is wrong");
  return at + 4;
}
