/**
 * Gathers the sends and pushes of a producer into batches: one open batch per partition, sealed at the end of the tick
 * (lingerMs 0) or when its time is up, earlier when it is full. A sealed batch is appended at once, and its records are
 * settled together when the log has acknowledged it.
 *
 * A send costs one promise, because it returns one, a push none; everything else is shared by the batch.
 */
import type { Partition } from "../engine/partition.ts";
import { HEADER_BYTES } from "../format/batch.ts";
import type { BatchBuilder } from "../format/batch-builder.ts";
import type { Clock } from "../storage/clock.ts";
import { holdProcess, releaseProcess } from "./keep-alive.ts";
import { type BatchTopic, OpenBatch, type Pending, type Resolve } from "./open-batch.ts";
import type { RecordMetadata } from "./producer-record.ts";
import { PushWindow } from "./push-window.ts";
import type { RecordEncoder } from "./record-encoder.ts";
import { BuilderPool, checkRecordSize, sizeOfRecord, upperBoundOf } from "./sealing.ts";

export interface AccumulatorOptions {
  clock: Clock;
  lingerMs: number;
  batchBytes: number;
  /** What compresses the batches. */
  native: Partition["native"];
  /** How much may be pushed and not acknowledged before `push` asks to wait. */
  bufferMemory: number;
  /** Hears of the first push that has failed; undefined in transactions, whose commit tells. */
  pushFailed: ((error: unknown) => void) | undefined;
  /** Hears of everything that could not be stored. */
  failed(error: unknown): void;
}

/** About a millisecond of them. */
const TICKS_PER_TURN = 256;

/** The executor of all promises of sends: one function instead of a closure for each. */
let lastResolve: Resolve;
const capture = (resolve: Resolve) => {
  lastResolve = resolve;
};

export class Accumulator {
  readonly builders: BuilderPool;
  readonly window: PushWindow;
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #batchBytes: number;
  readonly #failed: (error: unknown) => void;
  /** With what is not sealed yet, in the order of opening. */
  readonly #open = new Set<OpenBatch>();
  /** Sealed, and not acknowledged yet. */
  readonly #pending = new Set<Pending>();
  #endOfTick = false;
  #ticksSinceTurn = 0;
  /** By the last record. */
  #takenBytes = 0;

  constructor(options: AccumulatorOptions) {
    this.builders = new BuilderPool(options.native);
    this.#clock = options.clock;
    this.#lingerMs = options.lingerMs;
    this.#batchBytes = options.batchBytes;
    this.#failed = options.failed;
    this.window = new PushWindow({
      limit: options.bufferMemory,
      sealAll: () => this.sealAll(),
      failed: options.pushFailed,
    });
  }

