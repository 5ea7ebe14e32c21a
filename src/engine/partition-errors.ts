/** Why a partition refuses a call, in words that name it. */
import { VarveError } from "../errors.ts";

interface Named {
  readonly topic: { readonly name: string };
  readonly index: number;
}

export function placeOf({ topic, index }: Named): { topic: string; partition: number } {
  return { topic: topic.name, partition: index };
}

export function closed(partition: Named): VarveError {
  return new VarveError("VARVE_CLOSED", "the log is closed", placeOf(partition));
}

export function deleted(partition: Named): VarveError {
  const message = `the topic ${partition.topic.name} has been deleted`;
  return new VarveError("VARVE_UNKNOWN_TOPIC", message, placeOf(partition));
}

export function readOnly(partition: Named): VarveError {
  const message = `${partition.topic.name}-${partition.index}: the log was opened read-only`;
  return new VarveError("VARVE_READ_ONLY", message, placeOf(partition));
}

/** `last`: up to where records may be deleted. */
export function outOfRange(partition: Named, offset: number, last: number): VarveError {
  const name = `${partition.topic.name}-${partition.index}`;
  const message = `${name}: records can be deleted before an offset up to ${last}, not before ${offset}`;
  return new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, { ...placeOf(partition), offset });
}
