/**
 * The transaction coordinator: Kafka's, for producers of the wire and of this process alike. It knows who owns a
 * transactional id, which partitions the transaction of that one reaches into, and how it ends.
 *
 * `end` resolves once the transaction has ended: see ending.ts. Should a marker fail after the decision, for want of room
 * perhaps, it resolves all the same, for the decision stands; the id is busy until the marker is written. Whoever dies on the
 * way leaves what the next open completes (`recover`).
 *
 * Transactions that are open when the log closes stay open, as in Kafka: their producer may come back before their time is
 * up, and is else aborted.
 */
import { VarveError } from "../../errors.ts";
import type { TransactionOutcome } from "../../format/transaction-marker.ts";
import type { Partition } from "../partition.ts";
import { OFFSETS_TOPIC, type Topic, TRANSACTIONS_TOPIC } from "../topic.ts";
import { checkKnown, checkState, checkTimeout, concurrent, unknownProducer } from "./checks.ts";
import { catchUp, isMarked } from "./crashed.ts";
import {
  describeTransaction,
  listTransaction,
  matches,
  type TransactionDescription,
  type TransactionFilter,
  type TransactionListing,
} from "./describing.ts";
import { Ending, type EndingHost } from "./ending.ts";
import { StateLog, type StateLogHost } from "./state-log.ts";
import { decided, isActive } from "./states.ts";
import { NO_EPOCH, NO_TIMESTAMP, type ProducerIdentity, Transaction } from "./transaction.ts";

export type { TransactionDescription, TransactionFilter, TransactionListing } from "./describing.ts";
export type { ProducerIdentity } from "./transaction.ts";

/** What the coordinator asks of the data directory. */
export interface TransactionsHost extends StateLogHost, EndingHost {
  readonly readOnly: boolean;
  readonly topics: ReadonlyMap<string, Topic>;
  readonly options: { readonly transactionMaxTimeoutMs: number; readonly transactionalIdExpirationMs: number };
  partitions(): Iterable<Partition>;
  nextProducerId(): Promise<number>;
  /** The partition of `__consumer_offsets` that holds the group, open and read. */
  offsetsPartition(group: string): Promise<Partition>;
  loadOffsets(): Promise<void>;
}

export interface TopicPartition {
  topic: string;
  partition: number;
}

const NO_PREVIOUS: ProducerIdentity = { producerId: -1, producerEpoch: NO_EPOCH };

/** `engine.transactions`. */
export class TransactionCoordinator {
  readonly #host: TransactionsHost;
  readonly #log: StateLog;
  readonly #ending: Ending;
  readonly #byId = new Map<string, Transaction>();
  readonly #byProducer = new Map<number, Transaction>();
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #isClosed = false;

  constructor(host: TransactionsHost) {
    this.#host = host;
    this.#log = new StateLog(host);
    this.#ending = new Ending(host, this.#log);
  }

