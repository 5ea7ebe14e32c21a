/**
 * The transactions of one producer, one after the other: the client's side of engine/transactions/coordinator.ts.
 *
 *   identity     taken when the producer is made, so that what its predecessor left open is aborted at once; under it the
 *                batches are written
 *   partitions   join the transaction before their first batch; those asked for together join together
 *   commit       records stored → offsets committed → end; what fails on the way aborts
 *
 * A producer whose id was taken over is fenced: every call says so. One whose transaction took too long goes on with the next.
 */

import type { GroupCoordinator } from "../engine/groups/coordinator.ts";
import type { Partition } from "../engine/partition.ts";
import type {
  ProducerIdentity as TransactionalIdentity,
  TransactionCoordinator,
} from "../engine/transactions/coordinator.ts";
import { hasCode, VarveError } from "../errors.ts";
import type { Clock } from "../storage/clock.ts";
import type { ProducerIdentity } from "./producer-identity.ts";
import type { ProducerRecord, TopicReference } from "./producer-record.ts";
import { Transaction, type TransactionHost } from "./transaction.ts";

export interface ProducerTransactionsOptions {
  transactionalId: string;
  timeoutMs: number;
  coordinator: TransactionCoordinator;
  groups: GroupCoordinator;
  clock: Clock;
  warn(message: string): void;
  push(topic: TopicReference<never>, record: ProducerRecord<never>): void;
  /** Where batches are open. */
  openPartitions(): Partition[];
  /** Resolves when everything that was sent is settled. */
  flush(): Promise<void>;
  /** Rejects what is not sealed. */
  drop(error: VarveError): void;
}

const RETRY_MS = 20;
const NO_PRODUCER_ID = -1;

export class ProducerTransactions implements ProducerIdentity, TransactionHost {
  producerId = NO_PRODUCER_ID;
  producerEpoch = -1;
  readonly isTransactional = true;
  readonly #options: ProducerTransactionsOptions;
  #current: Transaction | undefined;
  /** In the transaction. */
  readonly #joined = new Set<Partition>();
  /** The coordinator may have something to end; it has, for certain. */
  #hasBegun = false;
  #isOngoing = false;
  /** The end that is under way. */
  #ending: Promise<void> | undefined;
  readonly #wanted = new Set<Partition>();
  #joining: Promise<void> | undefined;
  #isInitialized = false;
  #initializing: Promise<void> | undefined;
  #fenced: VarveError | undefined;

  constructor(options: ProducerTransactionsOptions) {
    this.#options = options;
    // Whoever begins a transaction hears of it.
    this.#initialize().catch(() => {});
  }

  get hasOpen(): boolean {
    return this.#current?.isOpen ?? false;
  }

  async begin(): Promise<Transaction> {
    if (this.#current !== undefined) {
      const message = "a transaction of this producer is open: a producer has one at a time";
      throw new VarveError("VARVE_TRANSACTION_STATE", message);
    }
    const transaction = new Transaction(this);
    this.#current = transaction;
    try {
      await this.#initialize();
    } catch (error) {
      this.#current = undefined;
      throw error;
    }
    return transaction;
  }

  /** Throws unless a transaction is open. */
  checkOpen(): void {
    if (this.hasOpen && this.#isInitialized) return;
    const message = "a producer with a transactionalId sends in transactions: see producer.transaction()";
    throw new VarveError("VARVE_TRANSACTION_STATE", message);
  }

  /** Something that was sent could not be stored. */
  fail(error: unknown): void {
    this.#current?.fail(error);
  }

  /** Aborts what is open. What is being ended is waited for: who ends it hears how that went. */
  async close(): Promise<void> {
    if (this.#current?.isOpen) await this.#current.abort();
    else await this.#ending?.catch(() => {});
  }

  // ---- for the transaction

  push(topic: TopicReference<never>, record: ProducerRecord<never>): void {
    this.#options.push(topic, record);
  }

  commit(transaction: Transaction): Promise<void> {
    this.#ending = this.#commit(transaction);
    return this.#ending;
  }

  abort(): Promise<void> {
    this.#ending = this.#rollBack().finally(() => this.#over());
    return this.#ending;
  }

  // ---- as the identity of batches

  isReady(partition: Partition): boolean {
    return this.#joined.has(partition);
  }

  ready(partition: Partition): Promise<void> {
    return this.#join([partition]);
  }

  /** Where the coordinator need not wait for a sync, the partition is in when the call returns. */
  readyNow(partition: Partition): void {
    if (this.#joined.has(partition) || this.#joining !== undefined || !partition.isReady) return;
    this.#hasBegun = true;
    const { transactionalId, coordinator } = this.#options;
    coordinator.addPartitions(transactionalId, this.#identity, [placeOf(partition)]).catch((error) => this.fail(error));
    try {
      coordinator.checkAppend(partition, this.producerId, this.producerEpoch);
      this.#isOngoing = true;
      this.#joined.add(partition);
    } catch (error) {
      if (!hasCode(error, "VARVE_TRANSACTION_STATE")) throw error;
    }
  }

  /** The coordinator decides about epochs: the transaction is aborted, and the next one begins anew. */
  renew(): void {
    this.#isInitialized = false;
  }

  // ---- inside

  get #identity(): TransactionalIdentity {
    return { producerId: this.producerId, producerEpoch: this.producerEpoch };
  }

  #initialize(): Promise<void> {
    if (this.#fenced !== undefined) return Promise.reject(this.#fenced);
    if (this.#isInitialized) return Promise.resolve();
    this.#initializing ??= this.#takeIdentity().finally(() => {
      this.#initializing = undefined;
    });
    return this.#initializing;
  }

  async #takeIdentity(): Promise<void> {
    const { transactionalId, timeoutMs, coordinator } = this.#options;
    const known = this.producerId === NO_PRODUCER_ID ? undefined : this.#identity;
    try {
      const identity = await this.#patiently(() => coordinator.initProducerId(transactionalId, timeoutMs, known));
      this.producerId = identity.producerId;
      this.producerEpoch = identity.producerEpoch;
      this.#isInitialized = true;
    } catch (error) {
      if (known !== undefined && hasCode(error, "VARVE_FENCED")) this.#fenced = error;
      throw error;
    }
  }

  async #join(partitions: Iterable<Partition>): Promise<void> {
    for (const partition of partitions) if (!this.#joined.has(partition)) this.#wanted.add(partition);
    if (this.#wanted.size === 0 && this.#joining === undefined) return;
    this.#joining ??= this.#joinWanted().finally(() => {
      this.#joining = undefined;
      this.#wanted.clear();
    });
    await this.#joining;
  }

