/**
 * One topic as one producer sees it: how values are encoded, where records go, the batches that are open for it, and how far the
 * producer's sequence has come in each partition. A batch that could not be appended leaves no gap in it.
 */
import type { Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import { hasCode, VarveError } from "../errors.ts";
import { lastSequence, NO_SEQUENCE, type TimestampType } from "../format/batch.ts";
import type { BatchBuilder, SealedBatch } from "../format/batch-builder.ts";
import type { Compression } from "../format/compression.ts";
import type { BatchTopic, OpenBatch } from "./open-batch.ts";
import { type Partitioner, Partitioning } from "./partitioner.ts";
import type { ProducerIdentity } from "./producer-identity.ts";
import type { EncodeTarget } from "./record-encoder.ts";
import { seal } from "./sealing.ts";
import type { Serde } from "./serde.ts";

export interface ProducerTopicOptions {
  serde: Serde;
  partitioner: Partitioner | undefined;
  compression: Compression;
  identity: ProducerIdentity;
}

export class ProducerTopic implements EncodeTarget, BatchTopic {
  readonly topic: Topic;
  readonly name: string;
  readonly serde: Serde;
  readonly partitioning: Partitioning;
  /** By partition. */
  readonly open: (OpenBatch | undefined)[] = [];
  readonly #compression: Compression;
  readonly #identity: ProducerIdentity;
  /** Of the next batch, by partition, under the epoch that they are of. */
  #sequences: number[] = [];
  #sequencesOf = -1;
  /** By partition, the last call that waits for its log to be opened. */
  readonly #turns = new Map<number, Promise<void>>();

  constructor(topic: Topic, { serde, partitioner, compression, identity }: ProducerTopicOptions) {
    this.topic = topic;
    this.name = topic.name;
    this.serde = serde;
    this.partitioning = new Partitioning(partitioner);
    this.#compression = compression;
    this.#identity = identity;
  }

  get partitionCount(): number {
    return this.topic.partitionCount;
  }

  get partitions(): readonly (Partition | undefined)[] {
    return this.topic.partitions;
  }

  get maxMessageBytes(): number {
    return this.topic.config.maxMessageBytes;
  }

  get compression(): Compression {
    const { compression } = this.topic.config;
    return compression === "producer" ? this.#compression : compression;
  }

  get timestampType(): TimestampType {
    return this.topic.config.messageTimestampType;
  }

  partition(index: number): Partition {
    this.#check();
    return this.topic.partition(index);
  }

  /** The next batch of the partition, ready to be appended. Throws when it is larger than the topic allows. */
  seal(index: number, builder: BatchBuilder, now: number): SealedBatch {
    const identity = this.#identity;
    const baseSequence = identity.producerId < 0 ? NO_SEQUENCE : this.#sequenceOf(index);
    return seal(builder, this, now, identity, baseSequence);
  }

  /** Returns its base offset. */
  append(index: number, sealed: SealedBatch, now: number): number {
    const baseOffset = this.#append(index, sealed, now);
    if (this.#identity.producerId >= 0) {
      this.#sequences[index] = lastSequence(this.#sequenceOf(index), sealed.recordCount);
    }
    return baseOffset;
  }

  /** For a call that cannot wait until the log is open. */
  partitionNow(index: number): Partition {
    const partition = this.partition(index);
    this.#identity.readyNow(partition);
    const isIn = !this.#identity.isTransactional || this.#identity.isReady(partition);
    if (partition.isReady && isIn && !this.#turns.has(index)) return partition;
    throw new VarveError(
      "VARVE_INVALID_ARGUMENT",
      `${this.name}-${index} is not open yet, and appendSync cannot wait for it: await topic.describe() once, or use send`,
      { topic: this.name, partition: index },
    );
  }

  /**
   * Runs the work when these partitions are open: now, if they are, else in the order of the calls. What follows a call
   * that waits has to wait too, or it would overtake.
   */
  whenOpen<T>(partitions: readonly number[], work: () => T): T | Promise<T> {
    this.#check();
    if (partitions.every((partition) => this.#canRunNow(partition))) return work();
    const turn = Promise.all(partitions.map((partition) => this.#open(partition))).then(work);
    const settled: Promise<void> = turn.then(nothing, nothing).then(() => {
      for (const partition of partitions) if (this.#turns.get(partition) === settled) this.#turns.delete(partition);
    });
    for (const partition of partitions) this.#turns.set(partition, settled);
    return turn;
  }

  #canRunNow(index: number): boolean {
    const partition = this.topic.partition(index);
    return partition.isReady && this.#identity.isReady(partition) && !this.#turns.has(index);
  }

  async #open(index: number): Promise<void> {
    await this.#turns.get(index);
    const partition = this.partition(index);
    await partition.ready();
    await this.#identity.ready(partition);
  }

  #sequenceOf(index: number): number {
    const { producerEpoch } = this.#identity;
    if (producerEpoch !== this.#sequencesOf) {
      this.#sequences = [];
      this.#sequencesOf = producerEpoch;
    }
    return this.#sequences[index] ?? 0;
  }

  #append(index: number, sealed: SealedBatch, now: number): number {
    try {
      return this.partition(index).append(sealed, now);
    } catch (error) {
      if (hasCode(error, "VARVE_OUT_OF_SEQUENCE")) this.#identity.renew();
      throw error;
    }
  }

  #check(): void {
    if (!this.topic.isDeleted) return;
    throw new VarveError("VARVE_UNKNOWN_TOPIC", `the topic ${this.name} has been deleted`, { topic: this.name });
  }
}

function nothing(): void {}
