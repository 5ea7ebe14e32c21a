/** What a transaction looks like from outside, in Kafka's words. */
import { byTopic } from "./state-log.ts";
import type { TransactionState } from "./states.ts";
import type { ProducerIdentity, Transaction } from "./transaction.ts";

export interface TransactionListing {
  transactionalId: string;
  producerId: number;
  state: TransactionState;
}

export interface TransactionDescription extends TransactionListing, ProducerIdentity {
  timeoutMs: number;
  /** -1 when none is open. */
  startTimestamp: number;
  topics: { topic: string; partitions: number[] }[];
}

/** Each narrows the list; none: all. */
export interface TransactionFilter {
  states?: readonly string[];
  producerIds?: readonly number[];
  /** Those that are open for longer. */
  durationMs?: number;
}

export function matches(transaction: Transaction, filter: TransactionFilter, now: number): boolean {
  const { states = [], producerIds = [], durationMs = -1 } = filter;
  const { state, producerId, startTimestamp } = transaction;
  if (states.length > 0 && !states.includes(state)) return false;
  if (producerIds.length > 0 && !producerIds.includes(producerId)) return false;
  return durationMs < 0 || (startTimestamp >= 0 && now - startTimestamp > durationMs);
}

export function listTransaction({ id: transactionalId, producerId, state }: Transaction): TransactionListing {
  return { transactionalId, producerId, state };
}

export function describeTransaction(transaction: Transaction): TransactionDescription {
  const { producerEpoch, timeoutMs, state, partitions, startTimestamp } = transaction;
  return {
    ...listTransaction(transaction),
    producerEpoch,
    timeoutMs,
    startTimestamp: state === "Empty" ? -1 : startTimestamp,
    topics: byTopic(partitions).map(({ topic, partitionIds }) => ({ topic, partitions: partitionIds.sort(ascending) })),
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}
