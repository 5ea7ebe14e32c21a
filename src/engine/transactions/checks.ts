/** What speaks against a call of a transactional producer, and what it is told then. */
import { VarveError } from "../../errors.ts";
import { ANSWERS, isActive, type TransactionCall } from "./states.ts";
import { NO_EPOCH, type ProducerIdentity, type Transaction } from "./transaction.ts";

/** Throws VARVE_TRANSACTION_STATE unless the call may go on, or was done before. */
export function checkState(transaction: Transaction, call: TransactionCall): "go" | "done" {
  const answer = transaction.pending === undefined ? ANSWERS[call][transaction.state] : "concurrent";
  if (answer === "concurrent") throw concurrent(transaction);
  if (answer !== "invalid") return answer;
  const what = call === "add" ? "takes no partitions" : `cannot be ended with ${call}`;
  const message = `the transaction of ${JSON.stringify(transaction.id)} ${what}: it is ${transaction.state}`;
  throw new VarveError("VARVE_TRANSACTION_STATE", message);
}

/** "again": the call was answered before, and the answer got lost. Throws VARVE_FENCED where somebody else has the id. */
export function checkKnown(transaction: Transaction, known: ProducerIdentity): "go" | "again" {
  const isNew = transaction.producerEpoch === NO_EPOCH;
  if (isNew || isSame(known, transaction)) return "go";
  if (isSame(known, transaction.previous) && !isActive(transaction.state)) return "again";
  const { producerId, producerEpoch } = known;
  const message = `the producer ${producerId} with epoch ${producerEpoch} is fenced: ${JSON.stringify(transaction.id)} has another one now`;
  throw new VarveError("VARVE_FENCED", message);
}

export function checkTimeout(timeoutMs: number, most: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= most) return;
  const message = `a transaction timeout of 1 to ${most} ms was expected (transactionMaxTimeoutMs), not ${timeoutMs}`;
  throw new VarveError("VARVE_INVALID_OPTION", message, { option: "transactionTimeoutMs" });
}

export function concurrent({ id, pending, state, failure: cause }: Transaction): VarveError {
  const message = `the transaction of ${JSON.stringify(id)} is ${pending ?? state}: try again`;
  return new VarveError("VARVE_TRANSACTION_STATE", message, { retriable: true, cause });
}

export function unknownProducer(producerId: number, transactionalId?: string): VarveError {
  const whose = transactionalId === undefined ? "a transactional id" : JSON.stringify(transactionalId);
  return new VarveError("VARVE_UNKNOWN_PRODUCER", `the producer id ${producerId} is not that of ${whose}`);
}

function isSame(a: ProducerIdentity, b: ProducerIdentity): boolean {
  return a.producerId === b.producerId && a.producerEpoch === b.producerEpoch;
}
