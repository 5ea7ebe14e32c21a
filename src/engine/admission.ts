/** The door of a partition for batches of producers that have an id: each is stored once, in its turn, and in its transaction. */
import { VarveError } from "../errors.ts";
import {
  ATTRIBUTES,
  BASE_SEQUENCE,
  Batch,
  hasProducerId,
  PRODUCER_EPOCH,
  PRODUCER_ID,
  placeBatch,
  TRANSACTIONAL,
} from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import { readInt16, readInt32, readInt64 } from "../format/integers.ts";
import type { Log } from "../storage/log.ts";

/** Who has written the batch, if it is part of a transaction. */
export function transactionalProducerOf({
  bytes,
  start,
}: SealedBatch): { producerId: number; producerEpoch: number } | undefined {
  // The low byte of the attributes.
  if ((bytes[start + ATTRIBUTES + 1] & TRANSACTIONAL) === 0) return undefined;
  return { producerId: readInt64(bytes, start + PRODUCER_ID), producerEpoch: readInt16(bytes, start + PRODUCER_EPOCH) };
}

/** Throws where the producer has a transaction open, and sends a batch that is no part of it. */
export function checkOutsideTransaction(log: Log, { bytes, start }: SealedBatch): void {
  if (!hasProducerId(bytes, start)) return;
  const producerId = readInt64(bytes, start + PRODUCER_ID);
  if (log.openSince(producerId) === undefined) return;
  const { topic, partition } = log;
  const message = `${topic}-${partition}: producer ${producerId} has a transaction open, and this is no part of it`;
  throw new VarveError("VARVE_TRANSACTION_STATE", message, { topic, partition });
}

/**
 * Where the batch is already; undefined when it is the next one, or its producer has no id. Throws when it is neither. What
 * coordinators write, once each, has no sequence to speak of: Kafka's own give all of it the sequence 0.
 */
export function offsetOfDuplicate(log: Log, { bytes, start }: SealedBatch, isInternal: boolean): number | undefined {
  if (isInternal || !hasProducerId(bytes, start)) return undefined;
  const producerId = readInt64(bytes, start + PRODUCER_ID);
  const producerEpoch = readInt16(bytes, start + PRODUCER_EPOCH);
  if (log.isNextSequence(producerId, producerEpoch, readInt32(bytes, start + BASE_SEQUENCE))) return undefined;
  // Where it stands so far means nothing.
  placeBatch(bytes, start, log.endOffset, log.leaderEpoch);
  const batch = new Batch(bytes, start);
  if (batch.isControl) return undefined;
  const verdict = log.judgeSequence(batch);
  if (verdict.kind === "next") return undefined;
  if (verdict.kind === "duplicate") return verdict.of.baseOffset;
  const { topic, partition } = log;
  const who = `${topic}-${partition}: producer ${producerId}`;
  if (verdict.kind === "fenced") {
    const message = `${who} has the epoch ${verdict.epoch} by now, not ${producerEpoch}`;
    throw new VarveError("VARVE_FENCED", message, { topic, partition });
  }
  const message = `${who} sent sequence ${batch.baseSequence}; ${verdict.expected} comes next`;
  throw new VarveError("VARVE_OUT_OF_SEQUENCE", message, { topic, partition });
}
