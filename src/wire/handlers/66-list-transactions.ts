/**
 * ListTransactions (66), versions 0–1: all, or those of some states, of some producers, and (from 1 on) those that have been open
 * for longer. (Kafka takes an id without a transaction for one that is open since 1970.)
 */
import { TRANSACTION_STATUSES } from "../../format/transaction-metadata.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { ListTransactions } from "../messages/66-list-transactions.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Response = ResponseOf<typeof ListTransactions>;

export async function listTransactions(
  { stateFilters, producerIdFilters: producerIds, durationFilter: durationMs }: RequestOf<typeof ListTransactions>,
  { broker }: Call,
): Promise<Response> {
  const { transactions } = broker.engine;
  try {
    await transactions.ready();
    const unknownStateFilters = stateFilters.filter((state) => !STATES.has(state));
    const found = transactions.list({ states: stateFilters, producerIds, durationMs });
    const transactionStates = found.map(({ transactionalId, producerId, state: transactionState }) => {
      return { transactionalId, producerId, transactionState };
    });
    return { errorCode: ERROR.NONE, unknownStateFilters, transactionStates };
  } catch (error) {
    return { errorCode: transactionErrorOf(error, true), transactionStates: [] };
  }
}

const STATES: ReadonlySet<string> = new Set(TRANSACTION_STATUSES);
