/** What an application hands in, records and the topics they are for, and what it gets back for a record. */

/** A string is stored as UTF-8; null is a header without a value. */
export type HeaderValue = string | Uint8Array | null;

/** By name, or as pairs where order or duplicates matter. Strings are stored as UTF-8. */
export type HeadersInput =
  | Readonly<Record<string, HeaderValue>>
  | Iterable<readonly [name: string, value: HeaderValue]>;

/** A record to be stored. */
export interface ProducerRecord<V = unknown> {
  /** Records with the same key go to the same partition, and stay in order there. Strings are stored as UTF-8. */
  key?: string | Uint8Array | null;
  /** What the codec takes; null writes a tombstone. */
  value: V | null;
  /** Small things beside the value; readers get their values as bytes. */
  headers?: HeadersInput;
  /** Overrules key and partitioner. */
  partition?: number;
  /** Milliseconds since 1970; now, when it is not given. */
  timestamp?: number;
}

/** Where a record is now. */
export interface RecordMetadata {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
}

/** A topic's handle, as far as its values' type goes. */
export interface TopicLike<V> {
  readonly name: string;
  readonly partitionCount: number;
  send(record: ProducerRecord<V>): Promise<RecordMetadata>;
}

/** A topic by its handle, which carries the type of its values, or by its name. */
export type TopicReference<V> = TopicLike<V> | string;