  /** Takes what the encoder holds. Throws when no batch could hold it; all other failures reject the promise. */
  add(topic: BatchTopic, record: RecordEncoder): Promise<RecordMetadata> {
    const batch = this.#take(topic, record);
    if (!batch.isScheduled) this.#schedule(batch);
    const { partition, timestamp } = record;
    batch.metadata.push({ topic: topic.name, partition, offset: batch.builder.recordCount - 1, timestamp });
    const promise = new Promise<RecordMetadata>(capture);
    batch.resolves.push(lastResolve);
    if (batch.builder.sizeInBytes >= this.#batchBytes) this.seal(batch);
    return promise;
  }

  /**
   * The same without a promise. False when the caller should wait until the window has drained. What is held is stored when the
   * batch is full or somebody seals it: nobody waits for it before.
   */
  push(topic: BatchTopic, record: RecordEncoder, isHeld = false): boolean {
    const batch = this.#take(topic, record);
    if (!isHeld && !batch.isScheduled) this.#schedule(batch);
    batch.pushedBytes += this.#takenBytes;
    this.window.add(this.#takenBytes);
    if (batch.builder.sizeInBytes >= this.#batchBytes) this.seal(batch);
    return this.window.hasRoom;
  }

  /** The record in a batch of its own, which the caller appends. Throws when no batch could hold it. */
  encodeAlone(topic: BatchTopic, record: RecordEncoder): BatchBuilder {
    if (upperBoundOf(record) + HEADER_BYTES > topic.maxMessageBytes) checkRecordSize(record, topic);
    const builder = this.builders.take();
    builder.append(record.key, record.value, record.headers, record.timestamp);
    return builder;
  }

  /** Seals the open batch of a partition, if there is one: what was sent before must come before. */
  sealPartition(topic: BatchTopic, partition: number): void {
    const batch = topic.open[partition];
    if (batch !== undefined) this.seal(batch);
  }

  sealAll(): void {
    for (const batch of this.#open) this.seal(batch);
  }

  seal(batch: OpenBatch): void {
    const { topic, partition } = batch;
    topic.open[partition] = undefined;
    this.#open.delete(batch);
    batch.stopLinger?.();
    topic.partitioning.sealed(partition, topic.partitionCount);
    let appended: Promise<unknown> | undefined;
    try {
      appended = topic.whenOpen([partition], () => this.#append(batch));
    } catch (error) {
      this.#fail(batch, error);
      return;
    }
    if (appended === undefined || this.#pending.has(batch)) return;
    this.#pending.add(batch);
    batch.done = appended.then(
      () => {},
      (error) => this.#fail(batch, error),
    );
  }

  /** Resolves when everything that was sent before is settled, one way or the other. */
  async flush(): Promise<void> {
    this.sealAll();
    await Promise.all(Array.from(this.#pending, (pending) => pending.done));
  }

  /** Work of a kind of its own that `flush` waits for too, and `abort` ends. */
  track<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#pending.delete(pending);
        settle();
      };
      const done = work.then(
        (result) => finish(() => resolve(result)),
        (error) => {
          this.#failed(error);
          finish(() => reject(error));
        },
      );
      const pending: Pending = { done, reject };
      this.#pending.add(pending);
    });
  }

  /** Where batches are open. */
  openPartitions(): Partition[] {
    return Array.from(this.#open).flatMap(({ topic, partition }) => topic.partitions[partition] ?? []);
  }

  /** Rejects what is not sealed: it never reaches the log. */
  drop(error: unknown): void {
    for (const batch of this.#open) {
      batch.topic.open[batch.partition] = undefined;
      batch.stopLinger?.();
      this.#fail(batch, error);
    }
    this.#open.clear();
  }

  /** Rejects all sends that are not settled. What is sealed may still reach the log. */
  abort(error: unknown): void {
    this.window.abort(error);
    this.drop(error);
    for (const pending of this.#pending) pending.reject(error);
    this.#pending.clear();
  }

  /** Puts what the encoder holds into the open batch of its partition. */
  #take(topic: BatchTopic, record: RecordEncoder): OpenBatch {
    const { partition } = record;
    const bound = upperBoundOf(record);
    let batch = topic.open[partition];
    if (batch !== undefined && !this.#fits(batch, bound, record)) {
      this.seal(batch);
      batch = undefined;
    }
    if (bound + HEADER_BYTES > topic.maxMessageBytes) checkRecordSize(record, topic);
    batch ??= this.#openBatch(topic, partition);
    const { builder } = batch;
    const before = builder.sizeInBytes;
    builder.append(record.key, record.value, record.headers, record.timestamp);
    this.#takenBytes = builder.sizeInBytes - before;
    return batch;
  }

  #fits(batch: OpenBatch, bound: number, record: RecordEncoder): boolean {
    const room = Math.min(this.#batchBytes, batch.topic.maxMessageBytes) - batch.builder.sizeInBytes;
    // Ten bytes for deltas larger than those of a first record.
    return bound <= room || sizeOfRecord(record) + 10 <= room;
  }

  #openBatch(topic: BatchTopic, partition: number): OpenBatch {
    const batch = new OpenBatch(topic, partition, this.builders.take(), this.window);
    topic.open[partition] = batch;
    this.#open.add(batch);
    return batch;
  }

  #schedule(batch: OpenBatch): void {
    batch.isScheduled = true;
    if (this.#lingerMs === 0) this.#sealAtEndOfTick();
    else this.#sealLater(batch);
  }

  /** A loop of awaited sends runs from one microtask to the next: once in a while timers and I/O must have their turn. */
  #sealAtEndOfTick(): void {
    if (this.#endOfTick) return;
    this.#endOfTick = true;
    const sealNow = () => {
      this.#endOfTick = false;
      for (const batch of this.#open) if (batch.isScheduled) this.seal(batch);
    };
    if (++this.#ticksSinceTurn < TICKS_PER_TURN) {
      queueMicrotask(sealNow);
    } else {
      this.#ticksSinceTurn = 0;
      setImmediate(sealNow);
    }
  }

  #sealLater(batch: OpenBatch): void {
    holdProcess();
    const cancel = this.#clock.schedule(this.#lingerMs, () => this.seal(batch));
    batch.stopLinger = () => {
      cancel();
      releaseProcess();
    };
  }

  /** Undefined when it is settled; else what settles it. */
  #append(batch: OpenBatch): Promise<void> | undefined {
    const { topic, partition, builder } = batch;
    if (batch.isSettled) return undefined;
    let acknowledged: Promise<void> | undefined;
    let baseOffset: number;
    try {
      const now = this.#clock.now();
      const sealed = topic.seal(partition, builder, now);
      baseOffset = topic.append(partition, sealed, now);
      batch.placed(baseOffset, sealed);
      acknowledged = topic.partition(partition).acknowledged(baseOffset + sealed.recordCount);
    } catch (error) {
      this.#fail(batch, error);
      return undefined;
    }
    this.builders.give(builder);
    if (acknowledged === undefined) {
      this.#settle(batch);
      return undefined;
    }
    this.#pending.add(batch);
    batch.done = acknowledged.then(
      () => this.#settle(batch),
      (error) => this.#fail(batch, error),
    );
    return batch.done;
  }

  #settle(batch: OpenBatch): void {
    this.#pending.delete(batch);
    batch.settle();
  }

  #fail(batch: OpenBatch, error: unknown): void {
    this.#pending.delete(batch);
    if (!batch.isSettled) this.#failed(error);
    batch.reject(error);
  }
}
