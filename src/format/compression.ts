/**
 * The codecs of record batches: one call compresses the records of a batch, one gives them back.
 *
 * With the native module lz4, snappy and zstd are its own, byte for byte other than those here and the same when unpacked.
 *
 * What is decompressed is untrusted. It is bounded by maxBytes before memory is spent (256 MiB of zeros are 260 KB of
 * gzip), and whatever is wrong with it, damage or size, is a VARVE_CORRUPT whose message tells which.
 */
import * as zlib from "node:zlib";
import { VarveError } from "../errors.ts";
import type { Native } from "../native.ts";
import { damaged, tooLarge } from "./codec-errors.ts";
import { decodeLz4, encodeLz4 } from "./lz4.ts";
import { decodeSnappy, encodeSnappy } from "./snappy.ts";
import { checkZstdFrames, decodeZstd, decodeZstdNatively, encodeZstdNatively } from "./zstd.ts";

/** By the number in the low three bits of a batch's attributes. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** How the records of a batch are compressed. */
export type Compression = (typeof COMPRESSIONS)[number];

/**
 * What one batch may decompress to, for readers that have no bound of their own. Far above any batch that a client
 * makes (8 MiB at most by default), and half of what 260 KB of gzip can hold.
 */
export const MAX_UNPACKED_BYTES = 128 * 1024 * 1024;

/** node:zlib's zstd, which Node has from 22.15 on. */
export interface NativeZstd {
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

const NATIVE_ZSTD = nativeZstd(zlib);

/** The zstd of a zlib module; null where it has none. */
export function nativeZstd(module: object): NativeZstd | null {
  const { zstdCompressSync, zstdDecompressSync } = module as Partial<NativeZstd>;
  return zstdCompressSync && zstdDecompressSync ? { zstdCompressSync, zstdDecompressSync } : null;
}

/** Whether `compress` has this codec here: only zstd may be missing. Every codec can be decompressed everywhere. */
export function canCompress(codec: Compression, native?: Native, zstd = NATIVE_ZSTD): boolean {
  return codec !== "zstd" || native !== undefined || zstd !== null;
}

/** bytes[start, end), compressed. The result may be a view of a larger buffer, and of `bytes` itself where nothing is to do. */
export function compress(
  codec: Compression,
  bytes: Uint8Array,
  start: number,
  end: number,
  native?: Native,
  zstd = NATIVE_ZSTD,
): Uint8Array {
  switch (codec) {
    case "none":
      return bytes.subarray(start, end);
    case "gzip":
      return zlib.gzipSync(bytes.subarray(start, end));
    case "snappy":
      return encodeSnappy(bytes, start, end, native);
    case "lz4":
      return encodeLz4(bytes, start, end, native);
    case "zstd":
      if (native !== undefined) return encodeZstdNatively(bytes, start, end, native);
      if (zstd === null) throw noZstd();
      return zstd.zstdCompressSync(bytes.subarray(start, end));
  }
}

/** What bytes[start, end) decompress to, at most maxBytes. The result may be a view of a larger buffer, or of `bytes`. */
export function decompress(
  codec: Compression,
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  native?: Native,
  zstd = NATIVE_ZSTD,
): Uint8Array {
  switch (codec) {
    case "none":
      if (end - start > maxBytes) throw tooLarge(codec, maxBytes);
      return bytes.subarray(start, end);
    case "gzip":
      return bounded(codec, maxBytes, (options) => zlib.gunzipSync(bytes.subarray(start, end), options));
    case "snappy":
      return decodeSnappy(bytes, start, end, maxBytes, native);
    case "lz4":
      return decodeLz4(bytes, start, end, maxBytes, native);
    case "zstd":
      if (native !== undefined) return decodeZstdNatively(bytes, start, end, maxBytes, native);
      if (zstd === null) return decodeZstd(bytes, start, end, maxBytes);
      checkZstdFrames(bytes, start, end);
      return bounded(codec, maxBytes, (options) => zstd.zstdDecompressSync(bytes.subarray(start, end), options));
  }
}

/** Runs a decoder of node:zlib, whose least bound is 1, and gives its errors our code. */
function bounded(
  codec: Compression,
  maxBytes: number,
  decode: (options: { maxOutputLength: number }) => Uint8Array,
): Uint8Array {
  let result: Uint8Array;
  try {
    result = decode({ maxOutputLength: Math.max(maxBytes, 1) });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(codec, maxBytes) : damaged(codec, message, cause);
  }
  if (result.length > maxBytes) throw tooLarge(codec, maxBytes);
  return result;
}

function noZstd(): VarveError {
  return new VarveError(
    "VARVE_CODEC_UNAVAILABLE",
    "zstd compression needs the native engine, or Node 22.15 or later: the zlib of Node " +
      `${process.versions.node} has none. Use one of them, or another codec (gzip, snappy or lz4). Reading zstd works here.`,
  );
}