  async #joinWanted(): Promise<void> {
    const { transactionalId, coordinator } = this.#options;
    // Those that are asked for in this tick come along.
    await Promise.resolve();
    while (this.#wanted.size > 0) {
      const partitions = [...this.#wanted];
      this.#wanted.clear();
      this.#hasBegun = true;
      const places = partitions.map(placeOf);
      await this.#patiently(() => coordinator.addPartitions(transactionalId, this.#identity, places));
      this.#isOngoing = true;
      for (const partition of partitions) this.#joined.add(partition);
    }
  }

  async #commit(transaction: Transaction): Promise<void> {
    const { transactionalId, coordinator } = this.#options;
    try {
      await this.#store();
      transaction.throwFailure();
      await this.#commitOffsets(transaction);
      if (this.#hasBegun) await this.#patiently(() => coordinator.end(transactionalId, this.#identity, "commit"));
    } catch (error) {
      const reason = this.#explained(error);
      await this.#rollBack().catch((failed) => this.#warnUnended(failed));
      throw reason;
    } finally {
      this.#over();
    }
    for (const { committed } of transaction.offsets) committed();
  }

  /** Everything that was sent is in the log afterwards, or has failed. */
  async #store(): Promise<void> {
    const { openPartitions, flush } = this.#options;
    const open = openPartitions();
    if (open.some((partition) => !this.#joined.has(partition)))
      await this.#join(open).catch((error) => this.fail(error));
    await flush();
  }

  async #commitOffsets({ offsets }: Transaction): Promise<void> {
    const { transactionalId, coordinator, groups } = this.#options;
    for (const { member, entries } of offsets) {
      if (entries.length === 0) continue;
      const { groupId: group, memberId, generationId: generation, groupInstanceId } = member;
      this.#hasBegun = true;
      await this.#patiently(() => coordinator.addOffsets(transactionalId, this.#identity, group));
      this.#isOngoing = true;
      const who = { memberId, generation, groupInstanceId };
      await groups.commitInTransaction(transactionalId, this.#identity, group, entries, who);
    }
  }

  /** Drops what is not stored, and aborts what is. */
  async #rollBack(): Promise<void> {
    const { transactionalId, coordinator, flush, drop } = this.#options;
    drop(new VarveError("VARVE_TRANSACTION_STATE", "the transaction was aborted"));
    await flush();
    if (!this.#hasBegun || !this.#isInitialized || this.#fenced) return;
    try {
      await this.#patiently(() => coordinator.end(transactionalId, this.#identity, "abort"));
    } catch (error) {
      const reason = this.#explained(error);
      // Whatever is open now, the next initialization ends it. That it took too long has ended it already.
      this.#isInitialized = false;
      if (!hasCode(reason, "VARVE_TIMEOUT")) throw reason;
    }
  }

  #over(): void {
    this.#joined.clear();
    this.#hasBegun = false;
    this.#isOngoing = false;
    this.#ending = undefined;
    this.#current = undefined;
  }

  /**
   * What an error means to this producer. Where the coordinator has raised the epoch by one while the transaction was open, that took
   * too long and was aborted: whoever takes the id over raises it once more. Then this producer is fenced for good.
   */
  #explained(error: unknown): unknown {
    if (!hasCode(error, "VARVE_FENCED", "VARVE_UNKNOWN_PRODUCER")) return error;
    const { transactionalId, timeoutMs, coordinator } = this.#options;
    const now = coordinator.describe(transactionalId);
    // It is the group that has gone on, not the id.
    if (now?.producerId === this.producerId && now.producerEpoch === this.producerEpoch) return error;
    this.#isInitialized = false;
    if (now?.producerId === this.producerId && now.producerEpoch === this.producerEpoch + 1 && this.#isOngoing) {
      this.producerEpoch = now.producerEpoch;
      const message = `the transaction took longer than transactionTimeoutMs, ${timeoutMs} ms, and was aborted`;
      return new VarveError("VARVE_TIMEOUT", message, { cause: error });
    }
    // Forgotten for want of use: there is nobody else.
    if (now === undefined) this.producerId = NO_PRODUCER_ID;
    else this.#fenced = error;
    return error;
  }

  /** While the transaction before is still being ended, the coordinator asks to come again. */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    const end = clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const isBusy = hasCode(error, "VARVE_TRANSACTION_STATE") && error.retriable;
        if (!isBusy || clock.monotonic() >= end) throw error;
        await new Promise<void>((resolve) => clock.schedule(RETRY_MS, resolve));
      }
    }
  }

  #warnUnended(error: unknown): void {
    const { transactionalId, warn } = this.#options;
    warn(
      `the transaction of ${JSON.stringify(transactionalId)} could not be aborted, and waits for its timeout: ${error}`,
    );
  }
}

function placeOf({ topic, index }: Partition): { topic: string; partition: number } {
  return { topic: topic.name, partition: index };
}
