/** The options of `log.producer`, `log.consumer`, `consumer.batches` and `topic.read`: what they mean, and their check. */
import {
  boolean,
  callable,
  checkOptions,
  integer,
  matching,
  type OptionTable,
  oneOf,
  text,
} from "../engine/options.ts";
import type { Isolation } from "../engine/partition.ts";
import { VarveError } from "../errors.ts";
import type { Compression } from "../format/compression.ts";
import { COMPRESSIONS } from "../format/compression.ts";
import type { OnCorrupt, OutOfRange } from "./fetcher.ts";
import type { Partitioner } from "./partitioner.ts";
import type { TopicReference } from "./producer-record.ts";
import { type AnyCodec, type CodecOption, isCodec, type KeyCodec } from "./serde.ts";
import { FROM, type From, isOffset, UNTIL, type Until } from "./start-positions.ts";

/** What `log.producer` takes. */
export interface ProducerOptions {
  /** How values are encoded, over the topic's own codec. */
  codec?: AnyCodec;
  /** What keys are on the reading side. A producer takes strings and bytes with either. */
  keyCodec?: KeyCodec;
  /** Chooses the partition of records that don't name one. As Kafka's Java client does, when it is not given. */
  partitioner?: Partitioner;
  /** How long a batch waits for more sends. 0 (the default): until the end of the tick. */
  lingerMs?: number;
  /** A batch of sends is sealed when it is that large. 16384 by default. */
  batchBytes?: number;
  /** How batches are compressed, where the topic leaves it to the producer. "none" by default. */
  compression?: Compression;
  /** How many bytes may be pushed and not acknowledged before `push` asks to wait. 32 MiB by default. */
  bufferMemory?: number;
  /** Gives batches the producer's id and their sequence, by which a partition recognises what comes twice. True by default. */
  idempotent?: boolean;
  /**
   * Who the producer is across restarts: it writes in transactions, and whoever has the id after it aborts what it left open, and
   * keeps it from going on.
   */
  transactionalId?: string;
  /** A transaction that is open for longer is aborted. 60000 by default. */
  transactionTimeoutMs?: number;
}

/** What `log.consumer` takes. */
export interface ConsumerOptions<V = unknown> {
  /** Handles, names, or patterns, which also match topics made later. */
  topics: readonly (TopicReference<V> | RegExp)[];
  /** Where reading begins, where the group has committed nothing. "earliest" by default: nothing is skipped silently. */
  from?: From;
  /** Where reading ends. Live, when it is not given. */
  until?: Until;
  /** Only these partitions of each topic. Not together with a group. */
  partitions?: readonly number[];
  /** Shares the topics with the other members of the group, goes on where it has committed, and commits for it. */
  group?: string;
  /** "read_committed" (the default) never shows an open or aborted transaction. */
  isolation?: Isolation;
  /** Reads only what would survive the death of the machine. */
  durable?: boolean;
  /** How values are decoded, over the topic's own codec. */
  codec?: CodecOption<V>;
  /** What `record.key` is: "string" (the default) or "bytes". */
  keyCodec?: KeyCodec;
  /** Commits what is processed: at an interval, when the loop is left, and at close. True by default. */
  autoCommit?: boolean;
  /** 1000 by default. */
  autoCommitIntervalMs?: number;
  /**
   * A record in hand for longer raises "stalled"; a group gives the partitions to others then, until the next record is asked for.
   * 300000 by default.
   */
  maxPollIntervalMs?: number;
  /** How much may be fetched and not consumed yet. 16 MiB by default; one stored batch is always possible. */
  maxBytes?: number;
  /** A damaged batch: "throw" (the default), or "skip" it and raise "corrupt". */
  onCorrupt?: OnCorrupt;
  /**
   * A position that the log does not have: go on at the "earliest" (the default) or the "latest" offset and raise
   * "skipped", or "throw".
   */
  outOfRange?: OutOfRange;
  /** Ends the iterators normally, and closes the consumer. */
  signal?: AbortSignal;
}

/** What `consumer.batches` takes. */
export interface BatchesOptions {
  /** How many records a batch may have. Without it: what one read of a partition brought. */
  maxRecords?: number;
  /** How long to wait for `maxRecords`. 0 by default: hand out what is there. */
  maxWaitMs?: number;
  /**
   * Reads the next batches into the memory of this one, as soon as the next one is asked for: faster, but its records are gone then.
   * To touch one throws VARVE_STALE_RECORD, and bytes that were taken from it are empty. False by default: a record stays valid as
   * long as it is referenced.
   */
  reuse?: boolean;
}

/** A range of one topic. Bounded: reading ends at the end offset seen at the call, at the latest. */
export interface ReadOptions {
  /** All of them, when it is not given. */
  partition?: number;
  /** An offset, if one partition is read, or as for a consumer. "earliest" by default. */
  from?: number | From;
  /** Before that offset, or as for a consumer. "end" by default. */
  until?: number | Until;
  /** "read_committed" (the default) never shows an open or aborted transaction. */
  isolation?: Isolation;
  signal?: AbortSignal;
}

export const MAX_MS = 2 ** 31 - 1;
export const MAX_INT = 2 ** 31 - 1;
const MIB = 1024 * 1024;

export const CODEC = matching<AnyCodec>('one of "json", "msgpack", "string", "bytes", or { encode, decode }', isCodec);

export const SIGNAL = matching<AbortSignal>(
  "an AbortSignal",
  (value) => typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value,
);

export const TOPIC_LIST = matching<ConsumerOptions<never>["topics"]>(
  "an array of topics, names or patterns with at least one entry",
  (value) => Array.isArray(value) && value.length > 0,
);

const PARTITION_LIST = matching<readonly number[]>(
  "an array of partition numbers with at least one entry",
  (value) => Array.isArray(value) && value.length > 0 && value.every(isOffset),
);

