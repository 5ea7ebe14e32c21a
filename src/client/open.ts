/** `open`: from a path to a log. */
import type { Durability } from "../engine/config.ts";
import { Engine } from "../engine/engine.ts";
import { ENGINE_OPTIONS, type EngineOptions, type Logger } from "../engine/engine-options.ts";
import { checkOptions, having, type OptionTable } from "../engine/options.ts";
import { VarveError } from "../errors.ts";
import { SIGNAL } from "./options.ts";
import { VarveLog } from "./varve-log.ts";

/** What a test may put in the place of the world. */
export type Surroundings = Pick<EngineOptions, "files" | "clock" | "chance" | "identity">;

/** What `open` takes. */
export interface OpenOptions {
  /**
   * What an acknowledged record survives, where the topic does not say otherwise: the death of the process ("process", the
   * default), or that of the machine ("power").
   */
  durability?: Durability;
  /**
   * Which engine runs: "auto" (the default, unless the environment variable VARVE_ENGINE says otherwise) takes the native module
   * where it can be loaded and TypeScript where not, "native" insists on the module, "ts" does without it.
   */
  engine?: "auto" | "native" | "ts";
  /** The native module, or the path of its file, where it cannot be found by itself: a bundle, an archive. */
  nativeBinding?: string | object;
  /** Makes the directory when it is missing. True by default. */
  create?: boolean;
  /** Takes no lock and writes nothing. Opens varve's own directories, Kafka's, and single partition folders. */
  readOnly?: boolean;
  /** The most that the whole directory may take. Appends beyond it are refused (VARVE_NO_SPACE) until there is room. */
  maxBytes?: number;
  /** How soon, at "process", an append is synced in the background. 1000 by default. */
  flushMs?: number;
  /** Topics come into being when they are first written to. False by default. */
  autoCreateTopics?: boolean;
  /** Partitions of __consumer_offsets, when it is made. 1 by default. */
  offsetsTopicPartitions?: number;
  /** Partitions of __transaction_state, when it is made. 1 by default. */
  transactionsTopicPartitions?: number;
  /** The longest that a producer may keep a transaction open. 15 minutes by default. */
  transactionMaxTimeoutMs?: number;
  /** How long a transactional id that nobody uses is kept. 7 days by default. */
  transactionalIdExpirationMs?: number;
  /** How long a silent producer is remembered by the partitions it wrote to, so that its retries are told. A day by default. */
  producerIdExpirationMs?: number;
  /** Takes the directory over from an owner on another host, who must be gone: this host cannot see that. */
  takeover?: boolean;
  /** Where talk goes: `console` will do. Nothing is printed without it. */
  logger?: Logger;
  /** Ends opening; later, closes the log. */
  signal?: AbortSignal;
  /** For tests of your own: files, clock, chance and identity in the place of the real ones. `varve/testing` has some. */
  surroundings?: Surroundings;
}

const { files, clock, chance, identity, checkpointMs, retentionCheckMs, ...SHARED } = ENGINE_OPTIONS;

const OPEN: OptionTable<OpenOptions> = {
  ...SHARED,
  signal: SIGNAL,
  surroundings: having<Surroundings>("an object with files, clock, chance or identity"),
};

/** With more partitions than that, a log is opened when it is first used. */
const MAX_OPENED_AT_ONCE = 100;

/** Opens the data directory at `path`, or a log in memory for ":memory:". */
export function open(path: string, options: OpenOptions = {}): Promise<VarveLog> {
  return openAs(path, options, (...parts) => new VarveLog(...parts));
}

/** The same for a log of another class. */
export async function openAs<Log extends VarveLog>(
  path: string,
  options: OpenOptions,
  make: (...parts: ConstructorParameters<typeof VarveLog>) => Log,
): Promise<Log> {
  if (typeof path !== "string" || path === "") {
    throw new VarveError("VARVE_INVALID_ARGUMENT", 'open: a path or ":memory:" was expected');
  }
  const { signal, surroundings, ...rest } = checkOptions<OpenOptions>(options, OPEN, "open");
  checkNotAborted(signal);
  const engine = await Engine.open(path, { ...rest, ...surroundings });
  try {
    if (!engine.readOnly) await openPartitions(engine);
    checkNotAborted(signal);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return make(engine, signal);
}

/**
 * Opens the partitions of a directory that has few, so that even `appendSync` finds them ready. One that cannot be opened
 * says so when it is used.
 */
async function openPartitions(engine: Engine): Promise<void> {
  const partitions = [...engine.topics.values()].flatMap((topic) => topic.partitions);
  if (partitions.length > MAX_OPENED_AT_ONCE) return;
  await Promise.allSettled(partitions.map((partition) => partition?.ready()));
}

function checkNotAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new VarveError("VARVE_ABORTED", "open: the signal was aborted", { cause: signal.reason });
}
