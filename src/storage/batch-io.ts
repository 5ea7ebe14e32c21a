/**
 * Batches to and from a file in two steps, the bytes apart from the checksum: for files that have no call for both at once, such as
 * those in memory and those that fail on purpose, which see a plain write or read this way.
 */
import { checksumBatch } from "../format/batch.ts";
import type { File } from "./files.ts";

type PlainFile = Pick<File, "native" | "read" | "write">;

/** See File.writeSealed. */
export function sealAndWrite(file: PlainFile, from: Uint8Array, at: number, length: number, position: number): void {
  checksumBatch(from, at, at + length, file.native);
  file.write(from, at, length, position);
}

/** See File.readBatches. */
export function readAndCheck(
  file: PlainFile,
  into: Uint8Array,
  length: number,
  position: number,
  verdict: Int32Array,
): number {
  const count = file.read(into, 0, length, position);
  verdict[0] = file.native === undefined ? 0 : file.native.goodBatches(into, 0, count);
  return count;
}
