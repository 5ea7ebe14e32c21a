/** DescribeTransactions (65), version 0. One that is not known is TRANSACTIONAL_ID_NOT_FOUND (105). */
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { DescribeTransactions } from "../messages/65-describe-transactions.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Response = ResponseOf<typeof DescribeTransactions>;
type Described = Response["transactionStates"][number];

export async function describeTransactions(
  { transactionalIds }: RequestOf<typeof DescribeTransactions>,
  { broker }: Call,
): Promise<Response> {
  try {
    await broker.engine.transactions.ready();
    return { transactionStates: transactionalIds.map((id) => described(id, broker)) };
  } catch (error) {
    const errorCode = transactionErrorOf(error, true);
    return { transactionStates: transactionalIds.map((id) => failed(id, errorCode)) };
  }
}

function described(id: string, { engine }: Broker): Described {
  if (id === "") return failed(id, ERROR.INVALID_REQUEST);
  const found = engine.transactions.describe(id);
  if (found === undefined) return failed(id, ERROR.TRANSACTIONAL_ID_NOT_FOUND);
  const { transactionalId, state, timeoutMs, startTimestamp, producerId, producerEpoch, topics } = found;
  return {
    errorCode: ERROR.NONE,
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startTimestamp,
    producerId,
    producerEpoch,
    topics,
  };
}

function failed(transactionalId: string, errorCode: number): Described {
  const none = { transactionState: "", transactionTimeoutMs: 0, transactionStartTimeMs: 0, topics: [] };
  return { errorCode, transactionalId, ...none, producerId: 0, producerEpoch: 0 };
}
