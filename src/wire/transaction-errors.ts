/**
 * What a client is told when the coordinator of transactions refuses.
 *
 *   VARVE_FENCED              PRODUCER_FENCED (90), which ends a producer for good; to versions that do not know it
 *                             INVALID_PRODUCER_EPOCH (47), which says the same
 *   VARVE_TRANSACTION_STATE   CONCURRENT_TRANSACTIONS (51) while the one before is being ended: ask again; else
 *                             INVALID_TXN_STATE (48)
 *   VARVE_UNKNOWN_PRODUCER    INVALID_PRODUCER_ID_MAPPING (49)
 *   of the disk, or closed    COORDINATOR_NOT_AVAILABLE (15): ask again
 */
import { hasCode, type VarveError } from "../errors.ts";
import { ERROR, type Refusal } from "./error-codes.ts";
import { groupErrorOf } from "./group-errors.ts";

export function transactionErrorOf(error: unknown, knowsFenced: boolean): number {
  if (hasCode(error, "VARVE_FENCED")) return knowsFenced ? ERROR.PRODUCER_FENCED : ERROR.INVALID_PRODUCER_EPOCH;
  return stateErrorOf(error) ?? groupErrorOf(error);
}

/** Of a produced batch. Undefined when it is not for the transaction that it is refused. */
export function transactionRefusalOf(error: unknown): Refusal | undefined {
  const errorCode = hasCode(error, "VARVE_FENCED") ? ERROR.INVALID_PRODUCER_EPOCH : stateErrorOf(error);
  return errorCode === undefined ? undefined : { errorCode, errorMessage: (error as VarveError).message };
}

function stateErrorOf(error: unknown): number | undefined {
  if (hasCode(error, "VARVE_UNKNOWN_PRODUCER")) return ERROR.INVALID_PRODUCER_ID_MAPPING;
  if (!hasCode(error, "VARVE_TRANSACTION_STATE")) return undefined;
  return error.retriable ? ERROR.CONCURRENT_TRANSACTIONS : ERROR.INVALID_TXN_STATE;
}
