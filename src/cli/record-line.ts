/**
 * The records of a batch as dump prints them: one object per record, every field of the batch that belongs to it included.
 *
 * 64-bit numbers that JavaScript's cannot hold are decimal strings.
 */
import {
  BASE_OFFSET,
  BASE_TIMESTAMP,
  type Batch,
  HEADER_BYTES,
  lastSequence,
  MAX_TIMESTAMP,
  PRODUCER_ID,
} from "../format/batch.ts";
import type { Compression } from "../format/compression.ts";
import { exactInt64 } from "../format/integers.ts";
import {
  COLUMNS,
  HEADERS_AT,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  readHeaders,
  VALUE_AT,
  VALUE_LENGTH,
} from "../format/record.ts";
import { cursor, readVarint, readVarlongExact } from "../format/varint.ts";
import { type ControlMarker, readMarker } from "../storage/producer-state.ts";
import { type Encoding, encodeBytes, type Int64, printInt64 } from "./encoding.ts";
import type { Decoder } from "./internal-topics.ts";

export interface RecordLine {
  file: string;
  position: number;
  offset: Int64;
  timestamp: Int64;
  timestampType: string;
  key: string | null;
  value: string | null;
  headers: [name: string, value: string | null][];
  partitionLeaderEpoch: number;
  producerId: Int64;
  producerEpoch: number;
  sequence: number;
  isTransactional: boolean;
  isControl: boolean;
  control?: ControlMarker;
  compression: Compression;
  /** Of the records of Kafka's internal topics: what key and value say. */
  decodedKey?: unknown;
  decodedValue?: unknown;
}

/** `decode` knows the records of the topic, where it is an internal one. */
export function* recordLines(
  file: string,
  batch: Batch,
  table: RecordTable,
  encoding: Encoding,
  decode: Decoder | undefined,
): Generator<RecordLine> {
  const { bytes, at, baseSequence } = batch;
  const producerId = printInt64(batch.producerId, bytes, at + PRODUCER_ID);
  const control = batch.isControl ? { control: markerOf(batch) } : {};
  for (let index = 0; index < table.count; index++) {
    const row = index * COLUMNS;
    const offsetDelta = table.rows[row + OFFSET_DELTA];
    const key = fieldAt(table, row + KEY_AT, row + KEY_LENGTH);
    const value = fieldAt(table, row + VALUE_AT, row + VALUE_LENGTH);
    const headers = readHeaders(table.bytes, table.rows[row + HEADERS_AT]);
    yield {
      file,
      position: batch.position,
      offset: sum(batch.baseOffset, offsetDelta) ?? String(exactInt64(bytes, at + BASE_OFFSET) + BigInt(offsetDelta)),
      timestamp: timestampOf(batch, table, index),
      timestampType: batch.timestampType,
      key: encodeBytes(key, encoding),
      value: encodeBytes(value, encoding),
      headers: headers.map(([name, value]) => [name, encodeBytes(value, encoding)]),
      partitionLeaderEpoch: batch.leaderEpoch,
      producerId,
      producerEpoch: batch.producerEpoch,
      sequence: baseSequence < 0 ? -1 : lastSequence(baseSequence, offsetDelta),
      isTransactional: batch.isTransactional,
      isControl: batch.isControl,
      ...control,
      compression: batch.compression,
      ...(batch.isControl ? undefined : decode?.(key, value, encoding)),
    };
  }
}

function fieldAt({ bytes, rows }: RecordTable, at: number, length: number): Uint8Array | null {
  return rows[length] < 0 ? null : bytes.subarray(rows[at], rows[at] + rows[length]);
}

/** Undefined when the sum is not exact. */
function sum(base: number, delta: number): number | undefined {
  const result = base + delta;
  return Number.isSafeInteger(base) && Number.isSafeInteger(result) ? result : undefined;
}

function timestampOf(batch: Batch, table: RecordTable, index: number): Int64 {
  const { bytes, at } = batch;
  if (batch.timestampType === "LogAppendTime") return printInt64(batch.maxTimestamp, bytes, at + MAX_TIMESTAMP);
  const exact = sum(batch.baseTimestamp, table.timestampDeltas[index]);
  return exact ?? (exactInt64(bytes, at + BASE_TIMESTAMP) + exactDelta(batch, table, index)).toString();
}

/** Walks to the record again: the table has no place for numbers of 64 bits. */
function exactDelta(batch: Batch, { bytes, timestampDeltas }: RecordTable, index: number): bigint {
  if (!Number.isNaN(timestampDeltas[index])) return BigInt(timestampDeltas[index]);
  let start = bytes === batch.bytes ? batch.at + HEADER_BYTES : 0;
  for (let before = 0; before < index; before++) start = readVarint(bytes, start, bytes.length) + cursor.at;
  readVarint(bytes, start, bytes.length);
  return readVarlongExact(bytes, cursor.at + 1);
}

function markerOf(batch: Batch): ControlMarker {
  try {
    return readMarker(batch);
  } catch {
    return { type: "unknown", coordinatorEpoch: -1 };
  }
}
