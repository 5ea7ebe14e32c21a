/**
 * The options of a topic: one table of name, Kafka's dotted name, default, and what a value must be.
 *
 * Applications use the camel-case names; the command and the wire use the dotted ones, where varve's own are `varve.*`. Only
 * what was set for a topic is stored with it; the rest follows the defaults of the release that opens it.
 */
import type { Compression } from "../format/compression.ts";
import type { LogConfig } from "../storage/log-state.ts";
import {
  boolean,
  checkOption,
  checkOptions,
  fraction,
  integer,
  type OptionKind,
  oneOf,
  unknownOption,
} from "./options.ts";

/** What an acknowledged record survives: the death of the process, or that of the machine. */
export type Durability = "process" | "power";
/** How values are stored: as JSON, as MessagePack, as UTF-8, or as the bytes they are. */
export type CodecName = "json" | "msgpack" | "string" | "bytes";
/** What happens to old records: they are deleted by age and size, or all but the latest of each key go, or both. */
export type CleanupPolicy = "delete" | "compact" | "compact,delete";

/** The options of a topic. docs/options.md has their defaults. */
export interface TopicConfig extends LogConfig {
  /** What happens to old records: by default they are deleted, once retention is set. */
  cleanupPolicy: CleanupPolicy;
  /** "producer" keeps what the producer chose. */
  compression: Compression | "producer";
  /** Whose time a record has: the producer's (the default), or that of the append. */
  messageTimestampType: "CreateTime" | "LogAppendTime";
  /** Compaction waits until that share of the log was never compacted. 0.5 by default. */
  minCleanableDirtyRatio: number;
  /** How long compaction keeps a tombstone. A day by default. */
  deleteRetentionMs: number;
  /** Younger records are not compacted. 0 by default. */
  minCompactionLagMs: number;
  /** Older records are compacted whatever the ratio. Without limit by default. */
  maxCompactionLagMs: number;
  /** How values are stored, where a producer or a consumer does not say otherwise. "json" by default. */
  codec: CodecName;
  /** Undefined: that of the log. */
  durability?: Durability;
}

/** What createTopic takes. */
export interface TopicOptions extends Partial<TopicConfig> {
  partitions?: number;
  ifNotExists?: boolean;
}

interface TopicOption<T> extends OptionKind<T> {
  /** Kafka's name, or varve's own. */
  dotted: string;
  default: T | undefined;
}

const MAX_INT = 2 ** 31 - 1;
const FOREVER = Number.MAX_SAFE_INTEGER;
const KIB = 1024;
const MIB = 1024 * KIB;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Kafka's limit too: with as many partitions a topic is a mistake. */
export const MAX_PARTITIONS = 10_000;
export const PARTITIONS: OptionKind<number> = integer(1, MAX_PARTITIONS);

type Table = { readonly [Name in keyof TopicConfig]-?: TopicOption<NonNullable<TopicConfig[Name]>> };

export const TOPIC_OPTIONS: Table = {
  retentionMs: option("retention.ms", -1, integer(0, FOREVER, -1)),
  retentionBytes: option("retention.bytes", -1, integer(0, FOREVER, -1)),
  segmentBytes: option("segment.bytes", 128 * MIB, integer(14, MAX_INT)),
  segmentMs: option("segment.ms", 7 * DAY, integer(1, FOREVER)),
  segmentIndexBytes: option("segment.index.bytes", 10 * MIB, integer(24, MAX_INT)),
  indexIntervalBytes: option("index.interval.bytes", 4 * KIB, integer(0, MAX_INT)),
  cleanupPolicy: option("cleanup.policy", "delete", oneOf("delete", "compact", "compact,delete")),
  compression: option("compression.type", "producer", oneOf("producer", "none", "gzip", "snappy", "lz4", "zstd")),
  maxMessageBytes: option("max.message.bytes", 8 * MIB, integer(1, MAX_INT)),
  messageTimestampType: option("message.timestamp.type", "CreateTime", oneOf("CreateTime", "LogAppendTime")),
  minCleanableDirtyRatio: option("min.cleanable.dirty.ratio", 0.5, fraction(0, 1)),
  deleteRetentionMs: option("delete.retention.ms", DAY, integer(0, FOREVER)),
  minCompactionLagMs: option("min.compaction.lag.ms", 0, integer(0, FOREVER)),
  maxCompactionLagMs: option("max.compaction.lag.ms", FOREVER, integer(1, FOREVER)),
  codec: option("varve.codec", "json", oneOf("json", "msgpack", "string", "bytes")),
  durability: option("varve.durability", undefined, oneOf("process", "power")),
};

const NAMES = Object.keys(TOPIC_OPTIONS) as (keyof TopicConfig)[];

