/**
 * Zstandard frames (RFC 8878): a decoder for runtimes whose zlib has none (Node before 22.15), and both directions by the native
 * module.
 *
 *   magic 28 B5 2F FD | descriptor | [window] | [dictionary id] | [content size] | blocks | [checksum]
 *   block   uint24 little-endian: last, type (2 bits), size (21 bits) | bytes
 *
 * Our own, because its input is untrusted: memory follows what has been decoded and never a size that a header claims,
 * and time follows the bytes in and out. Not supported: dictionaries. The checksum (XXH64) is not checked: a batch has
 * its CRC.
 */
import { VarveError } from "../errors.ts";
import { type Native, TOO_SMALL } from "../native.ts";
import { damaged, tooLarge } from "./codec-errors.ts";
import { copyLiterals, DecoderOutput } from "./decoder-output.ts";
import { readInt32LE, readUint16LE, readUint32LE, readUint64LE } from "./little-endian.ts";
import { decodeZstdBlock, MAX_ZSTD_BLOCK, ZstdContext } from "./zstd-block.ts";

const MAGIC = 0xfd2fb528 | 0;
const SKIPPABLE_MAGIC = 0x184d2a50;

const SINGLE_SEGMENT = 0b00_1_0_0_0_00;
const RESERVED = 0b00_0_0_1_0_00;
const CHECKSUM = 0b00_0_0_0_1_00;
const CHECKSUM_LENGTH = 4;

/** Lengths of the content size and of the dictionary id by their codes in the descriptor. */
const CONTENT_SIZE_LENGTHS = [0, 2, 4, 8];
const DICTIONARY_ID_LENGTHS = [0, 1, 2, 4];

const BLOCK_HEADER = 3;
const BLOCK_RLE = 1;
const BLOCK_COMPRESSED = 2;

interface Frame {
  contentSize: number | undefined;
  hasChecksum: boolean;
  /** No block decompresses to more. */
  maxBlock: number;
  /** Where its blocks begin. */
  blocksAt: number;
}

interface Block {
  type: number;
  size: number;
  isLast: boolean;
  /** Its bytes, and what comes behind them. */
  at: number;
  after: number;
}

/** All frames in bytes[start, end), their contents end to end. At most maxBytes. */
export function decodeZstd(bytes: Uint8Array, start: number, end: number, maxBytes: number): Uint8Array {
  const out = new DecoderOutput(maxBytes, (end - start) * 4);
  forEachFrame(bytes, start, end, (frame) => decodeFrame(bytes, end, frame, out));
  return out.take();
}

/** bytes[start, end) as one frame. */
export function encodeZstdNatively(bytes: Uint8Array, start: number, end: number, native: Native): Uint8Array {
  const length = end - start;
  // The library's own bound.
  const bound = length + (length >>> 8) + Math.max(0, (MAX_ZSTD_BLOCK - length) >>> 11) + 64;
  const out = new Uint8Array(bound);
  const size = native.zstdCompress(bytes, start, end, out, 0, bound);
  if (size < 0) throw new VarveError("VARVE_CODEC", `zstd cannot compress ${length} bytes`);
  return out.subarray(0, size);
}

/** As `decodeZstd`, natively; what that refuses is decoded here, which tells what is wrong with it. */
export function decodeZstdNatively(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  native: Native,
): Uint8Array {
  // Not by what a header claims: the room doubles, and decoding begins again, until it is enough.
  for (let room = Math.min(maxBytes, (end - start) * 4); ; room = Math.min(maxBytes, room * 2)) {
    const out = new Uint8Array(room);
    const size = native.zstdDecompress(bytes, start, end, out, 0, room);
    if (size >= 0) {
      // The library takes nothing at all for an empty result.
      checkZstdFrames(bytes, start, end);
      return size * 2 < room ? out.slice(0, size) : out.subarray(0, size);
    }
    if (size !== TOO_SMALL || room === maxBytes) return decodeZstd(bytes, start, end, maxBytes);
  }
}

/**
 * Throws unless bytes[start, end) are whole frames from end to end, without looking into their blocks. node:zlib gives
 * back the beginning where frames are cut short, and ignores what is no frame behind one, both without an error.
 */
export function checkZstdFrames(bytes: Uint8Array, start: number, end: number): void {
  forEachFrame(bytes, start, end, (frame) => {
    let block = readBlock(bytes, frame.blocksAt, end, frame);
    while (!block.isLast) block = readBlock(bytes, block.after, end, frame);
    return block.after;
  });
}

/** `visit` returns the position behind the frame's last block. */
function forEachFrame(bytes: Uint8Array, start: number, end: number, visit: (frame: Frame) => number): void {
  let at = start;
  do {
    if (isSkippable(bytes, at, end)) {
      at = skipFrame(bytes, at, end);
      continue;
    }
    const frame = readHeader(bytes, at, end);
    at = visit(frame) + (frame.hasChecksum ? CHECKSUM_LENGTH : 0);
    if (at > end) throw damaged("zstd", "its checksum is cut short");
  } while (at < end);
}

