/**
 * What compaction must know of transactions as it goes through the batches: which are aborted, so that they go, and which
 * markers have nothing left to end. Kafka's CleanedTransactionMetadata.
 *
 * A marker may go when no batch of its transaction was met on the way to it. A batch that stays empty, for its sequence,
 * counts as met: without the abort marker's entry it would not be known as aborted.
 */
import { type Batch, CONTROL, TRANSACTIONAL } from "../format/batch.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import { readMarker } from "./producer-state.ts";

const NONE: readonly AbortedTransaction[] = [];

interface Ongoing {
  transaction: AbortedTransaction;
  isMet: boolean;
}

export class CleanedTransactions {
  /** Of the segment that is being written: aborted transactions of which something stays. The caller takes them. */
  retained: AbortedTransaction[] = [];
  #aborted: readonly AbortedTransaction[] | undefined;
  #next = 0;
  readonly #ongoing = new Map<number, Ongoing>();
  /** Producers of whose current transaction, which is not aborted, a batch was met. */
  readonly #committed = new Set<number>();

  /** Whether the batch cannot be taken in before it is known what was aborted. Many logs have no such batch. */
  isInTheDark({ attributes }: Batch): boolean {
    return this.#aborted === undefined && (attributes & (TRANSACTIONAL | CONTROL)) !== 0;
  }

  /** The aborted transactions of the log; those whose marker lies before `fromOffset` are not met here. */
  learn(aborted: readonly AbortedTransaction[], fromOffset: number): void {
    const ahead = aborted.filter(({ lastOffset }) => lastOffset >= fromOffset);
    this.#aborted = ahead.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Takes in the next batch of data. True: it is aborted. */
  isAborted(batch: Batch): boolean {
    this.#advance(batch.lastOffset);
    if (!batch.isTransactional) return false;
    const { producerId } = batch;
    const ongoing = this.#ongoing.get(producerId);
    if (ongoing === undefined) this.#committed.add(producerId);
    else ongoing.isMet = true;
    return ongoing !== undefined;
  }

  /** Takes in the next control batch. True: it has nothing left to end. */
  isIdle(batch: Batch): boolean {
    this.#advance(batch.lastOffset);
    if (batch.recordCount === 0) return true;
    const { producerId } = batch;
    const { type } = readMarker(batch);
    if (type === "commit") return !this.#committed.delete(producerId);
    if (type !== "abort") return false;
    const ongoing = this.#ongoing.get(producerId);
    this.#ongoing.delete(producerId);
    if (!ongoing?.isMet) return true;
    this.retained.push(ongoing.transaction);
    return false;
  }

  #advance(offset: number): void {
    const aborted = this.#aborted ?? NONE;
    for (; this.#next < aborted.length; this.#next++) {
      const transaction = aborted[this.#next];
      if (transaction.firstOffset > offset) return;
      if (!this.#ongoing.has(transaction.producerId))
        this.#ongoing.set(transaction.producerId, { transaction, isMet: false });
    }
  }
}
