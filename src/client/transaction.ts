/**
 * A transaction as an application holds it. What is sent in it reaches its readers as a whole, once it is committed, or never:
 * those who read committed records (the default) see neither an open nor an aborted one.
 */
import type { MemberOfGroup } from "../engine/groups/requests.ts";
import type { OffsetCommit } from "../engine/offsets.ts";
import { VarveError } from "../errors.ts";
import type { ProducerRecord, TopicReference } from "./producer-record.ts";

/** How far a consumer has come: what a transaction commits for it. */
export interface OffsetsInHand {
  /** As which member of which group, at the time. */
  member: MemberOfGroup;
  entries: OffsetCommit[];
  /** They count now. */
  committed(): void;
}

/** A consumer of a group, made with `autoCommit: false`. */
export interface OffsetsSource {
  /** @internal */
  offsetsInHand(): OffsetsInHand;
}

/** What a transaction asks of its producer. */
export interface TransactionHost {
  push(topic: TopicReference<never>, record: ProducerRecord<never>): void;
  commit(transaction: Transaction): Promise<void>;
  abort(): Promise<void>;
}

/** What is sent in it is seen by readers once it is committed, as a whole, or never. */
export class Transaction {
  readonly #host: TransactionHost;
  readonly #offsets: OffsetsInHand[] = [];
  #state: "open" | "ending" | "over" = "open";
  #failure: { error: unknown } | undefined;

  /** Transactions are begun by `producer.transaction()` and `producer.begin()`. @internal */
  constructor(host: TransactionHost) {
    this.#host = host;
  }

  /** Stores a record, by the commit at the latest. What goes wrong with it rejects the commit. */
  send<V>(topic: TopicReference<V>, record: ProducerRecord<V>): void {
    this.#checkOpen();
    this.#host.push(topic as TopicReference<never>, record as ProducerRecord<never>);
  }

  /**
   * Commits, together with what is sent, what the consumer has handed out so far: `consumer.commit()` as part of the transaction.
   * It is made with `autoCommit: false`. Should its group have gone on without it by then, the commit is rejected (VARVE_FENCED).
   */
  commitOffsets(consumer: OffsetsSource): void {
    this.#checkOpen();
    if (typeof consumer?.offsetsInHand !== "function")
      throw new VarveError("VARVE_INVALID_ARGUMENT", "commitOffsets: expected a consumer of a group");
    this.#offsets.push(consumer.offsetsInHand());
  }

  /** Resolves when all of it counts, or rejects: then nothing of it does, and the transaction is aborted. */
  commit(): Promise<void> {
    return this.#end(() => this.#host.commit(this));
  }

  /** Nothing of it is ever seen. */
  abort(): Promise<void> {
    return this.#end(() => this.#host.abort());
  }

  /** @internal */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** @internal */
  get offsets(): readonly OffsetsInHand[] {
    return this.#offsets;
  }

  /** A record could not be stored: it cannot be committed. @internal */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** @internal */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #end(work: () => Promise<void>): Promise<void> {
    this.#checkOpen();
    this.#state = "ending";
    try {
      await work();
    } finally {
      this.#state = "over";
    }
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    const what = this.#state === "ending" ? "is being ended" : "is over";
    throw new VarveError("VARVE_TRANSACTION_STATE", `the transaction ${what}: it takes nothing more`);
  }
}
