/**
 * What the partitions know better than the state log, after a crash.
 *
 * Whoever died after a decision may have written some of its markers. When it was the machine that died, the last records of the
 * state log may be gone while partitions at "process" still have what was written after them:
 *
 *   in the partition                      to the state log it is        so
 *   an epoch that the state log lacks     an older epoch                the epoch is taken from there: nobody gets it again
 *   records without their marker          decided, and all of it at     nobody knows whose they are. They may be of the next
 *                                         "process"                     transaction, which the state log lacks, or of the one
 *                                                                       before, which was aborted and whose marker is gone: they
 *                                                                       are aborted. That may tear the transaction, and shows
 *                                                                       nothing that was aborted or never committed
 */
import type { Partition } from "../partition.ts";
import type { Transaction } from "./transaction.ts";

/** Whether the partition has the marker that the transaction's decision calls for, or must not have it. */
export function isMarked(partition: Partition, transaction: Transaction, mayHaveLost: boolean): boolean {
  // At "power" the state log is never behind, and no marker is missing before one that was decided later.
  if (mayHaveLost && !transaction.isPower) return true;
  if (!partition.isReady) return false;
  const open = partition.openTransactions.find(({ producerId }) => producerId === transaction.producerId);
  return open === undefined || open.producerEpoch > transaction.producerEpoch;
}

/** Raises the epochs to those that partitions have seen. */
export function catchUp(byProducer: ReadonlyMap<number, Transaction>, partitions: Iterable<Partition>): void {
  for (const partition of partitions) {
    if (!partition.isReady) continue;
    for (const { producerId, epoch } of partition.producers) {
      const transaction = byProducer.get(producerId);
      if (transaction && epoch > transaction.producerEpoch) transaction.producerEpoch = epoch;
    }
  }
}