  /** Reads the state log. An open that may write does so by `recover`. */
  ready(): Promise<void> {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /**
   * At the open: ends what was decided, and what nobody can end any more. `mayHaveLost`: the machine died. Then the state log may
   * be behind the partitions, and records of transactions that are open may be gone, so that they may not be committed.
   */
  async recover(mayHaveLost: boolean): Promise<void> {
    await this.ready();
    for (const transaction of this.#ending.active) await this.#findUnmarked(transaction);
    if (mayHaveLost) await this.#noteRisen(catchUp(this.#byProducer, this.#host.partitions()));
    for (const transaction of this.#ending.active) {
      if (decided(transaction.state) !== undefined) await this.#ending.complete(transaction);
      else if (mayHaveLost) await this.#ending.fence(transaction);
    }
    for (const partition of this.#host.partitions()) this.opened(partition);
  }

  // ---- producers

  /**
   * Gives the id to a new producer. The one before is fenced, and what it left open is aborted first. `known` is what the caller
   * believes it has (KIP-360): it goes on, unless somebody else has taken the id.
   */
  async initProducerId(
    transactionalId: string,
    timeoutMs: number,
    known?: ProducerIdentity,
  ): Promise<ProducerIdentity> {
    this.#checkWritable();
    checkTimeout(timeoutMs, this.#host.options.transactionMaxTimeoutMs);
    const transaction = await this.#findOrCreate(transactionalId);
    let expected = known;
    for (;;) {
      // Of several that wait, the first that goes on may have begun again.
      while (transaction.pending !== undefined) await transaction.settled();
      this.#checkWritable();
      const answer = expected && checkKnown(transaction, expected);
      if (answer === "again") return identityOf(transaction);
      if (!isActive(transaction.state)) break;
      if (transaction.state === "Ongoing") await this.#ending.fence(transaction);
      else await this.#ending.complete(transaction);
      if (isActive(transaction.state)) throw concurrent(transaction);
      // It was the one in force when it asked, and is fenced by nobody but itself.
      if (expected) expected = identityOf(transaction);
    }
    return this.#rise(transaction, timeoutMs, expected !== undefined);
  }

  /** The transaction begins, or grows. */
  async addPartitions(
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    this.#checkWritable();
    this.#find(transactionalId, producer);
    const resolved = partitions.map((where) => this.#partition(where));
    if (resolved.some((partition) => !partition.isReady)) await Promise.all(resolved.map((one) => one.ready()));
    await this.#add(transactionalId, producer, resolved);
  }

  /** The partition of `__consumer_offsets` that holds the group joins the transaction. */
  async addOffsets(transactionalId: string, producer: ProducerIdentity, group: string): Promise<void> {
    this.#checkWritable();
    this.#find(transactionalId, producer);
    await this.#add(transactionalId, producer, [await this.#host.offsetsPartition(group)]);
  }

  async end(transactionalId: string, producer: ProducerIdentity, outcome: TransactionOutcome): Promise<void> {
    this.#checkWritable();
    const transaction = this.#find(transactionalId, producer);
    if (checkState(transaction, outcome) === "done") return;
    await this.#ending.end(transaction, outcome);
  }

  /** Throws unless the producer is the one that has the id now. */
  checkProducer(transactionalId: string, producer: ProducerIdentity): void {
    this.#find(transactionalId, producer);
  }

  // ---- the gate that partitions ask

  /** Throws unless the producer is in a transaction that this partition belongs to. */
  checkAppend(partition: Partition, producerId: number, producerEpoch: number): void {
    const transaction = this.#byProducer.get(producerId);
    if (transaction === undefined) throw unknownProducer(producerId);
    transaction.checkEpoch(producerEpoch);
    const isOpen = transaction.state === "Ongoing" && (transaction.pending ?? "Ongoing") === "Ongoing";
    if (isOpen && transaction.partitions.has(partition)) return;
    const { topic, index } = partition;
    const why = isOpen ? "the partition was not added to it" : `it is ${transaction.pending ?? transaction.state}`;
    const message = `${topic.name}-${index} takes no records of the transaction of ${JSON.stringify(transaction.id)}: ${why}`;
    throw new VarveError("VARVE_TRANSACTION_STATE", message, { topic: topic.name, partition: index });
  }

  /** A log was opened: what is open in it, and is nobody's, would hold up its readers for ever. */
  opened(partition: Partition): void {
    if (!this.#isLoaded || this.#host.readOnly || this.#isClosed || !partition.isReady) return;
    for (const producer of partition.openTransactions) {
      const transaction = this.#byProducer.get(producer.producerId);
      if (transaction && isActive(transaction.state) && transaction.partitions.has(partition)) continue;
      const { topic, index } = partition;
      const what = `${topic.name}-${index}: a transaction of producer ${producer.producerId}, of which nobody knows,`;
      try {
        this.#ending.mark(partition, producer, "abort");
        this.#host.warn(`${what} was aborted`);
      } catch (error) {
        this.#host.warn(`${what} could not be aborted: ${error}`);
      }
    }
  }

  // ---- looking at them

  list(filter: TransactionFilter = {}): TransactionListing[] {
    const now = this.#host.clock.now();
    const found = [...this.#byId.values()].filter((transaction) => matches(transaction, filter, now));
    return found.map(listTransaction).sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
  }

  describe(transactionalId: string): TransactionDescription | undefined {
    const transaction = this.#byId.get(transactionalId);
    return transaction && describeTransaction(transaction);
  }

  /** How many are open, or decided and not complete. */
  get activeCount(): number {
    return this.#ending.activeCount;
  }

  /** Those whose markers cannot be written. */
  get stuck(): { transactionalId: string; error: unknown }[] {
    const stuck = this.#ending.active.filter(({ failure }) => failure !== undefined);
    return stuck.map(({ id: transactionalId, failure: error }) => ({ transactionalId, error }));
  }

  /** Forgets transactional ids that nobody has used for too long. */
  expire(): void {
    const { clock, options } = this.#host;
    const oldest = clock.now() - options.transactionalIdExpirationMs;
    for (const transaction of [...this.#byId.values()]) {
      if (isActive(transaction.state) || transaction.pending || transaction.lastUpdateTimestamp > oldest) continue;
      this.#log.delete(transaction);
      this.#byId.delete(transaction.id);
      this.#byProducer.delete(transaction.producerId);
    }
  }

  /** No timer is left. What is open stays open. */
  close(): void {
    this.#isClosed = true;
    this.#ending.close();
  }

  // ---- inside

  async #load(): Promise<void> {
    const { clock } = this.#host;
    for (const { transactionalId, home, value, ranges } of await this.#log.load()) {
      const { transactionStatus: state } = value;
      if (state === "Dead" || state === "PrepareEpochFence") continue;
      const transaction = new Transaction(transactionalId, home, value.producerId);
      transaction.restore(value, ranges, (topic, partition) => this.#host.topics.get(topic)?.partitions[partition]);
      this.#byId.set(transactionalId, transaction);
      this.#byProducer.set(value.producerId, transaction);
      if (!isActive(state)) continue;
      const age = Math.max(0, clock.now() - transaction.startTimestamp);
      this.#ending.begun(transaction, Math.max(0, transaction.timeoutMs - age));
    }
    this.#isLoaded = true;
  }

  /**
   * Epochs that were read from partitions are written down at once: the next open, after a death of this process alone, does not look
   * there again. Who has a decided or an open transaction is written by its end.
   */
  async #noteRisen(transactions: Iterable<Transaction>): Promise<void> {
    for (const transaction of transactions) {
      if (isActive(transaction.state)) continue;
      try {
        await this.#ending.write(transaction, { state: "Empty", startTimestamp: NO_TIMESTAMP });
      } catch (error) {
        this.#host.warn(`the epoch of the transactional id ${transaction.id} could not be written down: ${error}`);
      }
    }
  }

  /** Opens its partitions, so that their bounds are right. What cannot be opened is told elsewhere, and marked when it can. */
  async #findUnmarked(transaction: Transaction): Promise<void> {
    for (const partition of transaction.partitions) {
      await partition.ready().catch(() => {});
      if (partition.topic.name === OFFSETS_TOPIC) await this.#host.loadOffsets();
      if (!isMarked(partition, transaction)) transaction.unmarked.push(partition);
    }
  }

  async #findOrCreate(transactionalId: string): Promise<Transaction> {
    if (typeof transactionalId !== "string" || transactionalId === "") {
      throw new VarveError("VARVE_INVALID_ARGUMENT", "a transactional id must be a string that is not empty");
    }
    await this.ready();
    const known = this.#byId.get(transactionalId);
    if (known) return known;
    const home = await this.#log.homeOf(transactionalId);
    const producerId = await this.#host.nextProducerId();
    const first = this.#byId.get(transactionalId);
    if (first) return first;
    const transaction = new Transaction(transactionalId, home, producerId);
    this.#byId.set(transactionalId, transaction);
    this.#byProducer.set(producerId, transaction);
    return transaction;
  }

  /** The next epoch, or, when these are used up, a new producer id. */
  async #rise(transaction: Transaction, timeoutMs: number, isKnown: boolean): Promise<ProducerIdentity> {
    const before = identityOf(transaction);
    const next = { producerId: before.producerId, producerEpoch: before.producerEpoch + 1 };
    transaction.begin("Empty");
    try {
      if (transaction.isExhausted) {
        next.producerId = await this.#host.nextProducerId();
        next.producerEpoch = 0;
      }
      const lastUpdateTimestamp = this.#host.clock.now();
      const empty = { ...next, timeoutMs, startTimestamp: NO_TIMESTAMP, lastUpdateTimestamp };
      const wait = this.#ending.write(transaction, { ...empty, state: "Empty" });
      if (wait) await wait;
    } finally {
      transaction.settle();
    }
    transaction.previous = isKnown ? before : NO_PREVIOUS;
    this.#byProducer.delete(before.producerId);
    this.#byProducer.set(next.producerId, transaction);
    return next;
  }

  async #add(transactionalId: string, producer: ProducerIdentity, added: readonly Partition[]): Promise<void> {
    const transaction = this.#find(transactionalId, producer);
    checkState(transaction, "add");
    const isOngoing = transaction.state === "Ongoing";
    if (added.length === 0 || (isOngoing && added.every((partition) => transaction.partitions.has(partition)))) return;
    const lastUpdateTimestamp = this.#host.clock.now();
    const startTimestamp = isOngoing ? transaction.startTimestamp : lastUpdateTimestamp;
    const partitions = new Set(transaction.partitions);
    for (const partition of added) partitions.add(partition);
    transaction.begin("Ongoing");
    try {
      const wait = this.#ending.write(transaction, {
        state: "Ongoing",
        partitions,
        startTimestamp,
        lastUpdateTimestamp,
      });
      if (wait) await wait;
    } finally {
      transaction.settle();
    }
    if (isOngoing) return;
    this.#ending.begun(transaction, transaction.timeoutMs);
  }

  // ---- checks

  #find(transactionalId: string, { producerId, producerEpoch }: ProducerIdentity): Transaction {
    const transaction = this.#byId.get(transactionalId);
    if (transaction?.producerId !== producerId) throw unknownProducer(producerId, transactionalId);
    transaction.checkEpoch(producerEpoch);
    return transaction;
  }

  #partition({ topic: name, partition: index }: TopicPartition): Partition {
    const topic = this.#host.topics.get(name);
    if (!topic) throw new VarveError("VARVE_UNKNOWN_TOPIC", `there is no topic ${name}`, { topic: name });
    if (name !== TRANSACTIONS_TOPIC) return topic.partition(index);
    throw new VarveError("VARVE_INVALID_TOPIC", `${name} takes no transactions: it holds them`, { topic: name });
  }

  #checkWritable(): void {
    if (this.#isClosed) throw new VarveError("VARVE_CLOSED", "the log is closed");
    if (this.#host.readOnly) throw new VarveError("VARVE_READ_ONLY", "the log was opened read-only");
  }
}

function identityOf({ producerId, producerEpoch }: ProducerIdentity): ProducerIdentity {
  return { producerId, producerEpoch };
}
