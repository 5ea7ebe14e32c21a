/**
 * When to look at which transaction: one timer for all, by the monotonic clock. It is only set again for one that falls due
 * sooner, so that a transaction that begins and ends in time costs no timer.
 */
import type { Clock } from "../../storage/clock.ts";
import type { Transaction } from "./transaction.ts";

const NEVER = Number.POSITIVE_INFINITY;

export class Deadlines {
  readonly #clock: Clock;
  readonly #overdue: (transaction: Transaction) => void;
  readonly #dueMs = new Map<Transaction, number>();
  #wakeMs = NEVER;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(clock: Clock, overdue: (transaction: Transaction) => void) {
    this.#clock = clock;
    this.#overdue = overdue;
  }

  /** Those that wait for their time. */
  get all(): readonly Transaction[] {
    return [...this.#dueMs.keys()];
  }

  get size(): number {
    return this.#dueMs.size;
  }

  set(transaction: Transaction, ms: number): void {
    const dueMs = this.#clock.monotonic() + ms;
    this.#dueMs.set(transaction, dueMs);
    if (dueMs < this.#wakeMs) this.#wakeAt(dueMs);
  }

  delete(transaction: Transaction): void {
    this.#dueMs.delete(transaction);
  }

  /** No timer is left. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #wakeAt(ms: number): void {
    if (this.#isClosed) return;
    this.#cancel?.();
    this.#wakeMs = ms;
    this.#cancel = this.#clock.schedule(Math.max(0, ms - this.#clock.monotonic()), () => this.#wake());
  }

  #wake(): void {
    const now = this.#clock.monotonic();
    this.#wakeMs = NEVER;
    for (const [transaction, dueMs] of [...this.#dueMs]) if (dueMs <= now) this.#overdue(transaction);
    let next = NEVER;
    for (const dueMs of this.#dueMs.values()) next = Math.min(next, dueMs);
    if (next < this.#wakeMs) this.#wakeAt(next);
  }
}
