/**
 * The transactions of a workload: two transactional ids, whose transactions reach over topics and groups, stay open over other
 * steps, and end either way, or are left behind by a process that dies. The producer of the next process takes the id over.
 */
import type { Engine } from "../../src/engine/engine.ts";
import { Partition } from "../../src/engine/partition.ts";
import type { ProducerIdentity } from "../../src/engine/transactions/coordinator.ts";
import { Batch } from "../../src/format/batch.ts";
import type { BatchBuilder, SealedBatch } from "../../src/format/batch-builder.ts";
import type { GroupPlace } from "./ledger.ts";
import type { Random } from "./random.ts";

const IDS = ["t", "u"];
const TIMEOUT_MS = 900_000;

/** One for all: an offset that it has committed is a part of a transaction, and of no other commit. */
export const TRANSACTIONAL_GROUP = "t";

export interface TransactionHost {
  readonly random: Random;
  readonly engine: Engine;
  anyPartition(): Partition;
  /** A batch to append, and what stands for each record in the facts. */
  build(partition: Partition): { builder: BatchBuilder; texts: string[] };
  send(partition: Partition, batch: SealedBatch, texts: string[], tx: string): void;
  /** The next offset for the group to commit; undefined when there is none. */
  nextCommit(group: string, partition: Partition): GroupPlace | undefined;
  ending(tx: string, outcome: "commit" | "abort", isPower: boolean, commits: GroupPlace[]): void;
  ended(tx: string, isPower: boolean, commits: GroupPlace[]): void;
}

interface OpenTransaction {
  name: string;
  partitions: Set<Partition>;
  commits: GroupPlace[];
}

interface Producer {
  identity: ProducerIdentity;
  sequences: Map<Partition, number>;
  open: OpenTransaction | undefined;
}

export class Transactor {
  readonly #host: TransactionHost;
  readonly #producers = new Map<string, Producer>();
  #count: number;

  /** `count` is the number of the first transaction. */
  constructor(host: TransactionHost, count: number) {
    this.#host = host;
    this.#count = count;
  }

  /** The process has died, or closed its log: its producers are no more. */
  forget(): void {
    this.#producers.clear();
  }

  async step(): Promise<void> {
    const { random, engine } = this.#host;
    const id = IDS[random.below(IDS.length)];
    const producer = this.#producers.get(id) ?? (await this.#init(id));
    producer.open ??= { name: `tx${this.#count++}`, partitions: new Set(), commits: [] };
    const { open } = producer;
    for (let left = 1 + random.below(3); left > 0; left--) await this.#send(id, producer, open);
    if (random.oneIn(3) && open.commits.length === 0) await this.#commitOffset(id, producer, open);
    if (random.oneIn(3)) return;
    producer.open = undefined;
    const outcome = random.oneIn(3) ? "abort" : "commit";
    const isPower = [...open.partitions].some(({ topic }) => topic.durability === "power" && !topic.isDeleted);
    const commits = outcome === "commit" ? open.commits : [];
    this.#host.ending(open.name, outcome, isPower, commits);
    await engine.transactions.end(id, producer.identity, outcome);
    this.#host.ended(open.name, isPower, commits);
  }

  async #init(id: string): Promise<Producer> {
    const identity = await this.#host.engine.transactions.initProducerId(id, TIMEOUT_MS);
    const producer: Producer = { identity, sequences: new Map(), open: undefined };
    this.#producers.set(id, producer);
    return producer;
  }

  async #send(id: string, { identity, sequences }: Producer, open: OpenTransaction): Promise<void> {
    const partition = this.#host.anyPartition();
    const { topic, index } = partition;
    await this.#host.engine.transactions.addPartitions(id, identity, [{ topic: topic.name, partition: index }]);
    open.partitions.add(partition);
    const { builder, texts } = this.#host.build(partition);
    const baseSequence = sequences.get(partition) ?? 0;
    this.#host.send(partition, builder.seal({ ...identity, baseSequence, isTransactional: true }), texts, open.name);
    sequences.set(partition, baseSequence + texts.length);
  }

  async #commitOffset(id: string, { identity }: Producer, open: OpenTransaction): Promise<void> {
    const { engine } = this.#host;
    const partition = this.#host.anyPartition();
    const commit = this.#host.nextCommit(TRANSACTIONAL_GROUP, partition);
    if (commit === undefined) return;
    await engine.transactions.addOffsets(id, identity, TRANSACTIONAL_GROUP);
    open.partitions.add(await engine.offsets.partitionOf(TRANSACTIONAL_GROUP));
    const entry = { topic: partition.topic.name, partition: partition.index, offset: commit.offset };
    await engine.coordinator.commitInTransaction(id, identity, TRANSACTIONAL_GROUP, [entry]);
    open.commits.push(commit);
  }
}

/** Calls `around` for each marker that a coordinator appends; the returned call ends that. */
export function watchMarkers(
  around: (partition: Partition, marker: Batch, append: () => number) => number,
): () => void {
  const { appendMarker } = Partition.prototype;
  Partition.prototype.appendMarker = function (this: Partition, batch: SealedBatch): number {
    return around(this, new Batch(batch.bytes, batch.start), () => appendMarker.call(this, batch));
  };
  return () => {
    Partition.prototype.appendMarker = appendMarker;
  };
}
