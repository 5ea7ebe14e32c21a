/**
 * Writes records: one at a time with a promise each (`send`), many that the caller grouped (`sendBatch`), one by one without
 * a promise (`push`), or at once (`appendSync`).
 *
 * Records of one producer reach a partition in the order of the calls, whichever of the four they came by. A record that
 * is refused leaves no trace, and those around it are not touched.
 */
import { Emitter } from "../engine/emitter.ts";
import type { Topic } from "../engine/topic.ts";
import { hasCode, VarveError } from "../errors.ts";
import type { BatchBuilder } from "../format/batch-builder.ts";
import type { Compression } from "../format/compression.ts";
import type { Clock } from "../storage/clock.ts";
import { Accumulator } from "./accumulator.ts";
import type { Client, ClientContext } from "./context.ts";
import { type CheckedProducerOptions, checkProducerOptions, type ProducerOptions } from "./options.ts";
import type { Partitioner } from "./partitioner.ts";
import { ANONYMOUS, IdempotentIdentity, type ProducerIdentity } from "./producer-identity.ts";
import type { ProducerRecord, RecordMetadata, TopicReference } from "./producer-record.ts";
import { ProducerTopic } from "./producer-topic.ts";
import { ProducerTransactions } from "./producer-transactions.ts";
import { RecordEncoder } from "./record-encoder.ts";
import { roomBeforeCompression, tooLarge } from "./sealing.ts";
import { type AnyCodec, kindOf, serdeFor } from "./serde.ts";
import type { Transaction } from "./transaction.ts";

/** Where the records of one `sendBatch` are in one partition: at the offsets from `baseOffset` to `baseOffset + count - 1`. */
export interface BatchMetadata {
  topic: string;
  partition: number;
  baseOffset: number;
  count: number;
  /** The latest timestamp among them. */
  timestamp: number;
}

/** What a producer tells: `producer.on("error", (error) => …)`. */
export interface ProducerEvents {
  /** The first record that was pushed and could not be stored. */
  error: unknown;
}

/** The part of a sendBatch that goes to one partition. */
interface PartitionBatch {
  partition: number;
  builder: BatchBuilder;
}

interface Appended {
  metadata: BatchMetadata[];
  /** What is still to come for the topic's durability. */
  waits: Promise<void>[];
}

/**
 * Writes records: `send` and `sendBatch` tell where they are, `push` and `appendSync` are for those who cannot wait.
 * With a `transactionalId` it writes in transactions.
 */
export class Producer implements Client {
  /** @internal */
  readonly label = "a producer";
  readonly #context: ClientContext;
  readonly #clock: Clock;
  readonly #codec: AnyCodec | undefined;
  readonly #partitioner: Partitioner | undefined;
  readonly #compression: Compression;
  readonly #identity: ProducerIdentity;
  /** Of a producer with a transactional id. */
  readonly #transactions: ProducerTransactions | undefined;
  readonly #accumulator: Accumulator;
  readonly #events: Emitter<ProducerEvents>;
  readonly #encoder: RecordEncoder;
  readonly #topics = new Map<Topic, ProducerTopic>();
  /** The topic of the call before: most calls are for the same one. */
  #lastReference: unknown;
  #lastTopic: ProducerTopic | undefined;
  #closing: Promise<void> | undefined;
  #closed: VarveError | undefined;

