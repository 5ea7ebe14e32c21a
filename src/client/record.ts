/**
 * A record as a consumer sees it: a lazy view on the batch it was fetched in. Nothing is decoded before it is touched, and
 * what was decoded is kept. The record and everything taken from it stay valid for as long as they are referenced: the
 * fetched chunk behind them is not used again for something else, unless the application has asked for that
 * (`batches({ reuse: true })`); then a record that is gone says so.
 */
import { VarveError } from "../errors.ts";
import type { Batch, TimestampType } from "../format/batch.ts";
import { BatchRecords } from "../format/batch-records.ts";
import {
  COLUMNS,
  HEADERS_AT,
  type Headers,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  readHeaders,
  VALUE_AT,
  VALUE_LENGTH,
} from "../format/record.ts";
import { readText } from "../format/text.ts";
import type { KeyCodec, Serde } from "./serde.ts";

const inspect = Symbol.for("nodejs.util.inspect.custom");

/** What a record has from its batch. */
export type BatchOfRecords = Pick<
  Batch,
  | "bytes"
  | "sizeInBytes"
  | "baseOffset"
  | "nextOffset"
  | "baseTimestamp"
  | "maxTimestamp"
  | "timestampType"
  | "leaderEpoch"
>;

/** One stored batch and how to read its records: what they share, so that each carries a reference and its index. */
export class RecordSource {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
  /** What `bytes` is a view on, and from where on: asking it for every field would cost as much as the field's own view. */
  readonly memory: ArrayBufferLike;
  readonly memoryAt: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly baseTimestamp: number;
  /** That of every record, where the topic keeps the time of the append. */
  readonly appendTimestamp: number | undefined;
  readonly leaderEpoch: number;
  /** What it keeps in memory: its share of the chunk, or what it was decompressed to. */
  readonly sizeInBytes: number;
  readonly serde: Serde;
  readonly keyCodec: KeyCodec;
  /** The memory behind it is used for something else: whoever touches a record of it is told. */
  isStale = false;
  readonly #batch: BatchOfRecords;
  readonly #records: BatchRecords | undefined;
  #table: RecordTable | undefined;

  /** The batch's own bytes may be gone afterwards, unless the records lie in them. */
  constructor(
    topic: string,
    partition: number,
    batch: BatchOfRecords,
    records: BatchRecords | RecordTable,
    serde: Serde,
    keyCodec: KeyCodec,
  ) {
    const { bytes } = records;
    this.#batch = batch;
    this.#records = records instanceof BatchRecords ? records : undefined;
    this.#table = records instanceof BatchRecords ? records.known : records;
    this.topic = topic;
    this.partition = partition;
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.memory = this.bytes.buffer;
    this.memoryAt = this.bytes.byteOffset;
    this.count = records.count;
    this.baseOffset = batch.baseOffset;
    this.nextOffset = batch.nextOffset;
    this.baseTimestamp = batch.baseTimestamp;
    this.appendTimestamp = batch.timestampType === "LogAppendTime" ? batch.maxTimestamp : undefined;
    this.leaderEpoch = batch.leaderEpoch;
    this.sizeInBytes = bytes === batch.bytes ? batch.sizeInBytes : bytes.length;
    this.serde = serde;
    this.keyCodec = keyCodec;
  }

  /** Where everything lies. It is made when the first record is looked into. */
  get table(): RecordTable {
    this.#table ??= this.#records!.table;
    return this.#table;
  }

  get isTabled(): boolean {
    return this.#table !== undefined || this.#records?.known !== undefined;
  }

  /** Also when it is stale. */
  offsetOf(index: number): number {
    const table = this.#table;
    return this.baseOffset + (table === undefined ? index : table.rows[index * COLUMNS + OFFSET_DELTA]);
  }

  /** The same records, which become stale by themselves. */
  copy(): RecordSource {
    const records = this.#records ?? this.table;
    return new RecordSource(this.topic, this.partition, this.#batch, records, this.serde, this.keyCodec);
  }

  view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory, this.memoryAt + at, length);
  }

  /** The first record at or behind `offset`; `count` when all come before it. Offsets rise within a batch. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offsetOf(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * A record as it was stored: a view on the log's memory, decoded where it is touched. It stays valid as long as it is
 * referenced, except in `batches({ reuse: true })`.
 */
export class ConsumerRecord<V = unknown, K extends string | Uint8Array = string> {
  readonly #source: RecordSource;
  readonly #index: number;
  /** Decoded on first touch; undefined until then. */
  #key: K | undefined;
  #value: V | undefined;

  /** Records are made by consumers and topics. @internal */
  constructor(source: RecordSource, index: number) {
    this.#source = source;
    this.#index = index;
    this.#key = undefined;
    this.#value = undefined;
  }

  get offset(): number {
    return this.#source.offsetOf(this.#index);
  }

  get topic(): string {
    return this.#source.topic;
  }

  get partition(): number {
    return this.#source.partition;
  }

