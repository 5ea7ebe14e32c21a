/**
 * Every error that varve throws: one class, one table of codes.
 *
 * A code says what happened; the fields say where. `retriable` means that the same call may succeed later without any
 * change by the caller (there is room again, the other owner is gone).
 */

/** code → [retriable, what it means]. docs/errors.md is checked against this table. */
export const ERRORS = {
  VARVE_INVALID_OPTION: [false, "an option is unknown, or its value is not of the kind that was expected"],
  VARVE_INVALID_ARGUMENT: [false, "an argument is not of the kind that was expected"],
  VARVE_INVALID_TOPIC: [false, "the topic name is not a legal one"],
  VARVE_TOPIC_EXISTS: [false, "a topic of that name exists already"],
  VARVE_UNKNOWN_TOPIC: [false, "there is no topic of that name, or it has been deleted"],
  VARVE_UNKNOWN_PARTITION: [false, "the topic has no such partition"],
  VARVE_OFFSET_OUT_OF_RANGE: [false, "the offset is before the log start or past the end"],
  VARVE_RECORD_TOO_LARGE: [false, "a record or a batch is larger than maxMessageBytes"],
  VARVE_UNSAFE_INTEGER: [false, "a 64-bit number lies outside the safe integers of JavaScript"],
  VARVE_CODEC: [false, "a codec could not encode or decode a key or a value"],
  VARVE_CODEC_UNAVAILABLE: [false, "this runtime cannot do that compression"],
  VARVE_ENGINE_UNAVAILABLE: [false, "the engine asked for is not available here"],
  VARVE_CLOSED: [false, "the log, the producer, the consumer or the topic is closed"],
  VARVE_STALE_RECORD: [false, "the record's memory has been used again: a later batch was asked for with reuse: true"],
  VARVE_READ_ONLY: [false, "the log was opened read-only"],
  VARVE_LOCKED: [true, "another owner has the directory open"],
  VARVE_NOT_FOUND: [false, "there is no data directory at that path"],
  VARVE_FOREIGN: [false, "the directory is not varve's own: it has no catalogue"],
  VARVE_CATALOGUE: [false, "the catalogue, topics.json, is lost or damaged"],
  VARVE_UNSUPPORTED_VERSION: [false, "a file was written by a newer version"],
  VARVE_CORRUPT: [false, "bytes on disk are not what was written"],
  VARVE_POISONED: [false, "a sync failed earlier: the partition takes no writes until the log is reopened"],
  VARVE_NO_SPACE: [true, "the disk, the quota or maxBytes is full"],
  VARVE_FILE_TOO_LARGE: [false, "the file may not grow that large (EFBIG)"],
  VARVE_TOO_MANY_FILES: [true, "no descriptor is free (EMFILE, ENFILE)"],
  VARVE_ACCESS: [false, "the file system refuses access, or is read-only"],
  VARVE_IO: [false, "the device failed (EIO), or another system error"],
  VARVE_GROUP_BUSY: [true, "the group takes no further member, or has members where it must have none"],
  VARVE_FENCED: [false, "somebody took over: the group went on without this consumer, or a newer producer has the id"],
  VARVE_TRANSACTION_STATE: [
    false,
    "the transaction is not where this call needs it; retriable while another call moves it",
  ],
  VARVE_UNKNOWN_PRODUCER: [false, "no transactional id belongs to that producer id"],
  VARVE_OUT_OF_SEQUENCE: [false, "a batch of an idempotent producer is not the next one of its sequence"],
  VARVE_ABORTED: [false, "the signal was aborted"],
  VARVE_TIMEOUT: [true, "the time allowed has passed"],
} as const satisfies Record<string, readonly [retriable: boolean, meaning: string]>;

/** The codes of docs/errors.md. */
export type ErrorCode = keyof typeof ERRORS;

/** Where it happened. Only what applies is set. */
export interface ErrorPlace {
  topic?: string;
  partition?: number;
  offset?: number;
  /** For a damaged range: the first offset that is lost, and the first one behind it that is good again. */
  from?: number;
  to?: number;
  /** With the position in it, in bytes. */
  file?: string;
  position?: number;
  /** The option that was wrong. */
  option?: string;
}

/** Everything that varve throws: a code, whether trying again may help, the cause, and the place. */
export class VarveError extends Error {
  /** What went wrong; the message says it for people. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later, without a change by the caller. */
  readonly retriable: boolean;
  declare readonly topic?: string;
  declare readonly partition?: number;
  declare readonly offset?: number;
  declare readonly from?: number;
  declare readonly to?: number;
  declare readonly file?: string;
  declare readonly position?: number;
  declare readonly option?: string;

  /** `retriable` where this error is not what its code is otherwise. */
  constructor(code: ErrorCode, message: string, place?: ErrorPlace & { cause?: unknown; retriable?: boolean }) {
    super(message, place?.cause === undefined ? undefined : { cause: place.cause });
    this.name = code === "VARVE_ABORTED" ? "AbortError" : "VarveError";
    this.code = code;
    this.retriable = ERRORS[code][0];
    if (place) {
      const { cause: _, ...where } = place;
      Object.assign(this, where);
    }
  }
}

/** Whether an unknown thrown thing is a VarveError (of any copy of this module) with one of the given codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is VarveError {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && (codes as string[]).includes(code);
}
