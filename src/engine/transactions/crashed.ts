/**
 * What the partitions know better than the state log, after a crash.
 *
 * Whoever died after a decision may have written some of its markers. When it was the machine that died, each partition at
 * "process" and the state log may have lost the end of it, one more than the other:
 *
 *   in the partition                             so
 *   an epoch that is newer than the state log's  it is taken from there: nobody gets it again
 *   the transaction of the decision, open        it lacks the marker
 *   another one of that producer, open           the one of the decision is gone, or has its marker; this one nobody knows of
 */
import type { Partition } from "../partition.ts";
import type { Transaction } from "./transaction.ts";

/** Whether the partition is done with the transaction: it has the marker, or nothing that wants one. */
export function isMarked(partition: Partition, transaction: Transaction): boolean {
  if (!partition.isReady) return false;
  const open = partition.openTransactions.find(({ producerId }) => producerId === transaction.producerId);
  if (open === undefined || open.producerEpoch > transaction.producerEpoch) return true;
  // The log start may have passed its beginning since, so that it seems to begin later.
  const range = transaction.ranges?.get(partition);
  return range !== undefined && !(open.firstOffset >= range.from && open.firstOffset < range.to);
}

/** Raises the epochs to those that partitions have seen. Returns the transactions concerned. */
export function catchUp(
  byProducer: ReadonlyMap<number, Transaction>,
  partitions: Iterable<Partition>,
): ReadonlySet<Transaction> {
  const risen = new Set<Transaction>();
  for (const partition of partitions) {
    if (!partition.isReady) continue;
    for (const { producerId, epoch } of partition.producers) {
      const transaction = byProducer.get(producerId);
      if (transaction === undefined || epoch <= transaction.producerEpoch) continue;
      transaction.producerEpoch = epoch;
      risen.add(transaction);
    }
  }
  return risen;
}
