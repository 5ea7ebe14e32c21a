/**
 * What a producer sent for one partition: exactly one batch of magic 2, checked as Kafka checks it and a little more, also
 * inside compression, before it is appended as it came.
 *
 *   no batch, several, or one of magic 0 or 1                  INVALID_RECORD (87)
 *   length, CRC32C, a magic or a codec that is none,
 *   damaged compression                                        CORRUPT_MESSAGE (2)
 *   records that are not what the header says, control batch,
 *   a producer id without a sequence, a transaction without a
 *   producer id, no key where compacted                        INVALID_RECORD (87)
 *   zstd before version 7                                      UNSUPPORTED_COMPRESSION_TYPE (76)
 *   larger than max.message.bytes                              MESSAGE_TOO_LARGE (10)
 *   a timestamp outside ±(2^53−1)                              INVALID_TIMESTAMP (32)
 *
 * A batch is rewritten in three cases only: the topic has a compression of its own, the topic stamps with the time of the
 * append, or the header's largest timestamp is not that of its records (Kafka sets it right too).
 */
import type { TopicConfig } from "../engine/config.ts";
import type { Partition } from "../engine/partition.ts";
import { hasCode } from "../errors.ts";
import {
  Batch,
  batchProblem,
  claimedSize,
  HEADER_BYTES,
  LOG_APPEND_TIME,
  MAGIC,
  NO_PRODUCER_ID,
  placeBatch,
  sealBatch,
} from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import { COMPRESSIONS, type Compression, compress, MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, KEY_LENGTH, type RecordTable } from "../format/record.ts";
import { ERROR, Refused } from "./error-codes.ts";

const FIRST_VERSION_WITH_ZSTD = 7;
const NO_EPOCH = -1;
const COMPRESSION_MASK = 0x07;

/** A batch may unpack to so many times its size limit; beyond it is no batch but a bomb. */
const UNPACKED_PER_BYTE = 16;

export interface ProducedBatch {
  batch: Batch;
  sealed: SealedBatch;
  /** −1 unless the topic stamps with it. */
  logAppendTimeMs: number;
}

/** Throws Refused. `now` is the time of the append. */
export function checkProduced(
  records: Uint8Array,
  version: number,
  { topic: { config }, native }: Pick<Partition, "topic" | "native">,
  now: number,
): ProducedBatch {
  checkOneBatch(records, native);
  // What a client puts there means nothing.
  placeBatch(records, 0, 0, NO_EPOCH);
  const batch = new Batch(records, 0, native);
  checkHeader(batch, version);
  if (batch.sizeInBytes > config.maxMessageBytes) {
    const message = `a batch of ${batch.sizeInBytes} bytes; max.message.bytes is ${config.maxMessageBytes}`;
    throw new Refused(ERROR.MESSAGE_TOO_LARGE, message);
  }
  const table = tableOf(batch, config);
  if (config.cleanupPolicy !== "delete") checkKeys(table);
  const maxTimestamp = checkTimestamps(batch, table);
  return rewritten(batch, table, maxTimestamp, config, now, native);
}

function checkOneBatch(records: Uint8Array, native: Partition["native"]): void {
  if (records.length < HEADER_BYTES) throw invalid(`${records.length} bytes are no record batch`);
  if (records[MAGIC] < 2) throw invalid(`message format ${records[MAGIC]}: only record batches of magic 2 are taken`);
  const size = claimedSize(records, 0);
  if (size < records.length && size >= HEADER_BYTES) throw invalid("more than one record batch for a partition");
  const problem = batchProblem(records, 0, records.length, native);
  if (problem === undefined) return;
  throw new Refused(
    problem.includes("records cannot span") ? ERROR.INVALID_RECORD : ERROR.CORRUPT_MESSAGE,
    problem === "short" ? "the batch is longer than what came" : problem,
  );
}

function checkHeader(batch: Batch, version: number): void {
  if (batch.isControl) throw invalid("clients write no control batches");
  if (batch.isTransactional && batch.producerId === NO_PRODUCER_ID)
    throw invalid("a transaction without a producer id");
  const offsets = batch.lastOffset - batch.baseOffset + 1;
  if (batch.recordCount < 1 || batch.recordCount !== offsets) {
    throw invalid(`${batch.recordCount} records over ${offsets} offsets`);
  }
  if (batch.producerId !== NO_PRODUCER_ID) {
    if (!(batch.producerId >= 0 && Number.isSafeInteger(batch.producerId))) throw invalid("no producer has such an id");
    if (batch.producerEpoch < 0 || batch.baseSequence < 0)
      throw invalid("a producer id without an epoch or a sequence");
  }
  if (batch.compression === "zstd" && version < FIRST_VERSION_WITH_ZSTD) {
    throw new Refused(ERROR.UNSUPPORTED_COMPRESSION_TYPE, `zstd needs Produce ${FIRST_VERSION_WITH_ZSTD} or later`);
  }
}

