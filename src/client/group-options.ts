/** The options of a group: how to run members of it, and where to set its offsets. */
import { boolean, callable, checkOptions, integer, matching, type OptionTable } from "../engine/options.ts";
import { type ConsumerOptions, invalidOption, MAX_INT, MAX_MS, SIGNAL, TOPIC_LIST } from "./options.ts";
import type { TopicReference } from "./producer-record.ts";
import type { ConsumerRecord } from "./record.ts";
import type { RecordBatch } from "./record-batch.ts";
import { isOffset, type OffsetsInput } from "./start-positions.ts";

/** What a handler of records gets besides them. */
export interface Handling {
  /** Aborted when the run is to stop: what is in hand is still waited for. */
  signal: AbortSignal;
}

/** How a record is tried again that a handler has failed with. */
export interface RetryOptions {
  /** How often a record is tried again after it has failed. 0 by default. */
  retries?: number;
  /** Before the first time; each wait is twice the one before. 100 by default. */
  backoffMs?: number;
  /** No wait is longer. 30000 by default. */
  backoffMaxMs?: number;
}

type OfConsumers =
  | "from"
  | "until"
  | "isolation"
  | "durable"
  | "codec"
  | "maxPollIntervalMs"
  | "onCorrupt"
  | "outOfRange";

/** What `group.run` takes. */
export interface RunOptions<V = unknown> extends Pick<ConsumerOptions<V>, "topics" | "signal" | OfConsumers> {
  /** How many members of the group to run in this process. 1 by default. */
  members?: number;
  /**
   * How many records each member has in hand at once. 1 by default. Records of a partition with the same key are handled in order;
   * above 1, records without a key are in none.
   */
  concurrency?: number;
  /** Handles a record. It is committed once this has come to an end without an error. */
  each?: (record: ConsumerRecord<V>, handling: Handling) => unknown;
  /** Or handles batches, of one partition each. */
  eachBatch?: (batch: RecordBatch<V>, handling: Handling) => unknown;
  /** How many records `eachBatch` gets at most. 500 by default. */
  maxRecords?: number;
  /** How records are tried again that have failed. Not at all, by default. */
  retry?: RetryOptions;
  /** Where a record goes that has failed for good. Without it, the run ends with the error. */
  deadLetterTopic?: TopicReference<unknown>;
}

/** Where to: the start or the end, the first record at or after a time, an offset, offsets by partition, or so many on or back. */
export type ResetTarget =
  | "earliest"
  | "latest"
  | { readonly timestamp: number }
  | { readonly offset: number }
  | { readonly offsets: OffsetsInput }
  | { readonly shift: number };

/** What `group.resetOffsets` takes. */
export interface ResetOptions {
  /** Where the group goes on. */
  to: ResetTarget;
  /** Those that the group has committed for, when it is not given. */
  topics?: readonly TopicReference<never>[];
  /** Tells what would be done, and does nothing. */
  dryRun?: boolean;
}

type AnyRunOptions = Omit<RunOptions<never>, OfConsumers> & { [Name in OfConsumers]?: unknown };

const anything = () => matching<unknown>("what a consumer takes", () => true);

const RETRY: OptionTable<RetryOptions> = {
  retries: integer(0, MAX_INT),
  backoffMs: integer(0, MAX_MS),
  backoffMaxMs: integer(0, MAX_MS),
};

const RUN: OptionTable<AnyRunOptions> = {
  topics: TOPIC_LIST,
  members: integer(1, 1000),
  concurrency: integer(1, 100_000),
  each: callable("a function (record, { signal })"),
  eachBatch: callable("a function (batch, { signal })"),
  maxRecords: integer(1, MAX_INT),
  retry: matching<RetryOptions>("{ retries, backoffMs, backoffMaxMs }", (value) => typeof value === "object"),
  deadLetterTopic: matching<TopicReference<unknown>>("a topic or its name", (value) => Boolean(value)),
  signal: SIGNAL,
  from: anything(),
  until: anything(),
  isolation: anything(),
  durable: anything(),
  codec: anything(),
  maxPollIntervalMs: anything(),
  onCorrupt: anything(),
  outOfRange: anything(),
};

const RESET: OptionTable<ResetOptions> = {
  to: matching<ResetTarget>(
    '"earliest", "latest", { timestamp }, { offset }, { offsets: { 0: 100 } } or { shift }',
    isResetTarget,
  ),
  topics: TOPIC_LIST as never,
  dryRun: boolean(),
};

export type CheckedRunOptions<V> = RunOptions<V> & {
  members: number;
  concurrency: number;
  maxRecords: number;
  retry: Required<RetryOptions>;
};

/** What concerns the consumers is checked when they are made. */
export function checkRunOptions<V>(given: unknown): CheckedRunOptions<V> {
  const checked = checkOptions<AnyRunOptions>(given, RUN, "run") as RunOptions<V>;
  const { each, eachBatch } = checked;
  if (checked.topics === undefined) {
    throw invalidOption("topics", `the option topics of run is missing; ${TOPIC_LIST.expected} was expected`);
  }
  if ((each === undefined) === (eachBatch === undefined)) {
    throw invalidOption("each", "run needs one of the options each and eachBatch");
  }
  if (eachBatch !== undefined && checked.concurrency !== undefined) {
    throw invalidOption("concurrency", "the option concurrency of run is for each; eachBatch decides itself");
  }
  const retry = checkOptions<RetryOptions>(checked.retry, RETRY, "the option retry of run");
  const defaults = { members: 1, concurrency: 1, maxRecords: 500 };
  return { ...defaults, ...checked, retry: { retries: 0, backoffMs: 100, backoffMaxMs: 30_000, ...retry } };
}

export function checkResetOptions(given: unknown): ResetOptions {
  const checked = checkOptions<ResetOptions>(given, RESET, "resetOffsets");
  if (checked.to !== undefined) return { ...checked, to: checked.to };
  throw invalidOption("to", `the option to of resetOffsets is missing; ${RESET.to.expected} was expected`);
}

function isResetTarget(value: unknown): boolean {
  if (value === "earliest" || value === "latest") return true;
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return false;
  const { timestamp, offset, offsets, shift } = value as Record<string, unknown>;
  if (shift !== undefined) return Number.isSafeInteger(shift);
  if (offsets !== undefined) return typeof offsets === "object" && offsets !== null;
  return isOffset(timestamp ?? offset);
}
