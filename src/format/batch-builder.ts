/**
 * Collects records into one batch, in a scratch buffer that grows and is used again: `append` encodes a record in place,
 * `seal` puts the header in front. What `seal` returns is valid until the next `append` or `reset`.
 *
 * A key or a value is a Uint8Array, null, or a string, which is written as UTF-8 straight into the scratch: no
 * intermediate buffer per record.
 */
import { VarveError } from "../errors.ts";
import {
  CONTROL,
  HEADER_BYTES,
  LOG_APPEND_TIME,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  sealBatch,
  type TimestampType,
  TRANSACTIONAL,
} from "./batch.ts";
import { COMPRESSIONS, type Compression, compress } from "./compression.ts";
import { type HeaderPairs, sizeOfRecordBody, writeRecordStart } from "./record.ts";
import { sizeOfVarint, writeVarint } from "./varint.ts";

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
}

/** A batch ready to be placed: bytes[start, end), with what the log needs to know about it. */
export interface SealedBatch {
  bytes: Uint8Array;
  start: number;
  end: number;
  recordCount: number;
  maxTimestamp: number;
}

/** The longest that length, attributes, deltas and the two field lengths of a record can be. */
const MAX_RECORD_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5;

/** Below this a byte loop beats the call into the runtime. */
const SHORT = 48;

const NO_HEADERS: HeaderPairs = [];

export class BatchBuilder {
  recordCount = 0;
  baseTimestamp = 0;
  maxTimestamp = 0;
  #scratch: Buffer;
  #end = HEADER_BYTES;

  constructor(initialBytes = 16_384) {
    this.#scratch = Buffer.allocUnsafeSlow(Math.max(initialBytes, 256));
  }

  /** As it would be stored without compression. */
  get sizeInBytes(): number {
    return this.#end;
  }

  get isEmpty(): boolean {
    return this.recordCount === 0;
  }

  /** `keyLength` < 0 takes the whole key; otherwise only its first bytes (a key that lies in somebody's scratch). */
  append(
    key: Uint8Array | string | null,
    keyLength: number,
    value: Uint8Array | string | null,
    headers: HeaderPairs | undefined,
    timestamp: number,
  ): void {
    const first = this.recordCount === 0;
    const timestampDelta = first ? 0 : timestamp - this.baseTimestamp;
    if (!Number.isSafeInteger(timestamp) || !Number.isSafeInteger(timestampDelta)) throw unsafeTimestamp(timestamp);
    const keySize = key === null ? -1 : keyLength >= 0 ? keyLength : sizeOf(key);
    const valueSize = value === null ? -1 : sizeOf(value);
    const headersSize = headers === undefined || headers.length === 0 ? 1 : sizeOfHeaders(headers);
    const bodySize = sizeOfRecordBody(timestampDelta, this.recordCount, keySize, valueSize, headersSize);
    this.#reserve(bodySize + MAX_RECORD_OVERHEAD);

    const scratch = this.#scratch;
    let at = writeRecordStart(scratch, this.#end, bodySize, timestampDelta, this.recordCount, keySize);
    if (keySize > 0) at = put(scratch, at, key!, keySize);
    at = writeVarint(scratch, at, valueSize);
    if (valueSize > 0) at = put(scratch, at, value!, valueSize);
    if (headersSize === 1) scratch[at++] = 0;
    else at = writeHeaders(scratch, at, headers ?? NO_HEADERS);

    this.#end = at;
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
      const packed = compress(compression, bytes, HEADER_BYTES, end);
      end = HEADER_BYTES + packed.length;
      bytes = new Uint8Array(end);
      bytes.set(packed, HEADER_BYTES);
    }
    sealBatch(bytes, 0, end, {
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
    return { bytes, start: 0, end, recordCount: this.recordCount, maxTimestamp };
  }

  reset(): void {
    this.recordCount = 0;
    this.#end = HEADER_BYTES;
  }

  #reserve(size: number): void {
    const needed = this.#end + size;
    if (needed <= this.#scratch.length) return;
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

function sizeOf(field: Uint8Array | string): number {
  return typeof field === "string" ? Buffer.byteLength(field) : field.length;
}

/** Copies a field of known size. A string as long as its UTF-8 is ASCII: the cheaper write. */
function put(into: Buffer, at: number, field: Uint8Array | string, size: number): number {
  if (typeof field === "string") {
    if (size > SHORT)
      return at + (size === field.length ? into.write(field, at, size, "latin1") : into.write(field, at, size, "utf8"));
    if (size !== field.length) return at + into.write(field, at, size, "utf8");
    for (let i = 0; i < size; i++) into[at + i] = field.charCodeAt(i);
    return at + size;
  }
  if (size <= SHORT) for (let i = 0; i < size; i++) into[at + i] = field[i];
  else into.set(size === field.length ? field : field.subarray(0, size), at);
  return at + size;
}

/** With the count in front. */
export function sizeOfHeaders(headers: HeaderPairs): number {
  let size = sizeOfVarint(headers.length);
  for (const [name, value] of headers) {
    const nameSize = Buffer.byteLength(name);
    const valueSize = value === null ? -1 : sizeOf(value);
    size += sizeOfVarint(nameSize) + nameSize + sizeOfVarint(valueSize) + Math.max(valueSize, 0);
  }
  return size;
}

function writeHeaders(into: Buffer, at: number, headers: HeaderPairs): number {
  at = writeVarint(into, at, headers.length);
  for (const [name, value] of headers) {
    const nameSize = Buffer.byteLength(name);
    at = put(into, writeVarint(into, at, nameSize), name, nameSize);
    const valueSize = value === null ? -1 : sizeOf(value);
    at = writeVarint(into, at, valueSize);
    if (valueSize > 0) at = put(into, at, value!, valueSize);
  }
  return at;
}
