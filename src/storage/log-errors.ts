/** Why a log refuses a call, in words that name the partition. */
import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { LogState } from "./log-state.ts";

export function closed(state: LogState): VarveError {
  return new VarveError("VARVE_CLOSED", `${nameOf(state)} is closed`, placeOf(state));
}

export function readOnly(state: LogState): VarveError {
  return new VarveError("VARVE_READ_ONLY", `${nameOf(state)} was opened read-only`, placeOf(state));
}

export function tooLarge(state: LogState, size: number): VarveError {
  const limit = state.config.maxMessageBytes;
  const message = `${nameOf(state)}: a batch of ${size} bytes is larger than maxMessageBytes, ${limit}`;
  return new VarveError("VARVE_RECORD_TOO_LARGE", message, placeOf(state));
}

export function outOfRange(state: LogState, offset: number): VarveError {
  const message = `${nameOf(state)} ends at ${state.endOffset}; records before ${offset} cannot be deleted`;
  return new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, { ...placeOf(state), offset });
}

/** A marker of an epoch that is over. */
export function fenced(state: LogState, { producerId, producerEpoch }: Batch, known: number): VarveError {
  const message = `${nameOf(state)}: epoch ${producerEpoch} of producer ${producerId} is over: ${known} is known here`;
  return new VarveError("VARVE_FENCED", message, placeOf(state));
}

function nameOf({ topic, partition }: LogState): string {
  return `${topic}-${partition}`;
}

function placeOf({ topic, partition }: LogState): { topic: string; partition: number } {
  return { topic, partition };
}
