/**
 * A topic as an application holds it: what it is, what it contains, and the short ways to write and read it. A handle of a
 * deleted topic stays one: it throws VARVE_UNKNOWN_TOPIC, also when a topic of that name is made again.
 */
import type { ConfigChanges, TopicConfig } from "../engine/config.ts";
import type { Partition } from "../engine/partition.ts";
import type { Topic, TopicDescription } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import { isControl, isTransactional, timestampTypeOf } from "../format/batch.ts";
import type { RecordCopies } from "../format/record-copies.ts";
import { Consumer } from "./consumer.ts";
import type { ClientContext } from "./context.ts";
import { isAborted } from "./fetcher.ts";
import { LatestValues } from "./latest-values.ts";
import { type ConsumerOptions, checkReadOptions, type ReadOptions } from "./options.ts";
import type { ProducerRecord, RecordMetadata, TopicLike } from "./producer-record.ts";
import { ConsumerRecord, RecordSource } from "./record.ts";
import { MAX_BATCH_BYTES } from "./sealing.ts";
import { type AnyCodec, kindOf, type Serde, serdeFor } from "./serde.ts";
import { type From, isOffset, type Until } from "./start-positions.ts";

/** An offset of each partition, and the timestamp of the record there. */
export interface PartitionOffset {
  partition: number;
  offset: number;
  /** Undefined where the question was not for a timestamp, or no record is as late. */
  timestamp: number | undefined;
}

/** What a compaction went through, over all partitions, and what was left of it. */
export interface CompactionResult {
  recordsBefore: number;
  recordsAfter: number;
  bytesBefore: number;
  bytesAfter: number;
}

/** What `topic.consumer` takes: those of `log.consumer`, but for the topics. */
export type TopicConsumerOptions<V> = Omit<ConsumerOptions<V>, "topics">;

/** A topic: what it is and holds, and short ways to write and read it. The handle carries the type of its values. */
export class TopicHandle<V = unknown> implements TopicLike<V> {
  readonly #context: ClientContext;
  readonly #topic: Topic;
  /** The topic's codec at the last `get`, and what it is. */
  #codec: AnyCodec | undefined;
  #serde: Serde | undefined;
  /** Of the last record that `get` gave. */
  #source: RecordSource | undefined;

  /** Handles are made by `log.topic()` and `log.createTopic()`. @internal */
  constructor(context: ClientContext, topic: Topic) {
    this.#context = context;
    this.#topic = topic;
  }

  get name(): string {
    return this.#topic.name;
  }

  get partitionCount(): number {
    return this.#topic.partitionCount;
  }

  /** Every option of the topic, with the defaults of those that were not set. */
  get config(): Readonly<TopicConfig> {
    return this.#topic.config;
  }

  /** Makes them `total`. Keys may then fall into other partitions than before. */
  async addPartitions(total: number): Promise<void> {
    await this.#checked().addPartitions(total);
  }

  /** Changes options; null takes one back to its default. */
  async alterConfig(changes: ConfigChanges): Promise<void> {
    await this.#checked().alterConfig(changes);
  }

  /** The topic and its partitions, with their offsets and sizes. */
  async describe(): Promise<TopicDescription> {
    return this.#checked().describe();
  }

  /** Of each partition: the first offset, the end, or the first record at or after a timestamp (the end, if there is none). */
  async offsets(of: "earliest" | "latest" | { readonly timestamp: number }): Promise<PartitionOffset[]> {
    const topic = this.#checked();
    const timestamp = timestampIn(of, topic.name);
    await topic.ready();
    const offsets: PartitionOffset[] = [];
    for (const partition of topic.partitions) {
      if (partition === undefined) continue;
      const { index, startOffset } = partition;
      const end = partition.bound("read_committed", false);
      const found = timestamp === undefined ? undefined : partition.offsetForTimestamp(timestamp);
      if (found !== undefined && found.offset < end) offsets.push({ partition: index, ...found });
      else offsets.push({ partition: index, offset: of === "earliest" ? startOffset : end, timestamp: undefined });
    }
    return offsets;
  }

