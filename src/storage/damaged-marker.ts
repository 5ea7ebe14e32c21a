/**
 * What damaged bytes were, as far as it matters to transactions: a marker, a batch of data, or nobody knows.
 *
 * A marker is so short (78 bytes) that its CRC32C tells which single bit was flipped: of all the markers that differ from what
 * is there in one bit, one has that checksum. By chance another one has it in one of ten million damaged places.
 */
import {
  ATTRIBUTES,
  BATCH_LENGTH,
  Batch,
  CONTROL,
  CRC,
  claimedSize,
  HEADER_BYTES,
  LOG_OVERHEAD,
  MAGIC,
  PARTITION_LEADER_EPOCH,
  placeBatch,
} from "../format/batch.ts";
import { crc32c } from "../format/crc32c.ts";
import { readInt16, readInt32, readUint32, writeInt32 } from "../format/integers.ts";
import type { File } from "./files.ts";

/** A header, and one record with a key of 4 bytes and a value of 6. */
const MARKER_BYTES = HEADER_BYTES + 17;

/** More than any sensible batch of data: what lies there is not read to see whether it is one. */
const MAX_DATA_BYTES = 64 * 1024 * 1024;

/** `offset`: of the first record that is damaged. */
export function readDamaged(file: File, position: number, end: number, offset: number): Batch | "data" | "unknown" {
  const marker = readMarker(file, position, end, offset);
  if (marker !== undefined) return marker.isControl ? marker : "data";
  return isOneBatchOfData(file, position, end) ? "data" : "unknown";
}

/** The batch of a marker's size that stands there, with its bit put right; undefined when there is none. */
function readMarker(file: File, position: number, end: number, offset: number): Batch | undefined {
  if (end - position < MARKER_BYTES) return undefined;
  const bytes = new Uint8Array(MARKER_BYTES);
  if (file.read(bytes, 0, MARKER_BYTES, position) < MARKER_BYTES || !correct(bytes)) return undefined;
  placeBatch(bytes, 0, offset, readInt32(bytes, PARTITION_LEADER_EPOCH));
  writeInt32(bytes, BATCH_LENGTH, MARKER_BYTES - LOG_OVERHEAD);
  bytes[MAGIC] = 2;
  return new Batch(bytes, 0);
}

/** Flips the one bit that makes the checksum right. False when there is none. */
function correct(bytes: Uint8Array): boolean {
  const stored = readUint32(bytes, CRC);
  const difference = (stored ^ crc32c(bytes, ATTRIBUTES, bytes.length)) >>> 0;
  // None, or one in the checksum itself: what it covers is as it was.
  if ((difference & (difference - 1)) === 0) return true;
  for (let bit = ATTRIBUTES * 8; bit < bytes.length * 8; bit++) {
    const mask = 0x80 >> (bit & 7);
    bytes[bit >> 3] ^= mask;
    if (crc32c(bytes, ATTRIBUTES, bytes.length) === stored) return true;
    bytes[bit >> 3] ^= mask;
  }
  return false;
}

/** Whether the bytes up to `end` were one batch, by its length or by its checksum, and no marker. */
function isOneBatchOfData(file: File, position: number, end: number): boolean {
  const size = end - position;
  if (size < HEADER_BYTES || size > MAX_DATA_BYTES) return false;
  const bytes = new Uint8Array(size);
  if (file.read(bytes, 0, size, position) < size) return false;
  const isMarked = (readInt16(bytes, ATTRIBUTES) & CONTROL) !== 0;
  // The bit that says so may itself be the one that was flipped.
  if (isMarked) bytes[ATTRIBUTES + 1] ^= CONTROL;
  if (crc32c(bytes, ATTRIBUTES, size) === readUint32(bytes, CRC)) return true;
  return !isMarked && claimedSize(bytes, 0) === size;
}