function isSkippable(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 8 && (readInt32LE(bytes, at) & ~0xf) === SKIPPABLE_MAGIC;
}

function skipFrame(bytes: Uint8Array, at: number, end: number): number {
  const length = readUint32LE(bytes, at + 4);
  if (length > end - at - 8) throw damaged("zstd", "a skippable frame is cut short");
  return at + 8 + length;
}

function decodeFrame(bytes: Uint8Array, end: number, frame: Frame, out: DecoderOutput): number {
  const { contentSize } = frame;
  const first = out.size;
  if (contentSize !== undefined && contentSize > out.maxBytes - first) throw tooLarge("zstd", out.maxBytes);
  const context = new ZstdContext();
  let at = frame.blocksAt;
  for (let isLast = false; !isLast; ) {
    const block = readBlock(bytes, at, end, frame);
    decodeBlock(bytes, block, frame.maxBlock, context, first, out);
    isLast = block.isLast;
    at = block.after;
  }
  if (contentSize !== undefined && contentSize !== out.size - first) {
    throw damaged("zstd", "it is not as long as it says");
  }
  return at;
}

function readHeader(bytes: Uint8Array, start: number, end: number): Frame {
  if (end - start < 5) throw damaged("zstd", "its header is cut short");
  if (readInt32LE(bytes, start) !== MAGIC) throw damaged("zstd", "it does not begin with the magic of a frame");
  const flags = bytes[start + 4];
  if (flags & RESERVED) throw damaged("zstd", "a reserved bit is set");
  const single = (flags & SINGLE_SEGMENT) !== 0;
  const idLength = DICTIONARY_ID_LENGTHS[flags & 3];
  const sizeLength = CONTENT_SIZE_LENGTHS[flags >>> 6] || (single ? 1 : 0);
  const idAt = start + 5 + (single ? 0 : 1);
  const sizeAt = idAt + idLength;
  const blocksAt = sizeAt + sizeLength;
  if (blocksAt > end) throw damaged("zstd", "its header is cut short");
  for (let at = idAt; at < sizeAt; at++) if (bytes[at] !== 0) throw damaged("zstd", "it needs a dictionary");
  const contentSize = readContentSize(bytes, sizeAt, sizeLength);
  const window = single ? contentSize! : windowSize(bytes[start + 5]);
  return { contentSize, hasChecksum: (flags & CHECKSUM) !== 0, maxBlock: Math.min(window, MAX_ZSTD_BLOCK), blocksAt };
}

/** Two bytes count from 256, where one byte would end. */
function readContentSize(bytes: Uint8Array, at: number, length: number): number | undefined {
  if (length === 0) return undefined;
  if (length === 1) return bytes[at];
  if (length === 2) return readUint16LE(bytes, at) + 256;
  return length === 4 ? readUint32LE(bytes, at) : readUint64LE(bytes, at);
}

/** An exponent of 5 bits over a mantissa of 3. */
function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >>> 3));
  return base + (base / 8) * (byte & 7);
}

function readBlock(bytes: Uint8Array, start: number, end: number, { maxBlock }: Frame): Block {
  if (end - start < BLOCK_HEADER) throw damaged("zstd", "it has no last block");
  const word = bytes[start] | (bytes[start + 1] << 8) | (bytes[start + 2] << 16);
  const type = (word >>> 1) & 3;
  const size = word >>> 3;
  const at = start + BLOCK_HEADER;
  const after = at + (type === BLOCK_RLE ? 1 : size);
  if (type > BLOCK_COMPRESSED) throw damaged("zstd", "a block is of no known type");
  if (size > maxBlock) throw damaged("zstd", "a block is longer than its frame allows");
  if (after > end) throw damaged("zstd", "a block is cut short");
  return { type, size, isLast: (word & 1) === 1, at, after };
}

function decodeBlock(
  bytes: Uint8Array,
  { type, size, at, after }: Block,
  maxBlock: number,
  context: ZstdContext,
  frameStart: number,
  out: DecoderOutput,
): void {
  if (type === BLOCK_COMPRESSED) {
    const limit = out.reserve(maxBlock);
    const done = decodeZstdBlock(bytes, at, after, context, out.bytes, out.size, limit, frameStart);
    if (done < 0 && out.maxBytes - out.size < maxBlock) throw tooLarge("zstd", out.maxBytes);
    if (done < 0) throw damaged("zstd", "a block is longer than its frame allows");
    out.size = done;
    return;
  }
  if (size > out.reserve(size) - out.size) throw tooLarge("zstd", out.maxBytes);
  if (type === BLOCK_RLE) out.bytes.fill(bytes[at], out.size, out.size + size);
  else copyLiterals(bytes, at, out.bytes, out.size, size);
  out.size += size;
}
