/**
 * Idempotence: whether a batch of a producer is the next one, a retry, or a gap. Kafka's rules.
 *
 *   the producer is not known here          next, whatever its sequence: retention may have deleted what came before
 *   its epoch is older than the known one   fenced
 *   its epoch is newer                      next when it begins at 0, else out of order
 *   same epoch, one of the last 5 batches   duplicate: answered with where that batch stands
 *   same epoch, follows the last sequence   next
 *   same epoch, anything else               out of order
 *
 * Sequences count records and wrap from 2^31−1 to 0. A producer has at most 5 batches in flight, so 5 are remembered; of a
 * producer that comes from a snapshot it is the last one.
 */
import { lastSequence, NO_SEQUENCE } from "../format/batch.ts";
import type { ProducerSnapshotEntry } from "../format/snapshots.ts";

export const REMEMBERED_BATCHES = 5;

/** A batch that is in the log. */
export interface StoredSequence {
  baseSequence: number;
  lastSequence: number;
  baseOffset: number;
  lastOffset: number;
  timestamp: number;
}

/** What a batch says of its producer. A Batch is one. */
export interface Sequenced {
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
}

export type SequenceVerdict =
  | { kind: "next" }
  | { kind: "duplicate"; of: StoredSequence }
  | { kind: "out-of-order"; expected: number }
  | { kind: "fenced"; epoch: number };

const NEXT: SequenceVerdict = { kind: "next" };

/** `recent`: the batches of the known epoch, the latest last. */
export function judgeSequence(
  known: Pick<ProducerSnapshotEntry, "epoch" | "lastSequence"> | undefined,
  recent: readonly StoredSequence[],
  batch: Sequenced,
): SequenceVerdict {
  if (known === undefined) return NEXT;
  if (batch.producerEpoch < known.epoch) return { kind: "fenced", epoch: known.epoch };
  if (batch.producerEpoch > known.epoch) return batch.baseSequence === 0 ? NEXT : { kind: "out-of-order", expected: 0 };
  const { baseSequence: base, lastSequence: last } = batch;
  const expected = known.lastSequence === NO_SEQUENCE ? 0 : lastSequence(known.lastSequence, 1);
  if (base === expected) return NEXT;
  const same = recent.find(({ baseSequence, lastSequence }) => baseSequence === base && lastSequence === last);
  return same === undefined ? { kind: "out-of-order", expected } : { kind: "duplicate", of: same };
}

/** The one batch that a snapshot tells of; none for a producer that has only ended transactions. */
export function storedSequences(entry: ProducerSnapshotEntry): StoredSequence[] {
  if (entry.lastSequence < 0) return [];
  const { lastSequence: last, lastOffset, offsetDelta, timestamp } = entry;
  const baseSequence = last >= offsetDelta ? last - offsetDelta : last - offsetDelta + 0x8000_0000;
  return [{ baseSequence, lastSequence: last, baseOffset: lastOffset - offsetDelta, lastOffset, timestamp }];
}
