/**
 * What a client is told when the coordinator itself fails, and not for what a member did: that it is not available, which
 * makes clients look for it and try again.
 */
import { ERROR, refusalOf } from "./error-codes.ts";

export function groupErrorOf(error: unknown): number {
  const { errorCode } = refusalOf(error);
  const isOurs = errorCode === ERROR.NOT_LEADER_OR_FOLLOWER || errorCode === ERROR.KAFKA_STORAGE_ERROR;
  return isOurs ? ERROR.COORDINATOR_NOT_AVAILABLE : errorCode;
}