const PRODUCER: OptionTable<ProducerOptions> = {
  codec: CODEC,
  keyCodec: oneOf("string", "bytes"),
  partitioner: callable("a function (record, partitionCount, topic) that returns a partition"),
  lingerMs: integer(0, MAX_MS),
  batchBytes: integer(1, MAX_INT),
  compression: oneOf(...COMPRESSIONS),
  bufferMemory: integer(1, MAX_INT),
  idempotent: boolean(),
  transactionalId: text(),
  transactionTimeoutMs: integer(1, MAX_MS),
};

/** As they come, whatever the values are. */
type AnyConsumerOptions = Omit<ConsumerOptions<never>, "codec"> & { codec?: AnyCodec };

const CONSUMER: OptionTable<AnyConsumerOptions> = {
  topics: TOPIC_LIST,
  from: FROM,
  until: UNTIL,
  partitions: PARTITION_LIST,
  group: text(),
  isolation: oneOf("read_committed", "read_uncommitted"),
  durable: boolean(),
  codec: CODEC,
  keyCodec: oneOf("string", "bytes"),
  autoCommit: boolean(),
  autoCommitIntervalMs: integer(1, MAX_MS),
  maxPollIntervalMs: integer(1, MAX_MS),
  maxBytes: integer(1, MAX_INT),
  onCorrupt: oneOf("throw", "skip"),
  outOfRange: oneOf("earliest", "latest", "throw"),
  signal: SIGNAL,
};

const BATCHES: OptionTable<BatchesOptions> = {
  maxRecords: integer(1, MAX_INT),
  maxWaitMs: integer(0, MAX_MS),
  reuse: boolean(),
};

const READ: OptionTable<ReadOptions> = {
  partition: integer(0, MAX_INT),
  from: matching<number | From>(`an offset, ${FROM.expected}`, (value) => isOffset(value) || FROM.accepts(value)),
  until: matching<number | Until>(`an offset, ${UNTIL.expected}`, (value) => isOffset(value) || UNTIL.accepts(value)),
  isolation: oneOf("read_committed", "read_uncommitted"),
  signal: SIGNAL,
};

type OptionalOfProducers = "codec" | "partitioner" | "transactionalId";

export type CheckedProducerOptions = Required<Omit<ProducerOptions, OptionalOfProducers>> &
  Pick<ProducerOptions, OptionalOfProducers>;

export function checkProducerOptions(given: unknown): CheckedProducerOptions {
  const checked = checkOptions<ProducerOptions>(given, PRODUCER, "the producer");
  const { transactionalId, idempotent, transactionTimeoutMs } = checked;
  if (transactionalId !== undefined && idempotent === false) {
    throw invalidOption("idempotent", "the option idempotent of the producer cannot be off with a transactionalId");
  }
  if (transactionalId === undefined && transactionTimeoutMs !== undefined) {
    throw invalidOption(
      "transactionTimeoutMs",
      "the option transactionTimeoutMs of the producer needs a transactionalId",
    );
  }
  return { ...PRODUCER_DEFAULTS, ...checked };
}

const PRODUCER_DEFAULTS = {
  keyCodec: "string",
  lingerMs: 0,
  batchBytes: 16_384,
  compression: "none",
  bufferMemory: 32 * MIB,
  idempotent: true,
  transactionTimeoutMs: 60_000,
} as const;

type Optional = "until" | "partitions" | "group" | "codec" | "signal";

export type CheckedConsumerOptions = Required<Omit<AnyConsumerOptions, Optional>> & Pick<AnyConsumerOptions, Optional>;

export function checkConsumerOptions(given: unknown): CheckedConsumerOptions {
  const checked = checkOptions<AnyConsumerOptions>(given, CONSUMER, "the consumer");
  const { topics, group } = checked;
  if (topics === undefined)
    throw invalidOption("topics", `the option topics of the consumer is missing; ${TOPIC_LIST.expected} was expected`);
  if (group !== undefined && checked.partitions !== undefined) {
    throw invalidOption("partitions", "the option partitions of the consumer cannot be given together with a group");
  }
  return { ...CONSUMER_DEFAULTS, ...checked, topics };
}

const CONSUMER_DEFAULTS = {
  from: "earliest",
  isolation: "read_committed",
  durable: false,
  keyCodec: "string",
  autoCommit: true,
  autoCommitIntervalMs: 1000,
  maxPollIntervalMs: 300_000,
  maxBytes: 16 * MIB,
  onCorrupt: "throw",
  outOfRange: "earliest",
} as const;

export interface CheckedBatchesOptions {
  maxRecords: number | undefined;
  maxWaitMs: number;
  reuse: boolean;
}

export function checkBatchesOptions(given: unknown): CheckedBatchesOptions {
  const { maxRecords, maxWaitMs = 0, reuse = false } = checkOptions<BatchesOptions>(given, BATCHES, "batches");
  if (maxWaitMs > 0 && maxRecords === undefined) {
    throw invalidOption(
      "maxWaitMs",
      "the option maxWaitMs of batches needs maxRecords: it is how long to wait for them",
    );
  }
  return { maxRecords, maxWaitMs, reuse };
}

export function checkReadOptions(given: unknown, topic: string): ReadOptions {
  const checked = checkOptions<ReadOptions>(given, READ, `read of ${topic}`);
  for (const name of ["from", "until"] as const) {
    if (typeof checked[name] !== "number" || checked.partition !== undefined) continue;
    throw invalidOption(name, `the option ${name} of read of ${topic} is an offset, which needs the option partition`);
  }
  return checked;
}

export function invalidOption(option: string, message: string): VarveError {
  return new VarveError("VARVE_INVALID_OPTION", message, { option });
}
