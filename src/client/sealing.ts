/**
 * How large a record and a batch may be, and the last step before the append: compressed as topic and producer say, and
 * refused when larger than the topic's `maxMessageBytes`. The limit holds for the batch as it is stored.
 */
import type { Partition } from "../engine/partition.ts";
import { VarveError } from "../errors.ts";
import { HEADER_BYTES, type TimestampType } from "../format/batch.ts";
import { BatchBuilder, type SealedBatch } from "../format/batch-builder.ts";
import type { Compression } from "../format/compression.ts";
import { MAX_BYTES_PER_UNIT, sizeOfHeaders } from "../format/field-writer.ts";
import { sizeOfRecordBody } from "../format/record.ts";
import { sizeOfVarint } from "../format/varint.ts";
import type { RecordEncoder } from "./record-encoder.ts";

/**
 * What the records of one batch may take before compression, and so what a reader must be ready to decompress. Without a
 * bound 260 KB of gzip could ask for 256 MiB.
 */
export const MAX_BATCH_BYTES = 128 * 1024 * 1024;

/** More than length, deltas, two field lengths and a header count ever take. */
const MAX_OVERHEAD = 40;

export interface SealTarget {
  readonly name: string;
  readonly maxMessageBytes: number;
  /** What the batch is compressed with: the topic's own compression, else the producer's. */
  readonly compression: Compression;
  readonly timestampType: TimestampType;
}

/** At least what the record takes within a batch. Cheap: no string is measured. */
export function upperBoundOf(record: RecordEncoder): number {
  const { key, value, headers } = record;
  return boundOf(key) + boundOf(value) + (headers === undefined ? 0 : sizeOfHeaders(headers)) + MAX_OVERHEAD;
}

/** What the record takes as the first one of a batch, exactly; behind others it may take a few bytes more. */
export function sizeOfRecord(record: RecordEncoder): number {
  const { key, value, headers } = record;
  const headersSize = headers === undefined || headers.length === 0 ? 1 : sizeOfHeaders(headers);
  const bodySize = sizeOfRecordBody(0, 0, sizeOf(key), sizeOf(value), headersSize);
  return sizeOfVarint(bodySize) + bodySize;
}

/** How large a batch may become before it is compressed. */
export function roomBeforeCompression(target: SealTarget): number {
  return target.compression === "none" ? target.maxMessageBytes : Math.max(MAX_BATCH_BYTES, target.maxMessageBytes);
}

/** Refuses a record that no batch can hold, before anything of it is copied. */
export function checkRecordSize(record: RecordEncoder, target: SealTarget): void {
  const size = HEADER_BYTES + sizeOfRecord(record);
  const room = roomBeforeCompression(target);
  if (size > room) throw tooLarge("the record", size, room, target);
}

/** Who the batch is from. */
export interface SealOrigin {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isTransactional: boolean;
}

/**
 * `now` is the time of the append, which the topic may prefer to the producer's; `baseSequence` the batch's place in the sequence of
 * its partition.
 */
export function seal(
  builder: BatchBuilder,
  target: SealTarget,
  now: number,
  origin: SealOrigin,
  baseSequence: number,
): SealedBatch {
  const { compression, maxMessageBytes, timestampType } = target;
  const { producerId, producerEpoch, isTransactional } = origin;
  const options = {
    compression,
    timestampType,
    appendTimestamp: now,
    checksum: false,
    producerId,
    producerEpoch,
    baseSequence,
    isTransactional,
  };
  let sealed = builder.seal(options);
  // What does not compress may grow by a few bytes. It is stored as it is when only that makes it too large.
  if (sizeOfSealed(sealed) > maxMessageBytes && compression !== "none") {
    sealed = builder.seal({ ...options, compression: "none" });
  }
  const size = sizeOfSealed(sealed);
  if (size <= maxMessageBytes) return sealed;
  const what = sealed.recordCount === 1 ? "the record" : `a batch of ${sealed.recordCount} records`;
  throw tooLarge(what, size, maxMessageBytes, target);
}

function sizeOfSealed({ start, end }: SealedBatch): number {
  return end - start;
}

export function tooLarge(what: string, size: number, limit: number, target: SealTarget): VarveError {
  return new VarveError(
    "VARVE_RECORD_TOO_LARGE",
    `${what} takes ${size} bytes in a batch, more than the ${limit} that ${target.name} allows (maxMessageBytes)`,
    { topic: target.name },
  );
}

/** Builders to use again. A large one is let go: it would keep its scratch for ever. */
export class BuilderPool {
  readonly #free: BatchBuilder[] = [];
  readonly #native: Partition["native"];

  constructor(native: Partition["native"]) {
    this.#native = native;
  }

  take(): BatchBuilder {
    return this.#free.pop() ?? new BatchBuilder(undefined, this.#native);
  }

  give(builder: BatchBuilder): void {
    const isLarge = builder.sizeInBytes > LARGE_BYTES;
    builder.reset();
    if (!isLarge && this.#free.length < MAX_FREE) this.#free.push(builder);
  }
}

const LARGE_BYTES = 1024 * 1024;
const MAX_FREE = 16;

function boundOf(field: Uint8Array | string | null): number {
  if (field === null) return 0;
  return typeof field === "string" ? field.length * MAX_BYTES_PER_UNIT : field.length;
}

function sizeOf(field: Uint8Array | string | null): number {
  if (field === null) return -1;
  return typeof field === "string" ? Buffer.byteLength(field) : field.length;
}
