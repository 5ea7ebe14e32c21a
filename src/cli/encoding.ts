/** How bytes and 64-bit numbers are printed. */
import { exactInt64 } from "../format/integers.ts";

export const ENCODINGS = ["utf8", "base64", "hex"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Bytes as text. Only base64 and hex lose nothing: bytes that are not UTF-8 become U+FFFD in utf8. */
export function encodeBytes(bytes: Uint8Array | null, encoding: Encoding): string | null {
  if (bytes === null) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(encoding);
}

/** A number, or its digits where JavaScript's numbers do not reach. */
export type Int64 = number | string;

/** `rounded` is what readInt64 made of the eight bytes at `at`. */
export function printInt64(rounded: number, bytes: Uint8Array, at: number): Int64 {
  return Number.isSafeInteger(rounded) ? rounded : exactInt64(bytes, at).toString();
}
