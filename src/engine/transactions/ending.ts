/**
 * How a transaction ends, in this order:
 *
 *   records synced (at "power") → PrepareCommit or PrepareAbort in the state log: it is decided → a marker in every
 *   partition → CompleteCommit or CompleteAbort in the state log
 *
 * At "process" all of that happens before the call returns. Once it is decided nothing that fails can undo it: the markers
 * that are missing are tried again every second.
 */
import type { TransactionOutcome } from "../../format/transaction-marker.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Partition } from "../partition.ts";
import { OFFSETS_TOPIC } from "../topic.ts";
import { Deadlines } from "./deadlines.ts";
import { appendMarker, flushAll } from "./markers.ts";
import type { StateLog } from "./state-log.ts";
import { completed, decided, prepared } from "./states.ts";
import { isPower, type ProducerIdentity, type Transaction, type TransactionSnapshot } from "./transaction.ts";

export interface EndingHost {
  readonly clock: Clock;
  /** A marker was appended to a partition of `__consumer_offsets`. */
  offsetsEnded(partition: Partition, producerId: number, isCommit: boolean): void;
  warn(message: string): void;
}

const RETRY_MS = 1000;

export class Ending {
  readonly #host: EndingHost;
  readonly #log: StateLog;
  readonly #deadlines: Deadlines;

  constructor(host: EndingHost, log: StateLog) {
    this.#host = host;
    this.#log = log;
    this.#deadlines = new Deadlines(host.clock, (transaction) => this.#overdue(transaction));
  }

  /** Those that have partitions. */
  get active(): readonly Transaction[] {
    return this.#deadlines.all;
  }

  get activeCount(): number {
    return this.#deadlines.size;
  }

  /** The transaction is open, and aborted unless it ends in time. */
  begun(transaction: Transaction, remainingMs: number): void {
    this.#deadlines.set(transaction, remainingMs);
  }

  close(): void {
    this.#deadlines.close();
  }

  /** Undefined when that is done: the transaction has become `changes`. Else a sync must pass first. */
  write(transaction: Transaction, changes: Partial<TransactionSnapshot>): Promise<void> | undefined {
    const next = transaction.with(changes);
    const nextOffset = this.#log.append(transaction, next);
    const { home } = transaction;
    const durable = isPower(next.partitions) ? home.flush() : home.acknowledged(nextOffset);
    if (durable !== undefined) return durable.then(() => transaction.become(next));
    transaction.become(next);
    return undefined;
  }

  async end(
    transaction: Transaction,
    outcome: TransactionOutcome,
    producerEpoch = transaction.producerEpoch,
  ): Promise<void> {
    const { isPower, partitions } = transaction;
    const state = prepared(outcome);
    transaction.begin(state);
    try {
      if (isPower && outcome === "commit") await flushAll(partitions);
      const wait = this.write(transaction, { state, producerEpoch, lastUpdateTimestamp: this.#host.clock.now() });
      if (wait) await wait;
      transaction.unmarked = [...partitions];
      const completing = this.#complete(transaction);
      if (isPower) await completing;
    } finally {
      transaction.settle();
    }
  }

  /** Aborts what is open, under an epoch that nobody has: its producer is fenced. */
  fence(transaction: Transaction): Promise<void> {
    return this.end(transaction, "abort", transaction.producerEpoch + 1);
  }

  /** Ends what is decided, where somebody did not get to it. */
  async complete(transaction: Transaction): Promise<void> {
    try {
      await this.#complete(transaction);
    } finally {
      transaction.settle();
    }
  }

  mark(partition: Partition, producer: ProducerIdentity, outcome: TransactionOutcome): void {
    if (partition.topic.isDeleted) return;
    appendMarker(partition, producer, outcome, this.#host.clock.now());
    if (partition.topic.name !== OFFSETS_TOPIC) return;
    this.#host.offsetsEnded(partition, producer.producerId, outcome === "commit");
  }

  /** Writes the markers that are missing. It does not reject. At "process" it waits for nothing. */
  async #complete(transaction: Transaction): Promise<void> {
    const { isPower } = transaction;
    const outcome = decided(transaction.state)!;
    const state = completed(outcome);
    transaction.begin(state);
    try {
      this.#markAll(transaction, outcome);
      // Were the record below durable before the markers, nobody would write again what of them a power cut has taken.
      if (isPower) await flushAll(transaction.partitions);
      const next = transaction.with({ state, lastUpdateTimestamp: this.#host.clock.now() });
      this.#log.append(transaction, next);
      transaction.become(next);
      transaction.failure = undefined;
      this.#deadlines.delete(transaction);
    } catch (error) {
      this.#failed(transaction, error);
    }
  }

  /** A partition that takes no marker does not keep the others from it. */
  #markAll(transaction: Transaction, outcome: TransactionOutcome): void {
    const { unmarked } = transaction;
    const failures: unknown[] = [];
    transaction.unmarked = [];
    for (const partition of unmarked) {
      try {
        this.mark(partition, transaction, outcome);
      } catch (error) {
        failures.push(error);
        transaction.unmarked.push(partition);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Too old, or decided and not complete. */
  #overdue(transaction: Transaction): void {
    // Should this not end it, somebody looks again.
    this.#deadlines.set(transaction, RETRY_MS);
    if (transaction.pending !== undefined) return;
    const isOngoing = transaction.state === "Ongoing";
    if (isOngoing) this.#host.warn(`the transaction of ${transaction.id} is aborted: it took longer than its timeout`);
    const ending = isOngoing ? this.fence(transaction) : this.complete(transaction);
    ending.catch((error) => this.#failed(transaction, error));
  }

  #failed(transaction: Transaction, error: unknown): void {
    const { id, state, failure } = transaction;
    const isNews = String(failure) !== String(error);
    if (isNews) this.#host.warn(`the transaction of ${id} (${state}) goes no further: ${error}`);
    transaction.failure = error;
    this.#deadlines.set(transaction, RETRY_MS);
  }
}