/** The whole configuration: what was set, over the defaults. */
export function fullConfig(set: Partial<TopicConfig>): TopicConfig {
  const full: Record<string, unknown> = {};
  for (const name of NAMES) full[name] = set[name] ?? TOPIC_OPTIONS[name].default;
  return full as unknown as TopicConfig;
}

/** What a log goes by. One that is compacted begins a segment early enough for its records to be compacted in time. */
export function logConfigOf(config: TopicConfig, durability: Durability): LogConfig {
  if (config.cleanupPolicy === "delete" && (config.durability ?? "process") === durability) return config;
  const { cleanupPolicy, segmentMs, maxCompactionLagMs } = config;
  return {
    ...config,
    durability,
    segmentMs: cleanupPolicy === "delete" ? segmentMs : Math.min(segmentMs, maxCompactionLagMs),
  };
}

const CREATION_TABLE = { ...TOPIC_OPTIONS, partitions: PARTITIONS, ifNotExists: boolean() };

/** What createTopic was given, checked. */
export function checkTopicOptions(given: unknown, topic: string): TopicOptions {
  return checkOptions<TopicOptions>(given, CREATION_TABLE, `the topic ${topic}`);
}

/** Changes to a topic's configuration: null takes an option back to its default. */
export type ConfigChanges = { [Name in keyof TopicConfig]?: TopicConfig[Name] | null };

/** The configuration of a topic that had `set`, after the changes. */
export function alteredConfig(set: Partial<TopicConfig>, changes: ConfigChanges, topic: string): Partial<TopicConfig> {
  const given = Object.entries(Object(changes));
  const values = Object.fromEntries(given.filter(([, value]) => value !== null));
  const checked = checkOptions<TopicConfig>(values, TOPIC_OPTIONS, `the topic ${topic}`);
  const altered: Partial<TopicConfig> = { ...set, ...checked };
  for (const [name, value] of given) {
    if (value !== null) continue;
    if (!Object.hasOwn(TOPIC_OPTIONS, name)) throw unknownOption(name, NAMES, `the topic ${topic}`);
    delete altered[name as keyof TopicConfig];
  }
  return altered;
}

// ---- Kafka's names

/** "retention.ms" → "retentionMs"; undefined for a name that neither Kafka nor varve has here. */
export function optionOfDotted(dotted: string): keyof TopicConfig | undefined {
  return NAMES.find((name) => TOPIC_OPTIONS[name].dotted === dotted);
}

/** As `optionOfDotted`; camel-case names pass too, and one that is unknown throws. */
export function optionNamed(given: string, topic: string): keyof TopicConfig {
  const name = optionOfDotted(given) ?? NAMES.find((name) => name === given);
  if (name !== undefined) return name;
  const known = NAMES.map((name) => TOPIC_OPTIONS[name].dotted);
  throw unknownOption(given, known, `the topic ${topic}`);
}

/** From dotted names and text, as the command and the wire have them. */
export function configFromDotted(entries: Iterable<readonly [string, string]>, topic: string): Partial<TopicConfig> {
  const config: Record<string, unknown> = {};
  for (const [given, value] of entries) {
    const name = optionNamed(given, topic);
    const parsed = fromText(name, value.trim());
    checkOption(given, parsed, TOPIC_OPTIONS[name], `the topic ${topic}`);
    config[name] = parsed;
  }
  return config as Partial<TopicConfig>;
}

/** [dotted name, text] of each option that has a value, in the order of the table. */
export function configToDotted(config: Partial<TopicConfig>): [string, string][] {
  return NAMES.filter((name) => config[name] !== undefined).map((name) => {
    const value = String(config[name]);
    return [TOPIC_OPTIONS[name].dotted, name === "compression" && value === "none" ? UNCOMPRESSED : value];
  });
}

/** Kafka's word for no compression, where it is a topic's. */
const UNCOMPRESSED = "uncompressed";

function fromText(name: keyof TopicConfig, value: string): unknown {
  if (typeof TOPIC_OPTIONS[name].default === "number") return value === "" ? value : numberOf(value);
  if (name === "compression" && value === UNCOMPRESSED) return "none";
  if (name === "cleanupPolicy")
    return value
      .split(/\s*,\s*/)
      .sort()
      .join(",");
  return value;
}

/** The largest int64 is Kafka's "for ever", and is no safe integer. */
function numberOf(value: string): unknown {
  if (!/^-?\d+(\.\d+)?$/.test(value)) return value;
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

function option<T>(dotted: string, value: T | undefined, kind: OptionKind<T>): TopicOption<T> {
  return { dotted, default: value, ...kind };
}
