/** How a data directory is opened. */
import { type Chance, type Clock, systemChance, systemClock } from "../storage/clock.ts";
import { ENGINES, type EngineChoice } from "../storage/engine-choice.ts";
import type { Files } from "../storage/files.ts";
import type { Durability } from "./config.ts";
import { type Identity, systemIdentity } from "./identity.ts";
import { boolean, checkOptions, having, integer, matching, type OptionTable, oneOf } from "./options.ts";

/** Where talk goes. `console` is one. Nothing is printed without it. */
export interface Logger {
  debug?(message: string): void;
  info?(message: string): void;
  warn?(message: string): void;
  error?(message: string): void;
}

export interface EngineOptions {
  /** Of topics that have none of their own. "process" when not given. */
  durability?: Durability;
  /** Takes no lock and writes nothing. */
  readOnly?: boolean;
  /** Makes the directory when it is missing. True when not given. */
  create?: boolean;
  /** The most that the directory may hold. */
  maxBytes?: number;
  /** Takes the directory over from an owner on another host, who must be gone: this host cannot see that. */
  takeover?: boolean;
  /** For those who bring topics into being by using them. False when not given. */
  autoCreateTopics?: boolean;
  logger?: Logger;
  /** How soon an append at "process" is synced in the background. */
  flushMs?: number;
  retentionCheckMs?: number;
  checkpointMs?: number;
  /** How often it is looked for logs to compact. */
  compactionCheckMs?: number;
  /** Of __consumer_offsets, when it is made. */
  offsetsTopicPartitions?: number;
  /** Of __transaction_state, when it is made. */
  transactionsTopicPartitions?: number;
  /** The longest that a producer may keep a transaction open. */
  transactionMaxTimeoutMs?: number;
  /** How long a transactional id that nobody uses is kept. */
  transactionalIdExpirationMs?: number;
  /** How long a producer that is silent is remembered by the partitions it wrote to. */
  producerIdExpirationMs?: number;
  /** "auto" when neither this nor VARVE_ENGINE says otherwise. */
  engine?: EngineChoice;
  /** The native module, or the path of its file. It is looked for when not given. */
  nativeBinding?: string | object;
  files?: Files;
  clock?: Clock;
  chance?: Chance;
  identity?: Identity;
}

type Optional = "maxBytes" | "engine" | "nativeBinding" | "files";

export type ResolvedEngineOptions = Required<Omit<EngineOptions, Optional>> & Pick<EngineOptions, Optional>;

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const MAX_MS = 2 ** 31 - 1;
const MAX_INTERNAL_PARTITIONS = 1000;

const LOGGER = matching<Logger>(
  "an object with some of the methods debug, info, warn and error",
  (value) =>
    value !== null &&
    typeof value === "object" &&
    ["debug", "info", "warn", "error"].every((name) => {
      const method = (value as Record<string, unknown>)[name];
      return method === undefined || typeof method === "function";
    }),
);

/** Also what the client's `open` checks its own options with, beside those that it adds. */
export const ENGINE_OPTIONS: OptionTable<EngineOptions> = {
  durability: oneOf("process", "power"),
  readOnly: boolean(),
  create: boolean(),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  takeover: boolean(),
  autoCreateTopics: boolean(),
  logger: LOGGER,
  flushMs: integer(1, MAX_MS),
  retentionCheckMs: integer(1, MAX_MS),
  checkpointMs: integer(1, MAX_MS),
  compactionCheckMs: integer(1, MAX_MS),
  offsetsTopicPartitions: integer(1, MAX_INTERNAL_PARTITIONS),
  transactionsTopicPartitions: integer(1, MAX_INTERNAL_PARTITIONS),
  transactionMaxTimeoutMs: integer(1, MAX_MS),
  transactionalIdExpirationMs: integer(1, Number.MAX_SAFE_INTEGER),
  producerIdExpirationMs: integer(1, Number.MAX_SAFE_INTEGER),
  engine: oneOf(...ENGINES),
  nativeBinding: matching<string | object>(
    "the native module, or the path of its file",
    (value) => (typeof value === "string" && value !== "") || (typeof value === "object" && value !== null),
  ),
  files: having<Files>("a file system", "open", "stat", "list", "rename"),
  clock: having<Clock>("a clock", "now", "monotonic", "schedule"),
  chance: matching<Chance>("a function that gives random bytes", (value) => typeof value === "function"),
  identity: having<Identity>("an identity", "processStart", "isAlive"),
};

const DEFAULTS = {
  durability: "process",
  readOnly: false,
  create: true,
  takeover: false,
  autoCreateTopics: false,
  flushMs: 1000,
  retentionCheckMs: 300_000,
  checkpointMs: 60_000,
  compactionCheckMs: 15_000,
  offsetsTopicPartitions: 1,
  transactionsTopicPartitions: 1,
  transactionMaxTimeoutMs: 15 * MINUTE,
  transactionalIdExpirationMs: 7 * DAY,
  producerIdExpirationMs: DAY,
} as const;

export function resolveEngineOptions(given: unknown): ResolvedEngineOptions {
  const surroundings = { logger: {}, clock: systemClock, chance: systemChance, identity: systemIdentity };
  return { ...surroundings, ...DEFAULTS, ...checkOptions<EngineOptions>(given, ENGINE_OPTIONS, "open") };
}
