/**
 * ListTransactions (key 66, versions 0–1): transactional ids, or those of some states and producers.
 *
 *   1  those whose transaction has been open for so long
 */
import { array, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  stateFilters: array(string),
  producerIdFilters: array(int64),
  durationFilter: since(1, int64, -1),
});

const TransactionState = struct({
  transactionalId: string,
  producerId: int64,
  transactionState: string,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
  unknownStateFilters: since(0, array(string)),
  transactionStates: array(TransactionState),
});

export const ListTransactions = defineApi({
  key: 66,
  name: "ListTransactions",
  versions: [0, 1],
  flexibleFrom: 0,
  request,
  response,
});