function tableOf(batch: Batch, { maxMessageBytes }: TopicConfig): RecordTable {
  const maxBytes = Math.min(MAX_UNPACKED_BYTES, Math.max(maxMessageBytes * UNPACKED_PER_BYTE, 1024 * 1024));
  try {
    return batch.records(maxBytes);
  } catch (error) {
    if (!hasCode(error, "VARVE_CORRUPT", "VARVE_UNSAFE_INTEGER")) throw error;
    const isPacked = batch.compression !== "none" && !/record/.test(error.message);
    throw new Refused(isPacked ? ERROR.CORRUPT_MESSAGE : ERROR.INVALID_RECORD, error.message);
  }
}

function checkKeys({ rows, count }: RecordTable): void {
  for (let i = 0; i < count; i++) {
    if (rows[i * COLUMNS + KEY_LENGTH] < 0) throw invalid(`record ${i} has no key, and the topic is compacted`);
  }
}

/** Returns the largest. */
function checkTimestamps(batch: Batch, { timestampDeltas, count }: RecordTable): number {
  const { baseTimestamp } = batch;
  let max = Number.NEGATIVE_INFINITY;
  let min = Number.POSITIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const timestamp = baseTimestamp + timestampDeltas[i];
    if (timestamp > max) max = timestamp;
    if (timestamp < min) min = timestamp;
  }
  if (Number.isSafeInteger(min) && Number.isSafeInteger(max) && Number.isSafeInteger(baseTimestamp)) return max;
  throw new Refused(ERROR.INVALID_TIMESTAMP, "a timestamp outside ±(2^53−1)");
}

function rewritten(
  batch: Batch,
  table: RecordTable,
  maxTimestamp: number,
  config: TopicConfig,
  now: number,
  native: Partition["native"],
): ProducedBatch {
  const isAppendTime = config.messageTimestampType === "LogAppendTime";
  const compression = config.compression === "producer" ? batch.compression : config.compression;
  const bytes = compression === batch.compression ? batch.bytes : packedAgain(batch, table, compression, native);
  const max = isAppendTime ? now : maxTimestamp;
  const attributes = (batch.attributes & ~COMPRESSION_MASK & ~LOG_APPEND_TIME) | COMPRESSIONS.indexOf(compression);
  const wanted = attributes | (isAppendTime ? LOG_APPEND_TIME : 0);
  if (bytes !== batch.bytes || wanted !== batch.attributes || max !== batch.maxTimestamp) {
    reseal(batch, bytes, wanted, max);
  }
  const end = bytes.length;
  const sealed = { bytes, start: 0, end, recordCount: batch.recordCount, maxTimestamp: max };
  return { batch, sealed, logAppendTimeMs: isAppendTime ? now : -1 };
}

/** The same records under another compression, with room for the header. */
function packedAgain(
  batch: Batch,
  { bytes }: RecordTable,
  compression: Compression,
  native: Partition["native"],
): Uint8Array {
  const isPacked = batch.compression !== "none";
  const start = isPacked ? 0 : HEADER_BYTES;
  const end = isPacked ? bytes.length : batch.sizeInBytes;
  const packed = compress(compression, bytes, start, end, native);
  const whole = new Uint8Array(HEADER_BYTES + packed.length);
  whole.set(packed, HEADER_BYTES);
  return whole;
}

function reseal(batch: Batch, bytes: Uint8Array, attributes: number, maxTimestamp: number): void {
  const { lastOffset, baseOffset, baseTimestamp, producerId, producerEpoch, baseSequence, recordCount } = batch;
  const lastOffsetDelta = lastOffset - baseOffset;
  const producer = { producerId, producerEpoch, baseSequence };
  const fields = { attributes, lastOffsetDelta, baseTimestamp, maxTimestamp, recordCount, ...producer };
  sealBatch(bytes, 0, bytes.length, fields);
}

function invalid(message: string): Refused {
  return new Refused(ERROR.INVALID_RECORD, message);
}
