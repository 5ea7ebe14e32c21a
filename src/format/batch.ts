/**
 * Record batch v2 (magic 2), the unit of Kafka's log: written whole, checked whole, compressed whole.
 *
 *    0  baseOffset            int64
 *    8  batchLength           int32   bytes behind this field
 *   12  partitionLeaderEpoch  int32
 *   16  magic                 int8    2
 *   17  crc                   uint32  CRC32C of everything from `attributes` to the end
 *   21  attributes            int16   bits 0–2 compression, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *   23  lastOffsetDelta       int32
 *   27  baseTimestamp         int64   of the first record; the delete horizon when bit 6 is set
 *   35  maxTimestamp          int64
 *   43  producerId            int64   −1: none
 *   51  producerEpoch         int16
 *   53  baseSequence          int32
 *   57  recordCount           int32
 *   61  records, compressed as one block when bits 0–2 say so
 *
 * The checksum does not cover the first four fields. So base offset and epoch can be set when the batch is appended, and
 * so a flipped bit in them must be found by structure: see storage/structure.ts.
 */
import { VarveError } from "../errors.ts";
import type { Native } from "../native.ts";
import { BatchRecords } from "./batch-records.ts";
import { COMPRESSIONS, type Compression, decompress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from "./integers.ts";
import { COLUMNS, OFFSET_DELTA, type RecordTable, tableRecords } from "./record.ts";
import type { RecordCopies } from "./record-copies.ts";
import { copyRecord } from "./single-record.ts";

export const BASE_OFFSET = 0;
export const BATCH_LENGTH = BASE_OFFSET + 8;
export const PARTITION_LEADER_EPOCH = BATCH_LENGTH + 4;
export const MAGIC = PARTITION_LEADER_EPOCH + 4;
export const CRC = MAGIC + 1;
export const ATTRIBUTES = CRC + 4;
export const LAST_OFFSET_DELTA = ATTRIBUTES + 2;
export const BASE_TIMESTAMP = LAST_OFFSET_DELTA + 4;
export const MAX_TIMESTAMP = BASE_TIMESTAMP + 8;
export const PRODUCER_ID = MAX_TIMESTAMP + 8;
export const PRODUCER_EPOCH = PRODUCER_ID + 8;
export const BASE_SEQUENCE = PRODUCER_EPOCH + 2;
export const RECORD_COUNT = BASE_SEQUENCE + 4;
export const HEADER_BYTES = RECORD_COUNT + 4;

/** What `batchLength` does not count: base offset and itself. */
export const LOG_OVERHEAD = PARTITION_LEADER_EPOCH;

/** How large the header at `at` says that its batch is. Whether that is true is another question. */
export function claimedSize(bytes: Uint8Array, at: number): number {
  return LOG_OVERHEAD + readInt32(bytes, at + BATCH_LENGTH);
}

const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;
export const DELETE_HORIZON = 0x40;

export const NO_PRODUCER_ID = -1;
export const NO_SEQUENCE = -1;

/** Whose time a record has: the producer's, or that of the append. */
export type TimestampType = "CreateTime" | "LogAppendTime";

/** One batch that lies in `bytes` at `at`, its header decoded. Numbers past 2^53 stay recognisably unsafe. */
export class Batch {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly sizeInBytes: number;
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  /** Where the batch stands in its file; set by who read it. */
  position = 0;
  /** What unpacks and tables the records; undefined: TypeScript. */
  readonly #native: Native | undefined;

  constructor(bytes: Uint8Array, at: number, native?: Native) {
    this.#native = native;
    this.bytes = bytes;
    this.at = at;
    this.sizeInBytes = claimedSize(bytes, at);
    this.baseOffset = readInt64(bytes, at + BASE_OFFSET);
    this.leaderEpoch = readInt32(bytes, at + PARTITION_LEADER_EPOCH);
    this.attributes = readInt16(bytes, at + ATTRIBUTES);
    this.lastOffset = this.baseOffset + readInt32(bytes, at + LAST_OFFSET_DELTA);
    this.recordCount = readInt32(bytes, at + RECORD_COUNT);
  }

  get nextOffset(): number {
    return this.lastOffset + 1;
  }
  get crc(): number {
    return readUint32(this.bytes, this.at + CRC);
  }
  get baseTimestamp(): number {
    return readInt64(this.bytes, this.at + BASE_TIMESTAMP);
  }
  get maxTimestamp(): number {
    return readInt64(this.bytes, this.at + MAX_TIMESTAMP);
  }
  /** Of its records: −1 where compaction has left none, although the header keeps what it was. */
  get maxRecordTimestamp(): number {
    return this.recordCount > 0 ? this.maxTimestamp : -1;
  }
  get producerId(): number {
    return readInt64(this.bytes, this.at + PRODUCER_ID);
  }
  get producerEpoch(): number {
    return readInt16(this.bytes, this.at + PRODUCER_EPOCH);
  }
  get baseSequence(): number {
    return readInt32(this.bytes, this.at + BASE_SEQUENCE);
  }
  /** Sequences wrap from 2^31−1 to 0, as Kafka's do. */
  get lastSequence(): number {
    return lastSequence(this.baseSequence, this.lastOffset - this.baseOffset);
  }
  get compression(): Compression {
    return COMPRESSIONS[this.attributes & COMPRESSION_MASK];
  }
  get timestampType(): TimestampType {
    return timestampTypeOf(this.attributes);
  }
  get isTransactional(): boolean {
    return isTransactional(this.attributes);
  }
  get isControl(): boolean {
    return isControl(this.attributes);
  }
  get deleteHorizonMs(): number | undefined {
    return this.attributes & DELETE_HORIZON ? this.baseTimestamp : undefined;
  }

  /** Finds the records, decompressing at most `maxBytes` of them. Throws VARVE_CORRUPT when they are not what the header says. */
  records(maxBytes: number): RecordTable {
    const { bytes, start, end } = this.#body(maxBytes);
    const table = tableRecords(bytes, start, end, this.recordCount, this.#native);
    if (typeof table === "string") throw new VarveError("VARVE_CORRUPT", table);
    this.#checkLast(this.recordCount > 0 ? table.rows[(this.recordCount - 1) * COLUMNS + OFFSET_DELTA] : 0);
    return table;
  }

  /** The same, without the table unless it will be wanted (`isTabled`). */
  checkedRecords(maxBytes: number, isTabled: boolean): BatchRecords {
    const { bytes, start, end } = this.#body(maxBytes);
    const records = BatchRecords.check(bytes, start, end, this.recordCount, isTabled, this.#native);
    if (typeof records === "string") throw new VarveError("VARVE_CORRUPT", records);
    this.#checkLast(records.lastOffsetDelta);
    return records;
  }

  /** Copies, the last one of the record at `offset`; undefined when the batch has none there. Otherwise as `records`. */
  copyRecord(offset: number, maxBytes: number): RecordCopies | undefined {
    const delta = offset - this.baseOffset;
    if (!(delta >= 0 && offset <= this.lastOffset)) return undefined;
    const { bytes, start, end } = this.#body(maxBytes);
    return copyRecord(bytes, start, end, this.recordCount, delta, offset)?.settle(this);
  }

  #checkLast(offsetDelta: number): void {
    if (offsetDelta <= readInt32(this.bytes, this.at + LAST_OFFSET_DELTA)) return;
    throw new VarveError("VARVE_CORRUPT", `a record lies past the last offset ${this.lastOffset} of its batch`);
  }

  /** Where the records lie, which are decompressed where they have to be. */
  #body(maxBytes: number): { bytes: Uint8Array; start: number; end: number } {
    const { bytes, at, compression } = this;
    const start = at + HEADER_BYTES;
    const end = at + this.sizeInBytes;
    if (compression === "none") return { bytes, start, end };
    const unpacked = decompress(compression, bytes, start, end, maxBytes, this.#native);
    return { bytes: unpacked, start: 0, end: unpacked.length };
  }
}

export function timestampTypeOf(attributes: number): TimestampType {
  return attributes & LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime";
}

export function isTransactional(attributes: number): boolean {
  return (attributes & TRANSACTIONAL) !== 0;
}

export function isControl(attributes: number): boolean {
  return (attributes & CONTROL) !== 0;
}

/** Whether the producer of the batch at bytes[at] has an id: −1 begins with a set bit, and ids are never negative. */
export function hasProducerId(bytes: Uint8Array, at: number): boolean {
  return bytes[at + PRODUCER_ID] < 0x80;
}

export function lastSequence(baseSequence: number, delta: number): number {
  if (baseSequence === NO_SEQUENCE) return NO_SEQUENCE;
  const last = baseSequence + delta;
  return last > 0x7fffffff ? last - 0x80000000 : last;
}

/**
 * What is wrong with the batch at bytes[at, end), or undefined. "short" means only that it reaches past `end`: with more
 * bytes at hand it may be good.
 */
export function batchProblem(bytes: Uint8Array, at: number, end: number, native?: Native): string | undefined {
  if (end - at < HEADER_BYTES) return "short";
  const length = readInt32(bytes, at + BATCH_LENGTH);
  if (length < HEADER_BYTES - LOG_OVERHEAD) return `batch length ${length} is less than a header`;
  if (bytes[at + MAGIC] !== 2) return `magic ${bytes[at + MAGIC]} is not 2`;
  if (at + LOG_OVERHEAD + length > end) return "short";
  const stored = readUint32(bytes, at + CRC);
  const computed = checksum(bytes, at + ATTRIBUTES, at + LOG_OVERHEAD + length, native);
  if (stored !== computed) return `CRC32C ${hex(computed)} is not the stored ${hex(stored)}`;
  const lastOffsetDelta = readInt32(bytes, at + LAST_OFFSET_DELTA);
  const count = readInt32(bytes, at + RECORD_COUNT);
  if (lastOffsetDelta < 0 || count < 0 || count > lastOffsetDelta + 1)
    return `${count} records cannot span ${lastOffsetDelta + 1} offsets`;
  if ((readInt16(bytes, at + ATTRIBUTES) & COMPRESSION_MASK) >= COMPRESSIONS.length)
    return "the compression is not one of Kafka's";
  return undefined;
}

export interface BatchFields {
  attributes: number;
  lastOffsetDelta: number;
  baseTimestamp: number;
  maxTimestamp: number;
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  recordCount: number;
}

/** Writes the header in front of the records that end at `end`, and its checksum. Base offset and epoch come at the append. */
export function sealBatch(bytes: Uint8Array, at: number, end: number, fields: BatchFields): void {
  writeHeader(bytes, at, end, fields);
  checksumBatch(bytes, at, end, undefined);
}

/** The header but for what comes at the append: base offset, epoch and checksum. */
export function writeHeader(bytes: Uint8Array, at: number, end: number, fields: BatchFields): void {
  writeInt32(bytes, at + BATCH_LENGTH, end - at - LOG_OVERHEAD);
  bytes[at + MAGIC] = 2;
  writeInt16(bytes, at + ATTRIBUTES, fields.attributes);
  writeInt32(bytes, at + LAST_OFFSET_DELTA, fields.lastOffsetDelta);
  writeInt64(bytes, at + BASE_TIMESTAMP, fields.baseTimestamp);
  writeInt64(bytes, at + MAX_TIMESTAMP, fields.maxTimestamp);
  writeInt64(bytes, at + PRODUCER_ID, fields.producerId);
  writeInt16(bytes, at + PRODUCER_EPOCH, fields.producerEpoch);
  writeInt32(bytes, at + BASE_SEQUENCE, fields.baseSequence);
  writeInt32(bytes, at + RECORD_COUNT, fields.recordCount);
}

/** Below this the call costs more than it saves. */
const FEWEST_NATIVE_BYTES = 512;

/** Puts the checksum into the header of the batch that ends at `end`. */
export function checksumBatch(bytes: Uint8Array, at: number, end: number, native: Native | undefined): void {
  writeInt32(bytes, at + CRC, checksum(bytes, at + ATTRIBUTES, end, native));
}

function checksum(bytes: Uint8Array, start: number, end: number, native: Native | undefined): number {
  const isLong = native !== undefined && end - start >= FEWEST_NATIVE_BYTES;
  return isLong ? native.crc32c(bytes, start, end) : crc32c(bytes, start, end);
}

/** The two fields that an append decides. The checksum does not cover them. */
export function placeBatch(bytes: Uint8Array, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(bytes, at + BASE_OFFSET, baseOffset);
  writeInt32(bytes, at + PARTITION_LEADER_EPOCH, leaderEpoch);
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
