/**
 * EndTxn (26), versions 0–4: answered once every marker is written, so that a reader who comes next sees the end. (Kafka answers
 * once it is decided, and writes the markers later.) Not here: an epoch for each transaction, which begins with version 5.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { EndTxn } from "../messages/26-end-txn.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

const FIRST_VERSION_WITH_FENCED = 2;

export async function endTxn(
  { transactionalId, producerId, producerEpoch, committed }: RequestOf<typeof EndTxn>,
  { broker, version }: Call,
): Promise<ResponseOf<typeof EndTxn>> {
  if (transactionalId === "") return { errorCode: ERROR.INVALID_REQUEST };
  const outcome = committed ? "commit" : "abort";
  try {
    await broker.engine.transactions.end(transactionalId, { producerId, producerEpoch }, outcome);
    return { errorCode: ERROR.NONE };
  } catch (error) {
    return { errorCode: transactionErrorOf(error, version >= FIRST_VERSION_WITH_FENCED) };
  }
}
