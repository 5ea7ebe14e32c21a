/**
 * What is left of a batch when some of its records go, byte for byte as Kafka's MemoryRecords.filterTo writes it.
 *
 * Offsets never change: the batch keeps its base offset and its last offset delta, and with them its last sequence; each
 * record keeps its offset delta. The base timestamp is that of the first record left, or the delete horizon, so timestamp
 * deltas may change; records whose delta stays are moved as they are, in one piece with their neighbours. A batch that must
 * stay although nothing of it does is a header alone: not compressed, base timestamp −1, its largest timestamp kept.
 */
import { VarveError } from "../errors.ts";
import type { Native } from "../native.ts";
import {
  type Batch,
  checksumBatch,
  DELETE_HORIZON,
  HEADER_BYTES,
  LOG_APPEND_TIME,
  placeBatch,
  writeHeader,
} from "./batch.ts";
import { COMPRESSIONS, canCompress, compress } from "./compression.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, type RecordTable } from "./record.ts";
import { cursor, readVarint, sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from "./varint.ts";

const NO_TIMESTAMP = -1;
const NO_ATTRIBUTES = 0;
const COMPRESSION_MASK = 0x07;
/** What a record may grow by: its length and its timestamp delta take at most 5 and 10 bytes. */
const MAX_GROWTH = 15;
/** What a codec may add to bytes that cannot be compressed: frames, and in snappy a sixth. */
const CODEC_BYTES = 1024;
const CODEC_SHARE = 6;
/** Shorter pieces are copied byte by byte, which is faster than to make a view of them. */
const SHORT_BYTES = 48;

let scratch = new Uint8Array(0);

/** Room that `writeFiltered` needs at the most. */
export function filteredRoom({ bytes, count }: RecordTable): number {
  return HEADER_BYTES + bytes.length + count * MAX_GROWTH + CODEC_BYTES + Math.ceil(bytes.length / CODEC_SHARE);
}

/**
 * Writes the batch with the records whose byte in `keep` is 1, at least one, to out[at …]; `deleteHorizonMs` undefined: it
 * has none. Returns the end. Where zstd is not at hand it becomes lz4.
 */
export function writeFiltered(
  batch: Batch,
  table: RecordTable,
  keep: Uint8Array,
  deleteHorizonMs: number | undefined,
  out: Uint8Array,
  at: number,
  native?: Native,
): number {
  const isAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  const baseTimestamp = deleteHorizonMs ?? timestampOf(batch, table, keep.indexOf(1));
  const isPacked = (batch.attributes & COMPRESSION_MASK) !== 0;
  if (isPacked && scratch.length < filteredRoom(table)) scratch = new Uint8Array(filteredRoom(table));
  const target = isPacked ? scratch : out;
  const start = isPacked ? 0 : at + HEADER_BYTES;
  const areDeltasKept = !isAppendTime && baseTimestamp === batch.baseTimestamp;
  let end = areDeltasKept
    ? moveRecords(batch, table, keep, target, start)
    : writeRecords(batch, table, keep, baseTimestamp, target, start);
  let { attributes } = batch;
  if (isPacked) {
    const codec = canCompress(batch.compression) ? batch.compression : "lz4";
    const packed = compress(codec, scratch, 0, end);
    out.set(packed, at + HEADER_BYTES);
    end = at + HEADER_BYTES + packed.length;
    attributes = (attributes & ~COMPRESSION_MASK) | COMPRESSIONS.indexOf(codec);
  }
  const changed = {
    attributes: deleteHorizonMs === undefined ? attributes & ~DELETE_HORIZON : attributes | DELETE_HORIZON,
    baseTimestamp,
    maxTimestamp: isAppendTime ? batch.maxTimestamp : maxTimestampOf(batch, table, keep),
    recordCount: countOf(keep, table.count),
  };
  seal(batch, out, at, end, changed, native);
  return end;
}

/** Writes the batch without its records, which takes HEADER_BYTES. Returns the end. */
export function writeEmpty(batch: Batch, out: Uint8Array, at: number): number {
  const end = at + HEADER_BYTES;
  const attributes = batch.attributes & ~(COMPRESSION_MASK | DELETE_HORIZON);
  const { maxTimestamp } = batch;
  seal(batch, out, at, end, { attributes, baseTimestamp: NO_TIMESTAMP, maxTimestamp, recordCount: 0 }, undefined);
  return end;
}

interface Changed {
  attributes: number;
  baseTimestamp: number;
  maxTimestamp: number;
  recordCount: number;
}

function seal(
  batch: Batch,
  out: Uint8Array,
  at: number,
  end: number,
  changed: Changed,
  native: Native | undefined,
): void {
  const { producerId, producerEpoch, baseSequence, baseOffset, lastOffset, leaderEpoch } = batch;
  const lastOffsetDelta = lastOffset - baseOffset;
  writeHeader(out, at, end, { ...changed, lastOffsetDelta, producerId, producerEpoch, baseSequence });
  checksumBatch(out, at, end, native);
  placeBatch(out, at, baseOffset, leaderEpoch);
}

/** The kept records as they are, run by run. */
function moveRecords(batch: Batch, table: RecordTable, keep: Uint8Array, out: Uint8Array, at: number): number {
  const { bytes, count } = table;
  let position = startOf(batch, table);
  let runStart = position;
  for (let i = 0; i < count; i++) {
    const next = endOfRecord(bytes, position);
    if (keep[i] === 0) {
      at = copy(bytes, runStart, position, out, at);
      runStart = next;
    }
    position = next;
  }
  return copy(bytes, runStart, position, out, at);
}

/** The kept records with timestamp deltas to another base. Throws VARVE_UNSAFE_INTEGER where one cannot be told. */
function writeRecords(
  batch: Batch,
  table: RecordTable,
  keep: Uint8Array,
  baseTimestamp: number,
  out: Uint8Array,
  at: number,
): number {
  const { bytes, count, rows } = table;
  let position = startOf(batch, table);
  for (let i = 0, row = 0; i < count; i++, row += COLUMNS) {
    const next = endOfRecord(bytes, position);
    position = next;
    if (keep[i] === 0) continue;
    const delta = timestampOf(batch, table, i) - baseTimestamp;
    if (!Number.isSafeInteger(delta)) throw unsafeDelta(batch);
    const offsetDelta = rows[row + OFFSET_DELTA];
    const keyLength = rows[row + KEY_LENGTH];
    const keyAt = rows[row + KEY_AT];
    const tail = next - keyAt;
    const length = 1 + sizeOfVarlong(delta) + sizeOfVarint(offsetDelta) + sizeOfVarint(keyLength) + tail;
    at = writeVarint(out, at, length);
    out[at++] = NO_ATTRIBUTES;
    at = writeVarlong(out, at, delta);
    at = writeVarint(out, at, offsetDelta);
    at = writeVarint(out, at, keyLength);
    at = copy(bytes, keyAt, next, out, at);
  }
  return at;
}

function startOf(batch: Batch, { bytes }: RecordTable): number {
  return bytes === batch.bytes ? batch.at + HEADER_BYTES : 0;
}

/** Of a record that was tabled, so that its length is good. */
function endOfRecord(bytes: Uint8Array, at: number): number {
  const length = readVarint(bytes, at, bytes.length);
  return cursor.at + length;
}

function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  if (end - start >= SHORT_BYTES) {
    out.set(from.subarray(start, end), at);
    return at + end - start;
  }
  while (start < end) out[at++] = from[start++];
  return at;
}

function timestampOf(batch: Batch, { timestampDeltas }: RecordTable, index: number): number {
  if (batch.attributes & LOG_APPEND_TIME) return batch.maxTimestamp;
  return batch.baseTimestamp + timestampDeltas[index];
}

function maxTimestampOf(batch: Batch, { count, timestampDeltas }: RecordTable, keep: Uint8Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) if (keep[i] === 1 && timestampDeltas[i] > max) max = timestampDeltas[i];
  return batch.baseTimestamp + max;
}

function countOf(keep: Uint8Array, count: number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) kept += keep[i];
  return kept;
}

function unsafeDelta({ baseOffset }: Batch): VarveError {
  const message = `the timestamps of the batch at offset ${baseOffset} are no safe integers, or too far apart`;
  return new VarveError("VARVE_UNSAFE_INTEGER", message, { offset: baseOffset });
}
