/**
 * TxnOffsetCommit (28), versions 0–4: pending until the transaction ends. From version 3 on who commits is checked as in
 * OffsetCommit. A fenced producer is told INVALID_PRODUCER_EPOCH (47) in every version, as by Kafka.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Call } from "../handler.ts";
import type { TxnOffsetCommit } from "../messages/28-txn-offset-commit.ts";
import { allRefused, commitAnswer, offsetsToCommit } from "../offset-commits.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Request = RequestOf<typeof TxnOffsetCommit>;
type Response = ResponseOf<typeof TxnOffsetCommit>;

export async function txnOffsetCommit(request: Request, { broker }: Call): Promise<Response> {
  const asked = { ...request, isWire: true, topics: offsetsToCommit(request.topics) };
  try {
    return commitAnswer(await broker.engine.coordinator.commitOffsetsInTransaction(asked));
  } catch (error) {
    return allRefused(request.topics, transactionErrorOf(error, false));
  }
}