  /** Milliseconds since 1970: given by the producer, or that of the append, as `timestampType` says. */
  get timestamp(): number {
    const source = this.#live();
    const timestamp = source.appendTimestamp ?? source.baseTimestamp + source.table.timestampDeltas[this.#index];
    if (Number.isSafeInteger(timestamp)) return timestamp;
    const { topic, partition } = this;
    throw new VarveError(
      "VARVE_UNSAFE_INTEGER",
      `the timestamp of ${topic}-${partition} at offset ${this.offset} is outside ±(2^53 − 1)`,
      { topic, partition, offset: this.offset },
    );
  }

  get timestampType(): TimestampType {
    return this.#source.appendTimestamp === undefined ? "CreateTime" : "LogAppendTime";
  }

  /** The leader epoch of the batch: it rises when the log was reopened after a crash. */
  get leaderEpoch(): number {
    return this.#source.leaderEpoch;
  }

  /** As `keyCodec` says: a string (the default) or bytes; null when the record has no key. */
  get key(): K | null {
    const source = this.#live();
    if (this.#key !== undefined) return this.#key;
    const { rows } = source.table;
    const row = this.#index * COLUMNS;
    const length = rows[row + KEY_LENGTH];
    if (length < 0) return null;
    const at = rows[row + KEY_AT];
    const key = source.keyCodec === "string" ? readText(source.bytes, at, at + length) : source.view(at, length);
    this.#key = key as K;
    return this.#key;
  }

  /** Decoded by the codec; null for a tombstone. Throws VARVE_CODEC when the codec cannot. */
  get value(): V | null {
    const source = this.#live();
    if (this.#value !== undefined) return this.#value;
    const { rows } = source.table;
    const row = this.#index * COLUMNS;
    const length = rows[row + VALUE_LENGTH];
    if (length < 0) return null;
    const at = rows[row + VALUE_AT];
    this.#value = (source.serde.isView ? source.view(at, length) : this.#decode(source, at, length)) as V;
    return this.#value;
  }

  /** The key's bytes, whatever the key codec is. */
  get rawKey(): Uint8Array | null {
    return this.#view(KEY_AT, KEY_LENGTH);
  }

  /** The value's bytes, whatever the codec is. */
  get rawValue(): Uint8Array | null {
    return this.#view(VALUE_AT, VALUE_LENGTH);
  }

  /** All headers in their order, duplicates kept. */
  get headers(): Headers {
    const { bytes, table } = this.#live();
    return readHeaders(bytes, table.rows[this.#index * COLUMNS + HEADERS_AT]);
  }

  /** The last header of that name; null when it has no value, undefined when there is none. */
  header(name: string): Uint8Array | null | undefined {
    return this.headers.findLast(([candidate]) => candidate === name)?.[1];
  }

  /** Whether the value is null: the record says that its key is deleted. */
  get isTombstone(): boolean {
    return this.#live().table.rows[this.#index * COLUMNS + VALUE_LENGTH] < 0;
  }

  /** Everything, decoded: for logs and for JSON.stringify. */
  toJSON(): Record<string, unknown> {
    const { topic, partition, offset, timestamp, key, value, headers } = this;
    return { topic, partition, offset, timestamp, key, value, headers };
  }

  /** What console.log shows: the fields, and the bytes instead of a value that cannot be decoded. */
  [inspect](): Record<string, unknown> {
    if (this.#source.isStale)
      return { topic: this.topic, partition: this.partition, offset: this.offset, isStale: true };
    try {
      return this.toJSON();
    } catch {
      const { topic, partition, offset, rawKey, rawValue } = this;
      return { topic, partition, offset, rawKey, rawValue };
    }
  }

  #view(at: typeof KEY_AT | typeof VALUE_AT, lengthAt: typeof KEY_LENGTH | typeof VALUE_LENGTH): Uint8Array | null {
    const source = this.#live();
    const { rows } = source.table;
    const row = this.#index * COLUMNS;
    const length = rows[row + lengthAt];
    return length < 0 ? null : source.view(rows[row + at], length);
  }

  #live(): RecordSource {
    const source = this.#source;
    if (source.isStale) throw this.#stale();
    return source;
  }

  #stale(): VarveError {
    const { topic, partition, offset } = this;
    return new VarveError(
      "VARVE_STALE_RECORD",
      `the record of ${topic}-${partition} at offset ${offset} is gone: its batch was handed out with reuse: true, and the next one was asked for`,
      { topic, partition, offset },
    );
  }

  #decode({ serde, bytes }: RecordSource, at: number, length: number): unknown {
    try {
      return serde.decode(bytes, at, at + length);
    } catch (cause) {
      throw this.#undecodable(serde, length, cause);
    }
  }

  #undecodable(serde: Serde, length: number, cause: unknown): VarveError {
    const { topic, partition, offset } = this;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new VarveError(
      "VARVE_CODEC",
      `the value of ${topic}-${partition} at offset ${offset} (${length} bytes) is not what the codec "${serde.name}" reads: ${why}`,
      { topic, partition, offset, cause },
    );
  }
}
