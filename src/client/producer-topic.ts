/** One topic as one producer sees it: how values are encoded, where records go, and the batches that are open for it. */
import type { Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import type { TimestampType } from "../format/batch.ts";
import type { Compression } from "../format/compression.ts";
import type { BatchTopic, OpenBatch } from "./open-batch.ts";
import { type Partitioner, Partitioning } from "./partitioner.ts";
import type { EncodeTarget } from "./record-encoder.ts";
import type { Serde } from "./serde.ts";

export class ProducerTopic implements EncodeTarget, BatchTopic {
  readonly topic: Topic;
  readonly name: string;
  readonly serde: Serde;
  readonly partitioning: Partitioning;
  /** By partition. */
  readonly open: (OpenBatch | undefined)[] = [];
  readonly #compression: Compression;
  /** By partition, the last call that waits for its log to be opened. */
  readonly #turns = new Map<number, Promise<void>>();

  constructor(topic: Topic, serde: Serde, partitioner: Partitioner | undefined, compression: Compression) {
    this.topic = topic;
    this.name = topic.name;
    this.serde = serde;
    this.partitioning = new Partitioning(partitioner);
    this.#compression = compression;
  }

  get partitionCount(): number {
    return this.topic.partitionCount;
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

  /** For a call that cannot wait until the log is open. */
  partitionNow(index: number): Partition {
    const partition = this.partition(index);
    if (this.#canRunNow(index)) return partition;
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

  #canRunNow(partition: number): boolean {
    return this.topic.partition(partition).isReady && !this.#turns.has(partition);
  }

  async #open(partition: number): Promise<void> {
    await this.#turns.get(partition);
    await this.partition(partition).ready();
  }

  #check(): void {
    if (!this.topic.isDeleted) return;
    throw new VarveError("VARVE_UNKNOWN_TOPIC", `the topic ${this.name} has been deleted`, { topic: this.name });
  }
}

function nothing(): void {}
