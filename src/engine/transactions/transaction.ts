/** One transactional id: who its producer is, and how far its transaction has come. */
import { VarveError } from "../../errors.ts";
import { type TransactionLogValue, writeTransactionKey } from "../../format/transaction-metadata.ts";
import type { Partition } from "../partition.ts";
import { isActive, PREDECESSORS, type TransactionState } from "./states.ts";

export interface ProducerIdentity {
  producerId: number;
  producerEpoch: number;
}

/** From the first record of a transaction in a partition to its end when that was decided; the marker comes behind. */
export interface OffsetRange {
  from: number;
  to: number;
}

/** What a record of the state log says. */
export interface TransactionSnapshot extends ProducerIdentity {
  state: TransactionState;
  timeoutMs: number;
  partitions: ReadonlySet<Partition>;
  /** -1 before the first transaction. */
  startTimestamp: number;
  lastUpdateTimestamp: number;
}

export const NO_EPOCH = -1;
export const NO_TIMESTAMP = -1;
const NO_PRODUCER = -1;

/** The last epoch is kept for the coordinator itself, which fences with it: a producer that is past this one gets a new id. */
const LAST_EPOCH = 0x7fff - 1;

const NO_PARTITIONS: ReadonlySet<Partition> = new Set();

export class Transaction implements TransactionSnapshot {
  readonly id: string;
  /** Of its records. */
  readonly key: Uint8Array;
  /** The partition of the state log that they are in. */
  readonly home: Partition;
  producerId: number;
  producerEpoch = NO_EPOCH;
  timeoutMs = 0;
  state: TransactionState = "Empty";
  partitions: ReadonlySet<Partition> = NO_PARTITIONS;
  startTimestamp = NO_TIMESTAMP;
  lastUpdateTimestamp = NO_TIMESTAMP;
  /** Who was told of the identity before this one: by it a call that is made again is recognised. Not written down. */
  previous: ProducerIdentity = { producerId: NO_PRODUCER, producerEpoch: NO_EPOCH };
  /** The state that is being written; meanwhile no other call goes on. */
  pending: TransactionState | undefined;
  /** Once it is decided: those that still lack the marker. */
  unmarked: Partition[] = [];
  /** Of one that was read back, decided: between which offsets its records lie in each partition, if that is known. */
  ranges: ReadonlyMap<Partition, OffsetRange> | undefined;
  /** Why the markers could not be written. */
  failure: unknown;
  #waiters: (() => void)[] = [];

  constructor(id: string, home: Partition, producerId: number) {
    this.id = id;
    this.key = writeTransactionKey(id);
    this.home = home;
    this.producerId = producerId;
  }

  get isExhausted(): boolean {
    return this.producerEpoch >= LAST_EPOCH;
  }

  /** Whether it reaches into a partition whose acknowledged records survive the machine. */
  get isPower(): boolean {
    return isPower(this.partitions);
  }

  /** Takes what the state log has. Partitions that are no more are left out. */
  restore(
    value: TransactionLogValue,
    ranges: readonly OffsetRange[] | undefined,
    find: (topic: string, partition: number) => Partition | undefined,
  ): void {
    const named = (value.transactionPartitions ?? []).flatMap(({ topic, partitionIds }) =>
      partitionIds.map((partition) => find(topic, partition)),
    );
    this.partitions = new Set(named.filter((partition) => partition !== undefined));
    if (ranges?.length === named.length) {
      this.ranges = new Map(named.flatMap((partition, i) => (partition ? [[partition, ranges[i]]] : [])));
    }
    this.producerEpoch = value.producerEpoch;
    this.timeoutMs = value.transactionTimeoutMs;
    this.state = value.transactionStatus as TransactionState;
    this.startTimestamp = value.transactionStartTimestampMs;
    this.lastUpdateTimestamp = value.transactionLastUpdateTimestampMs;
  }

  /** The rest of `next` is as it is now. */
  with(next: Partial<TransactionSnapshot>): TransactionSnapshot {
    const { producerId, producerEpoch, state, timeoutMs, partitions, startTimestamp, lastUpdateTimestamp } = this;
    const now = { producerId, producerEpoch, state, timeoutMs, partitions, startTimestamp, lastUpdateTimestamp };
    return { ...now, ...next };
  }

  begin(state: TransactionState): void {
    this.pending = state;
  }

  /** What was begun is written. */
  become(next: TransactionSnapshot): void {
    if (!PREDECESSORS[next.state].includes(this.state)) {
      throw new Error(`the transaction of ${this.id} cannot go from ${this.state} to ${next.state}`);
    }
    this.producerId = next.producerId;
    this.producerEpoch = next.producerEpoch;
    this.timeoutMs = next.timeoutMs;
    this.state = next.state;
    this.partitions = isActive(next.state) ? next.partitions : NO_PARTITIONS;
    this.startTimestamp = next.startTimestamp;
    this.lastUpdateTimestamp = next.lastUpdateTimestamp;
  }

  /** What was begun is over, well or not. */
  settle(): void {
    this.pending = undefined;
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Resolves when what is being written is. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Throws VARVE_FENCED unless it is that one that has the id now. */
  checkEpoch(producerEpoch: number): void {
    if (producerEpoch === this.producerEpoch) return;
    const message = `the producer of ${JSON.stringify(this.id)} is fenced: its epoch is ${producerEpoch}, and the one in force is ${this.producerEpoch}`;
    throw new VarveError("VARVE_FENCED", message);
  }
}

export function isPower(partitions: Iterable<Partition>): boolean {
  for (const { topic } of partitions) if (topic.durability === "power") return true;
  return false;
}
