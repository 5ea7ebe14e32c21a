/**
 * What a client is told when the coordinator itself fails, and not for what a member did: that it is not available, which
 * makes clients look for it and try again.
 */
import { ERROR, Refused, refusalOf } from "./error-codes.ts";
import type { Caller } from "./handler.ts";

export function groupErrorOf(error: unknown): number {
  const { errorCode } = refusalOf(error);
  const isOurs = errorCode === ERROR.NOT_LEADER_OR_FOLLOWER || errorCode === ERROR.KAFKA_STORAGE_ERROR;
  return isOurs ? ERROR.COORDINATOR_NOT_AVAILABLE : errorCode;
}

/** An answer that other members may let wait for minutes; a connection that is about to end does not wait for it. */
export function unlessEnding<T>(answer: Promise<T>, caller: Caller): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = caller.onEnding(() => reject(new Refused(ERROR.COORDINATOR_NOT_AVAILABLE, "the listener closes")));
    answer.then(resolve, reject).finally(release);
  });
}
