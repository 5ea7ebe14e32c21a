/**
 * AddOffsetsToTxn (25), versions 0–4: the partition of `__consumer_offsets` that holds the group joins the transaction. A group
 * without a name is INVALID_REQUEST (42); Kafka takes it, and refuses the commit.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { AddOffsetsToTxn } from "../messages/25-add-offsets-to-txn.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

const FIRST_VERSION_WITH_FENCED = 2;

export async function addOffsetsToTxn(
  { transactionalId, producerId, producerEpoch, groupId }: RequestOf<typeof AddOffsetsToTxn>,
  { broker, version }: Call,
): Promise<ResponseOf<typeof AddOffsetsToTxn>> {
  if (transactionalId === "") return { errorCode: ERROR.INVALID_REQUEST };
  try {
    await broker.engine.transactions.addOffsets(transactionalId, { producerId, producerEpoch }, groupId);
    return { errorCode: ERROR.NONE };
  } catch (error) {
    return { errorCode: transactionErrorOf(error, version >= FIRST_VERSION_WITH_FENCED) };
  }
}
