/** What a commit of this process rejects with, where a client of the wire is given one of Kafka's codes. */
import { VarveError } from "../../errors.ts";
import { KAFKA_ERRORS } from "../kafka-errors.ts";

const FENCED: readonly number[] = [
  KAFKA_ERRORS.ILLEGAL_GENERATION,
  KAFKA_ERRORS.UNKNOWN_MEMBER_ID,
  KAFKA_ERRORS.FENCED_INSTANCE_ID,
];

/** Nothing for NONE. */
export function throwCommitError(errorCode: number, group: string, topic: string, partition: number): void {
  if (errorCode === KAFKA_ERRORS.NONE) return;
  const where = { topic, partition };
  if (FENCED.includes(errorCode)) {
    throw new VarveError("VARVE_FENCED", `the group ${group} went on without this member: it may not commit`, where);
  }
  if (errorCode === KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION) {
    throw new VarveError("VARVE_UNKNOWN_PARTITION", `there is no partition ${topic}-${partition}`, where);
  }
  if (errorCode === KAFKA_ERRORS.OFFSET_OUT_OF_RANGE) {
    throw new VarveError("VARVE_OFFSET_OUT_OF_RANGE", `the offset lies past the end of ${topic}-${partition}`, where);
  }
  if (errorCode === KAFKA_ERRORS.OFFSET_METADATA_TOO_LARGE) {
    throw new VarveError("VARVE_INVALID_ARGUMENT", `the metadata for ${topic}-${partition} is too long`, where);
  }
  throw new VarveError("VARVE_IO", `the group ${group} could not commit: Kafka's error ${errorCode}`, where);
}
