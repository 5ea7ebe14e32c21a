/**
 * What the partitions know better than the state log, after a crash.
 *
 * Whoever died after a decision may have written some of its markers. When it was the machine that died, the last records of the
 * state log may be gone while partitions at "process" still have what was written after them:
 *
 *   in the partition                      to the state log it is        so
 *   an epoch that the state log lacks     an older epoch                the epoch is taken from there: nobody gets it again
 *   a marker, and behind it records of    decided, and not complete     the marker is there already: the records behind it are
 *   the next transaction                                                of a transaction that nobody knows, and aborted
 */
import { batchesOf } from "../log-batches.ts";
import type { Partition } from "../partition.ts";
import type { Transaction } from "./transaction.ts";

/** A sync that was under way may have brought the recovery point past the marker, and not the state log past its record. */
const MARGIN_OFFSETS = 10_000;

/** Whether the partition has the marker that the transaction's decision calls for, or needs none. */
export async function isMarked(partition: Partition, transaction: Transaction, mayHaveLost: boolean): Promise<boolean> {
  if (!partition.isReady) return false;
  const open = partition.openTransactions.find(({ producerId }) => producerId === transaction.producerId);
  if (open === undefined || open.producerEpoch > transaction.producerEpoch) return true;
  // At "power" the state log is never behind.
  return mayHaveLost && !transaction.isPower && (await hasMarkerBefore(partition, transaction, open.firstOffset));
}

/** One of the same millisecond may be that of the transaction before: rather is a record lost than one shown that was aborted. */
async function hasMarkerBefore(partition: Partition, transaction: Transaction, offset: number): Promise<boolean> {
  const from = Math.max(partition.startOffset, partition.recoveredFrom - MARGIN_OFFSETS);
  for await (const batch of batchesOf(partition, () => {}, from, offset)) {
    const isOurs = batch.isControl && batch.producerId === transaction.producerId;
    if (isOurs && batch.maxTimestamp >= transaction.lastUpdateTimestamp) return true;
  }
  return false;
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
