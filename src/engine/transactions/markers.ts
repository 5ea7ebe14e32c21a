/**
 * The markers that end a transaction, one in each of its partitions, written by the coordinator. Its own epoch in them is
 * always 0: there is one coordinator, and nobody it could be fenced by.
 */
import { MARKER_BYTES, type TransactionOutcome, writeMarker } from "../../format/transaction-marker.ts";
import type { Partition } from "../partition.ts";
import type { ProducerIdentity } from "./transaction.ts";

const COORDINATOR_EPOCH = 0;

const scratch = new Uint8Array(MARKER_BYTES);

/** Appended, not synced. Where the topic has been deleted there is nothing to end. */
export function appendMarker(
  partition: Partition,
  { producerId, producerEpoch }: ProducerIdentity,
  outcome: TransactionOutcome,
  timestamp: number,
): void {
  if (partition.topic.isDeleted) return;
  const marker = { outcome, producerId, producerEpoch, coordinatorEpoch: COORDINATOR_EPOCH, timestamp };
  partition.appendMarker(writeMarker(scratch, marker));
}

/** What was appended to them before is on the disk afterwards. */
export async function flushAll(partitions: Iterable<Partition>): Promise<void> {
  const present = [...partitions].filter(({ topic }) => !topic.isDeleted);
  await Promise.all(present.map((partition) => partition.flush()));
}
