/**
 * Checks and encodes what an application hands in.
 *
 * Every field is checked before anything is appended, so that a mistake costs its own record and nothing else.
 */
import { VarveError } from "../errors.ts";
import { partitionForKey } from "../format/murmur2.ts";
import type { HeaderPairs } from "../format/record.ts";
import type { Clock } from "../storage/clock.ts";
import { checkPartition, KeyScratch, type Partitioning } from "./partitioner.ts";
import type { HeadersInput, ProducerRecord } from "./producer-record.ts";
import { kindOf, type Serde } from "./serde.ts";

/** The topic as an encoder needs to know it. */
export interface EncodeTarget {
  readonly name: string;
  readonly partitionCount: number;
  readonly serde: Serde;
  readonly partitioning: Partitioning;
}

/** Encodes one record at a time into its own fields: what they hold is valid until the next call. */
export class RecordEncoder {
  key: Uint8Array | string | null = null;
  value: Uint8Array | string | null = null;
  headers: HeaderPairs | undefined = undefined;
  timestamp = 0;
  partition = 0;
  readonly #clock: Pick<Clock, "now">;
  readonly #scratch = new KeyScratch();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** `now` is the time of a record that has none of its own; the clock's when not given. */
  encode(record: ProducerRecord<unknown>, target: EncodeTarget, now?: number): void {
    if (typeof record !== "object" || record === null) {
      throw invalid(`expected a record like { key, value }, not ${kindOf(record)}`, target.name);
    }
    const { key = null, value, headers, partition, timestamp } = record;
    this.value = value === null ? null : encodeValue(value, target);
    this.headers = headers === undefined ? undefined : headerPairs(headers, target.name);
    if (timestamp === undefined) this.timestamp = now ?? this.#clock.now();
    else this.timestamp = isTimestamp(timestamp) ? timestamp : refuseTimestamp(timestamp, target.name);
    if (key !== null && typeof key !== "string" && !(key instanceof Uint8Array)) {
      throw invalid(`key: expected a string, a Uint8Array or null, not ${kindOf(key)}`, target.name);
    }
    this.key = key;
    const { partitionCount, partitioning } = target;
    if (partition !== undefined) this.partition = checkPartition(partition, target);
    else if (partitioning.custom) this.partition = partitioning.ask(record, partitionCount, target.name);
    else if (key === null) this.partition = partitioning.sticky();
    else this.partition = partitionCount === 1 ? 0 : this.#partitionOf(key, partitionCount);
  }

  #partitionOf(key: string | Uint8Array, partitionCount: number): number {
    if (typeof key !== "string") return partitionForKey(key, 0, key.length, partitionCount);
    const length = this.#scratch.write(key);
    return partitionForKey(this.#scratch.bytes, 0, length, partitionCount);
  }
}

function encodeValue(value: unknown, target: EncodeTarget): Uint8Array | string {
  if (value === undefined) {
    throw invalid("value: undefined cannot be stored; null writes a tombstone", target.name);
  }
  try {
    return target.serde.encode(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VarveError(
      "VARVE_CODEC",
      `a value for ${target.name} cannot be encoded as "${target.serde.name}": ${why}`,
      {
        topic: target.name,
        cause,
      },
    );
  }
}

function headerPairs(headers: HeadersInput, topic: string): HeaderPairs {
  if (typeof headers !== "object" || headers === null) {
    throw invalid(`headers: expected an object or pairs, not ${kindOf(headers)}`, topic);
  }
  const pairs = Symbol.iterator in headers ? Array.from(headers) : Object.entries(headers);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string") {
      throw invalid(`headers: expected pairs like ["name", "value"], not ${kindOf(pair)}`, topic);
    }
    const value: unknown = pair[1];
    if (value !== null && typeof value !== "string" && !(value instanceof Uint8Array)) {
      throw invalid(`headers["${pair[0]}"]: expected a string, a Uint8Array or null, not ${kindOf(value)}`, topic);
    }
  }
  return pairs as HeaderPairs;
}

/** Small, to be inlined. */
function isTimestamp(timestamp: unknown): timestamp is number {
  return typeof timestamp === "number" && Number.isSafeInteger(timestamp) && timestamp >= 0;
}

function refuseTimestamp(timestamp: unknown, topic: string): never {
  if (typeof timestamp === "bigint" || (Number.isInteger(timestamp) && !Number.isSafeInteger(timestamp))) {
    throw new VarveError("VARVE_UNSAFE_INTEGER", `timestamp: ${timestamp} is outside ±(2^53 − 1)`, { topic });
  }
  const what = typeof timestamp === "number" ? String(timestamp) : kindOf(timestamp);
  throw invalid(`timestamp: expected milliseconds since 1970, a whole number from 0, not ${what}`, topic);
}

function invalid(message: string, topic: string): VarveError {
  return new VarveError("VARVE_INVALID_ARGUMENT", message, { topic });
}