  /** Producers are made by `log.producer()`. @internal */
  constructor(context: ClientContext, options: ProducerOptions = {}) {
    const checked = checkProducerOptions(options);
    if (context.engine.readOnly)
      throw new VarveError("VARVE_READ_ONLY", "the log was opened read-only: it takes no records");
    this.#context = context;
    this.#clock = context.engine.clock;
    this.#encoder = new RecordEncoder(this.#clock);
    this.#codec = checked.codec;
    this.#partitioner = checked.partitioner;
    this.#compression = checked.compression;
    const { logger } = context.engine.options;
    this.#events = new Emitter(["error"], (error) => logger.error?.(`a listener of a producer threw: ${error}`));
    this.#accumulator = new Accumulator({
      ...checked,
      clock: this.#clock,
      native: context.engine.files.native,
      pushFailed: checked.transactionalId === undefined ? (error) => this.#events.emit("error", error) : undefined,
      failed: (error) => this.#transactions?.fail(error),
    });
    this.#transactions = this.#transactional(checked);
    const { producerIds } = context.engine;
    this.#identity = this.#transactions ?? (checked.idempotent ? new IdempotentIdentity(producerIds) : ANONYMOUS);
    context.opened(this);
  }

  /**
   * Stores a record; resolves when it is acknowledged at the topic's durability. Sends made in the same tick, or within
   * `lingerMs`, share a stored batch.
   */
  send<V>(topic: TopicReference<V>, record: ProducerRecord<V>): Promise<RecordMetadata> {
    try {
      this.#checkOpen();
      return this.#send(topic, record);
    } catch (error) {
      return this.#createdBy(topic, error, async () => this.#send(topic, record));
    }
  }

  /**
   * Stores records that belong together: at most one stored batch per partition, never split, never mixed with others. All
   * are checked before any is stored; a batch that is too large is refused whole. Not atomic across partitions: where one
   * of them fails, what went to another stays. Resolves with one entry per partition, in the order of partitions.
   */
  sendBatch<V>(topic: TopicReference<V>, records: Iterable<ProducerRecord<V>>): Promise<BatchMetadata[]> {
    try {
      this.#checkOpen();
      return this.#sendBatch(topic, records);
    } catch (error) {
      return this.#createdBy(topic, error, async () => this.#sendBatch(topic, records));
    }
  }

  /**
   * Stores a record before it returns. What was sent to its partition before is stored first. On a topic of durability
   * "power" it is on the disk, too: the call waits for the sync, and the event loop with it.
   */
  appendSync<V>(topic: TopicReference<V>, record: ProducerRecord<V>): RecordMetadata {
    this.#checkOpen();
    try {
      return this.#appendNow(topic, record);
    } catch (error) {
      this.#transactions?.fail(error);
      throw error;
    }
  }

  /**
   * Stores a record without telling about it. False: it is taken, but wait for `drained()` before the next. What goes wrong with
   * a pushed record, also with its arguments, rejects `flush` and `close`; the first such error is told by the event "error", too.
   */
  push<V>(topic: TopicReference<V>, record: ProducerRecord<V>): boolean {
    this.#checkOpen();
    return this.#push(topic as TopicReference<never>, record as ProducerRecord<never>, false);
  }

  /** Resolves when there is room for more pushes. */
  async drained(): Promise<void> {
    if (this.#closed) throw this.#closed;
    await this.#accumulator.window.drained();
  }

  /**
   * Seals what lingers and waits until everything sent so far is settled. A send that fails rejects its own promise; a push that
   * has failed, ever, rejects this one.
   */
  async flush(): Promise<void> {
    if (this.#closed) throw this.#closed;
    await this.#accumulator.flush();
    this.#accumulator.window.throwError();
  }

  // ---- transactions

  /**
   * Runs the function in a transaction, and commits it when that has come to its end; when it throws, the transaction is aborted
   * and the error comes out. Resolves with what the function returns. Needs the option transactionalId.
   */
  async transaction<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<T> {
    if (typeof work !== "function")
      throw new VarveError("VARVE_INVALID_ARGUMENT", `transaction: expected a function, not ${kindOf(work)}`);
    const transaction = await this.begin();
    let result: T;
    try {
      result = await work(transaction);
    } catch (error) {
      if (transaction.isOpen) await transaction.abort().catch(() => {});
      throw error;
    }
    if (transaction.isOpen) await transaction.commit();
    return result;
  }

  /** Begins a transaction that is ended by hand: `commit()` or `abort()`. Until then all that the producer sends is part of it. */
  async begin(): Promise<Transaction> {
    if (this.#closed) throw this.#closed;
    if (this.#transactions !== undefined) return this.#transactions.begin();
    throw new VarveError("VARVE_INVALID_OPTION", "transactions need a producer with the option transactionalId", {
      option: "transactionalId",
    });
  }

  // ---- events

  /** Calls the function at each such event, until `off`. */
  on<Name extends keyof ProducerEvents>(event: Name, listener: (event: ProducerEvents[Name]) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Takes back `on`. */
  off<Name extends keyof ProducerEvents>(event: Name, listener: (event: ProducerEvents[Name]) => void): this {
    this.#events.off(event, listener);
    return this;
  }

  // ---- the end

  /** Flushes, and refuses what comes after; an open transaction is aborted. Rejects as `flush` does, closed all the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closed = new VarveError("VARVE_CLOSED", "the producer is closed");
    try {
      await this.#transactions?.close();
      await this.#accumulator.flush();
    } finally {
      this.#context.closed(this);
    }
    this.#accumulator.window.throwError();
  }

  /** Ends at once: rejects what is pending. @internal */
  abort(error: VarveError): void {
    this.#closed ??= error;
    this.#accumulator.abort(error);
    this.#context.closed(this);
  }

  /** A call has failed. If that is for want of a topic, and the log makes them when they are written to, it is done again. */
  #createdBy<T>(reference: unknown, error: unknown, again: () => Promise<T>): Promise<T> {
    const { engine } = this.#context;
    const mayCreate = engine.options.autoCreateTopics && typeof reference === "string";
    if (!mayCreate || !hasCode(error, "VARVE_UNKNOWN_TOPIC")) {
      this.#transactions?.fail(error);
      return Promise.reject(error);
    }
    return this.#accumulator.track(engine.createTopic(reference, { ifNotExists: true }).then(again));
  }

  #transactional({ transactionalId, transactionTimeoutMs }: CheckedProducerOptions): ProducerTransactions | undefined {
    if (transactionalId === undefined) return undefined;
    const { transactions: coordinator, coordinator: groups, clock, options } = this.#context.engine;
    return new ProducerTransactions({
      transactionalId,
      timeoutMs: transactionTimeoutMs,
      coordinator,
      groups,
      clock,
      warn: (message) => options.logger.warn?.(message),
      push: (topic, record) => void this.#push(topic, record, true),
      openPartitions: () => this.#accumulator.openPartitions(),
      flush: () => this.#accumulator.flush(),
      drop: (error) => this.#accumulator.drop(error),
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closed;
    this.#transactions?.checkOpen();
  }

  #send(topic: unknown, record: ProducerRecord<unknown>): Promise<RecordMetadata> {
    const target = this.#target(topic);
    this.#encoder.encode(record, target);
    return this.#accumulator.add(target, this.#encoder);
  }

  #sendBatch(topic: unknown, records: Iterable<ProducerRecord<unknown>>): Promise<BatchMetadata[]> {
    const target = this.#target(topic);
    const batches = this.#encodeAll(target, records);
    for (const { partition } of batches) this.#accumulator.sealPartition(target, partition);
    const partitions = batches.map(({ partition }) => partition);
    const appended = target.whenOpen(partitions, () => this.#appendAll(target, batches));
    if (appended instanceof Promise) return this.#accumulator.track(appended.then(acknowledged));
    if (appended.waits.length === 0) return Promise.resolve(appended.metadata);
    return this.#accumulator.track(acknowledged(appended));
  }

  #appendNow(topic: unknown, record: ProducerRecord<unknown>): RecordMetadata {
    const target = this.#target(topic);
    const now = this.#clock.now();
    const encoder = this.#encoder;
    encoder.encode(record, target, now);
    const { partition } = encoder;
    const log = target.partitionNow(partition);
    const builder = this.#accumulator.encodeAlone(target, encoder);
    this.#accumulator.sealPartition(target, partition);
    const sealed = target.seal(partition, builder, now);
    const offset = target.append(partition, sealed, now);
    if (target.topic.durability === "power") log.flushNow();
    const timestamp = sealed.maxTimestamp;
    this.#accumulator.builders.give(builder);
    return { topic: target.name, partition, offset, timestamp };
  }

  #push(topic: TopicReference<never>, record: ProducerRecord<never>, isHeld: boolean): boolean {
    try {
      const target = this.#target(topic);
      this.#encoder.encode(record, target);
      return this.#accumulator.push(target, this.#encoder, isHeld);
    } catch (error) {
      if (this.#closed) throw this.#closed;
      const { window } = this.#accumulator;
      this.#createdBy(topic, error, async () => this.#send(topic, record)).catch((reason) => window.fail(reason));
      return window.hasRoom;
    }
  }

  #target(reference: unknown): ProducerTopic {
    const last = this.#lastTopic;
    if (last !== undefined && reference === this.#lastReference && !last.topic.isDeleted) return last;
    const topic = this.#context.topic(reference);
    const target = this.#topics.get(topic) ?? this.#addTopic(topic);
    this.#lastReference = reference;
    this.#lastTopic = target;
    return target;
  }

  #addTopic(topic: Topic): ProducerTopic {
    for (const known of this.#topics.keys()) if (known.isDeleted) this.#topics.delete(known);
    const serde = serdeFor(this.#codec, this.#context.codecOf(topic));
    const target = new ProducerTopic(topic, {
      serde,
      partitioner: this.#partitioner,
      compression: this.#compression,
      identity: this.#identity,
    });
    this.#topics.set(topic, target);
    return target;
  }

  /** Encodes the records into one builder per partition, in the order of partitions. */
  #encodeAll(target: ProducerTopic, records: Iterable<ProducerRecord<unknown>>): PartitionBatch[] {
    if (typeof records !== "object" || records === null || !(Symbol.iterator in records)) {
      const message = `expected an array of records, not ${kindOf(records)}`;
      throw new VarveError("VARVE_INVALID_ARGUMENT", message, { topic: target.name });
    }
    const room = roomBeforeCompression(target);
    const builders: BatchBuilder[] = [];
    const encoder = this.#encoder;
    const now = this.#clock.now();
    for (const record of records) {
      encoder.encode(record, target, now);
      const { partition } = encoder;
      let builder = builders[partition];
      if (builder === undefined) {
        builder = this.#accumulator.builders.take();
        builders[partition] = builder;
      }
      builder.append(encoder.key, encoder.value, encoder.headers, encoder.timestamp);
      if (builder.sizeInBytes > room) throw tooLarge("the batch", builder.sizeInBytes, room, target);
    }
    const batches: PartitionBatch[] = [];
    builders.forEach((builder, partition) => {
      batches.push({ partition, builder });
    });
    return batches;
  }

  #appendAll(target: ProducerTopic, batches: readonly PartitionBatch[]): Appended {
    const now = this.#clock.now();
    const sealed = batches.map(({ partition, builder }) => target.seal(partition, builder, now));
    const logs = batches.map(({ partition }) => target.partition(partition));
    const appended: Appended = { metadata: [], waits: [] };
    for (let i = 0; i < batches.length; i++) {
      const { partition, builder } = batches[i];
      const { recordCount: count, maxTimestamp: timestamp } = sealed[i];
      const baseOffset = target.append(partition, sealed[i], now);
      appended.metadata.push({ topic: target.name, partition, baseOffset, count, timestamp });
      const wait = logs[i].acknowledged(baseOffset + count);
      // One of them may fail before anybody waits for it, when the next append throws.
      wait?.catch(() => {});
      if (wait !== undefined) appended.waits.push(wait);
      target.partitioning.sealed(partition, target.partitionCount);
      this.#accumulator.builders.give(builder);
    }
    return appended;
  }
}

async function acknowledged({ metadata, waits }: Appended): Promise<BatchMetadata[]> {
  await Promise.all(waits);
  return metadata;
}