  /** Deletes the records before an offset of each partition given: `{ 0: 1000 }`. All are checked before any is touched. */
  async deleteRecords(before: Readonly<Record<number, number>>): Promise<void> {
    const topic = this.#checked();
    if (typeof before !== "object" || before === null)
      throw invalid(topic.name, `expected { 0: 1000 }, not ${kindOf(before)}`);
    const deletions = Object.entries(before).map(([index, offset]) => ({
      partition: topic.partition(Number(index)),
      offset,
    }));
    await Promise.all(deletions.map(({ partition }) => partition.ready()));
    for (const { partition, offset } of deletions) {
      if (isOffset(offset) && offset <= partition.highWatermark) continue;
      const message = `${topic.name}-${partition.index}: records can be deleted before an offset up to ${partition.highWatermark}, not before ${offset}`;
      throw new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, {
        topic: topic.name,
        partition: partition.index,
        offset,
      });
    }
    for (const { partition, offset } of deletions) await partition.deleteRecordsBefore(offset);
  }

  /**
   * Compacts the topic now: of each key the latest record stays. A segment is never compacted while it is the active one, so what
   * was written since the log was opened goes into a segment of its own first; `minCompactionLagMs` is kept to.
   */
  async compact(): Promise<CompactionResult> {
    const topic = this.#checked();
    if (topic.config.cleanupPolicy === "delete")
      throw invalid(topic.name, 'compact: its cleanupPolicy is "delete"; "compact" or "compact,delete" was expected');
    await topic.ready();
    const result = { recordsBefore: 0, recordsAfter: 0, bytesBefore: 0, bytesAfter: 0 };
    for (const partition of topic.partitions) {
      if (partition === undefined) continue;
      const compacted = await this.#context.engine.compact(partition);
      for (const name of Object.keys(result) as (keyof CompactionResult)[]) result[name] += compacted[name];
    }
    return result;
  }

  /** Deletes all records. Offsets go on where they are. */
  async truncate(): Promise<void> {
    const topic = this.#checked();
    await topic.ready();
    for (const partition of topic.partitions) await partition?.truncate();
  }

  /** The record at that offset; undefined where there is none (any more, or yet), or none that may be read. */
  async get(partition: number, offset: number): Promise<ConsumerRecord<V> | undefined> {
    const topic = this.#checked();
    const log = topic.partition(partition);
    if (!isOffset(offset))
      throw invalid(topic.name, `get: the offset is ${offset}; a whole number from 0 was expected`);
    return log.isReady ? this.#getFrom(topic, log, offset) : this.#getLater(topic, log, offset);
  }

  async #getLater(topic: Topic, log: Partition, offset: number): Promise<ConsumerRecord<V> | undefined> {
    await log.ready();
    return this.#getFrom(topic, log, offset);
  }

  #getFrom(topic: Topic, log: Partition, offset: number): ConsumerRecord<V> | undefined {
    if (offset < log.startOffset || offset >= log.bound("read_committed", false)) return undefined;
    const copies = log.copyRecord(offset, MAX_BATCH_BYTES);
    if (copies === undefined || isControl(copies.attributes)) return undefined;
    if (isTransactional(copies.attributes) && isInAborted(copies, log, offset)) return undefined;
    return new ConsumerRecord<V>(this.#sourceOf(topic, log.index, copies), copies.count - 1);
  }

  /** The latest record of each key, by key: see LatestValues. Resolves when the index is built. */
  async latest(): Promise<LatestValues<V>> {
    const read = (partition: number, offset: number) => this.get(partition, offset);
    const latest = new LatestValues<V>(this.#context, this.#checked(), read);
    await latest.catchUp();
    return latest;
  }

  /** Reads a range, and ends at the end offset seen at the call. Several partitions come one after the other in chunks. */
  read(options?: ReadOptions): AsyncIterableIterator<ConsumerRecord<V>, undefined> {
    return this.#reader(options)[Symbol.asyncIterator]();
  }

  /** All records, in an array: for small topics and for tests. */
  async all(options?: ReadOptions): Promise<ConsumerRecord<V>[]> {
    const records: ConsumerRecord<V>[] = [];
    for await (const batch of this.#reader(options).batches()) {
      for (const record of batch) records.push(record);
    }
    return records;
  }

  /** Stores a record, with the default options of a producer. */
  async send(record: ProducerRecord<V>): Promise<RecordMetadata> {
    return this.#context.send(this, record);
  }

  /** A consumer of this topic alone. */
  consumer(options: TopicConsumerOptions<V> & { keyCodec: "bytes" }): Consumer<V, Uint8Array>;
  consumer(options?: TopicConsumerOptions<V>): Consumer<V>;
  consumer(options: TopicConsumerOptions<V> = {}): Consumer<V> | Consumer<V, Uint8Array> {
    return new Consumer<V>(this.#context, { ...options, topics: [this] });
  }

  /** The engine's topic, for the log that the handle belongs to. @internal */
  topicOf(context: ClientContext): Topic {
    if (context !== this.#context) {
      throw new VarveError("VARVE_INVALID_ARGUMENT", `the topic ${this.name} belongs to another log`, {
        topic: this.name,
      });
    }
    return this.#checked();
  }

  #reader(options: ReadOptions | undefined): Consumer<V> {
    const topic = this.#checked();
    const { partition, from = "earliest", until = "end", isolation, signal } = checkReadOptions(options, topic.name);
    const partitions = partition === undefined ? undefined : [topic.partition(partition).index];
    const start: From = typeof from === "number" ? { offsets: { [partition!]: from } } : from;
    const end: Until = typeof until === "number" ? { offsets: { [partition!]: until } } : until;
    const consumer = { topics: [this], partitions, from: start, until: end, isolation, signal };
    return new Consumer<V>(this.#context, consumer, true);
  }

  /** Of the last record of these. Most of them share one: what a row has from its batch is counted from the same numbers. */
  #sourceOf(topic: Topic, partition: number, copies: RecordCopies): RecordSource {
    const { leaderEpoch, attributes, maxTimestamp, bytes, originOffset } = copies;
    const serde = this.#serdeOf(topic);
    const timestampType = timestampTypeOf(attributes);
    const appendTimestamp = timestampType === "LogAppendTime" ? maxTimestamp : undefined;
    const last = this.#source;
    const isSame =
      last !== undefined &&
      last.bytes === bytes &&
      last.partition === partition &&
      last.leaderEpoch === leaderEpoch &&
      last.appendTimestamp === appendTimestamp &&
      last.serde === serde;
    if (isSame) return last;
    const batch = {
      bytes,
      sizeInBytes: bytes.length,
      baseOffset: originOffset,
      nextOffset: originOffset,
      baseTimestamp: 0,
      maxTimestamp,
      timestampType,
      leaderEpoch,
    };
    this.#source = new RecordSource(topic.name, partition, batch, copies, serde, "string");
    return this.#source;
  }

  #serdeOf(topic: Topic): Serde {
    const codec = this.#context.codecOf(topic);
    if (this.#serde === undefined || codec !== this.#codec) {
      this.#codec = codec;
      this.#serde = serdeFor(codec);
    }
    return this.#serde;
  }

  #checked(): Topic {
    return this.#context.checked(this.#topic);
  }
}

function isInAborted(
  { producerId, batchBaseOffset: baseOffset }: RecordCopies,
  log: Partition,
  offset: number,
): boolean {
  return isAborted({ producerId, baseOffset }, log.abortedTransactions(offset, offset + 1));
}

function timestampIn(of: unknown, topic: string): number | undefined {
  if (of === "earliest" || of === "latest") return undefined;
  const timestamp = (of as { timestamp?: unknown } | null)?.timestamp;
  if (isOffset(timestamp)) return timestamp as number;
  throw invalid(topic, `offsets: expected "earliest", "latest" or { timestamp }, not ${kindOf(of)}`);
}

function invalid(topic: string, message: string): VarveError {
  return new VarveError("VARVE_INVALID_ARGUMENT", message, { topic });
}
