/**
 * Collects records into one batch, in a scratch buffer that grows and is used again: `append` encodes a record in place,
 * `seal` puts the header in front. What `seal` returns is valid until the next `append` or `reset`.
 *
 * A key or a value is a Uint8Array, null, or a string, which is written as UTF-8 straight into the scratch: no
 * intermediate buffer per record.
 */
import { VarveError } from "../errors.ts";
import type { Native } from "../native.ts";
import {
  CONTROL,
  checksumBatch,
  HEADER_BYTES,
  LOG_APPEND_TIME,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  type TimestampType,
  TRANSACTIONAL,
  writeHeader,
} from "./batch.ts";
import { COMPRESSIONS, type Compression, compress } from "./compression.ts";
import {
  MAX_BYTES_PER_UNIT,
  NO_ATTRIBUTES,
  putLength,
  sizeOfHeaders,
  writeField,
  writeHeaders,
  writeRecord,
} from "./field-writer.ts";
import type { HeaderPairs } from "./record.ts";
import { sizeOfVarint, writeVarint, writeVarlong } from "./varint.ts";

export interface SealOptions {
  compression?: Compression;
  timestampType?: TimestampType;
  /** The time of the append, for LogAppendTime. */
  appendTimestamp?: number;
  producerId?: number;
  producerEpoch?: number;
  baseSequence?: number;
  isTransactional?: boolean;
  isControl?: boolean;
  /** False leaves it to the append, which can do it in passing. True when not given. */
  checksum?: boolean;
}

/** A batch ready to be placed: bytes[start, end), with what the log needs to know about it. */
export interface SealedBatch {
  bytes: Uint8Array;
  start: number;
  end: number;
  recordCount: number;
  maxTimestamp: number;
  /** The header has no checksum yet: the append puts it there. */
  lacksChecksum?: boolean;
}

/** The longest that a record's length, attributes, deltas and two field lengths can be; without the length, what they mostly are. */
const MAX_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5;
const TYPICAL_OVERHEAD = 1 + 1 + 1 + 1 + 2;

export class BatchBuilder {
  recordCount = 0;
  baseTimestamp = 0;
  maxTimestamp = 0;
  #scratch: Buffer;
  #end = HEADER_BYTES;
  readonly #native: Native | undefined;

  constructor(initialBytes = 16_384, native?: Native) {
    this.#native = native;
    this.#scratch = Buffer.allocUnsafeSlow(Math.max(initialBytes, 256));
  }

  /** As it would be stored without compression. */
  get sizeInBytes(): number {
    return this.#end;
  }

  get isEmpty(): boolean {
    return this.recordCount === 0;
  }

  append(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers: HeaderPairs | undefined,
    timestamp: number,
  ): void {
    const first = this.recordCount === 0;
    const timestampDelta = first ? 0 : timestamp - this.baseTimestamp;
    if (!Number.isSafeInteger(timestamp) || !Number.isSafeInteger(timestampDelta)) throw unsafeTimestamp(timestamp);
    const units = (key === null ? 0 : key.length) + (value === null ? 0 : value.length);
    const headersSize = headers === undefined ? 1 : sizeOfHeaders(headers);
    const room = MAX_OVERHEAD + units * MAX_BYTES_PER_UNIT + headersSize;
    if (this.#end + room > this.#scratch.length) this.#grow(this.#end + room);

    this.#end =
      headers === undefined && typeof key !== "string" && typeof value !== "string"
        ? writeRecord(this.#scratch, this.#end, timestampDelta, this.recordCount, key, value)
        : this.#write(key, value, headers, timestampDelta, TYPICAL_OVERHEAD + units + headersSize);

    this.recordCount++;
    if (first) {
      this.baseTimestamp = timestamp;
      this.maxTimestamp = timestamp;
    } else if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp;
    }
  }

  seal(options: SealOptions = {}): SealedBatch {
    const { compression = "none", timestampType = "CreateTime", appendTimestamp } = options;
    const isAppendTime = timestampType === "LogAppendTime" && appendTimestamp !== undefined;
    const maxTimestamp = isAppendTime ? appendTimestamp : this.maxTimestamp;
    let bytes: Uint8Array = this.#scratch;
    let end = this.#end;
    if (compression !== "none") {
      const packed = compress(compression, bytes, HEADER_BYTES, end, this.#native);
      end = HEADER_BYTES + packed.length;
      bytes = new Uint8Array(end);
      bytes.set(packed, HEADER_BYTES);
    }
    writeHeader(bytes, 0, end, {
      attributes:
        COMPRESSIONS.indexOf(compression) |
        (isAppendTime ? LOG_APPEND_TIME : 0) |
        (options.isTransactional ? TRANSACTIONAL : 0) |
        (options.isControl ? CONTROL : 0),
      lastOffsetDelta: this.recordCount - 1,
      baseTimestamp: this.baseTimestamp,
      maxTimestamp,
      producerId: options.producerId ?? NO_PRODUCER_ID,
      producerEpoch: options.producerEpoch ?? -1,
      baseSequence: options.baseSequence ?? NO_SEQUENCE,
      recordCount: this.recordCount,
    });
    const lacksChecksum = options.checksum === false;
    if (!lacksChecksum) checksumBatch(bytes, 0, end, this.#native);
    return { bytes, start: 0, end, recordCount: this.recordCount, maxTimestamp, lacksChecksum };
  }

  reset(): void {
    this.recordCount = 0;
    this.#end = HEADER_BYTES;
  }

  /** A record of whatever fields. Returns where it ends. */
  #write(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers: HeaderPairs | undefined,
    timestampDelta: number,
    expectedSize: number,
  ): number {
    const scratch = this.#scratch;
    const start = this.#end + sizeOfVarint(expectedSize);
    scratch[start] = NO_ATTRIBUTES;
    let at = writeVarlong(scratch, start + 1, timestampDelta);
    at = writeVarint(scratch, at, this.recordCount);
    at = writeField(scratch, at, key);
    at = writeField(scratch, at, value);
    if (headers !== undefined) at = writeHeaders(scratch, at, headers);
    else scratch[at++] = 0;
    return putLength(scratch, this.#end, start, at);
  }

  #grow(needed: number): void {
    if (needed > 0x7fffffff) throw new VarveError("VARVE_RECORD_TOO_LARGE", "a batch cannot be larger than 2 GiB");
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, this.#scratch.length * 2), 0x7fffffff));
    grown.set(this.#scratch.subarray(0, this.#end));
    this.#scratch = grown;
  }
}

function unsafeTimestamp(timestamp: number): VarveError {
  const message = `the timestamp ${timestamp} is no safe integer, or more than 2^53 - 1 away from the first of its batch`;
  return new VarveError("VARVE_UNSAFE_INTEGER", message);
}
