/**
 * The configuration of topics in Kafka's names, as clients set it and are shown it.
 *
 * Options of Kafka that mean nothing without replicas, or that only tune what is done otherwise here, are taken and not
 * kept: programs written for a cluster set them as a matter of course. Any other unknown name is INVALID_CONFIG (40).
 */
import { configFromDotted, configToDotted, optionOfDotted, TOPIC_OPTIONS, type TopicConfig } from "../engine/config.ts";
import type { Topic } from "../engine/topic.ts";
import { ERROR, Refused } from "./error-codes.ts";

const WITHOUT_MEANING = new Set([
  "min.insync.replicas",
  "unclean.leader.election.enable",
  "leader.replication.throttled.replicas",
  "follower.replication.throttled.replicas",
  "flush.messages",
  "flush.ms",
  "file.delete.delay.ms",
  "segment.jitter.ms",
  "preallocate",
  "message.format.version",
  "message.downconversion.enable",
]);

const TOPIC_CONFIG = 1;
const DEFAULT_CONFIG = 5;

const TYPES = { STRING: 2, LONG: 5, DOUBLE: 6, LIST: 7 };

export interface ShownConfig {
  name: string;
  value: string | null;
  readOnly: boolean;
  configSource: number;
  isSensitive: boolean;
  configType: number;
}

export interface GivenConfig {
  name: string;
  value: string | null;
}

/** What a client has set, in our names. A value of null is left out. */
export function givenConfigs(configs: readonly GivenConfig[], topic: string): Partial<TopicConfig> {
  const entries: [string, string][] = [];
  for (const { name, value } of configs) {
    if (value === null) throw new Refused(ERROR.INVALID_CONFIG, `the config ${name} has no value`);
    if (!WITHOUT_MEANING.has(name)) entries.push([name, value]);
  }
  return configFromDotted(entries, topic);
}

/** Undefined for one that means nothing here. */
export function optionNamed(dotted: string, topic: string): keyof TopicConfig | undefined {
  const name = optionOfDotted(dotted);
  if (name !== undefined || WITHOUT_MEANING.has(dotted)) return name;
  throw new Refused(ERROR.INVALID_CONFIG, `the topic ${topic} has no config ${dotted}`);
}

/** What is in force for a topic, and whether it was set for it. */
export function shownConfigs({ config, ownConfig }: Pick<Topic, "config" | "ownConfig">): ShownConfig[] {
  return configToDotted(config).map(([name, value]) => {
    const option = optionOfDotted(name)!;
    const configSource = ownConfig[option] === undefined ? DEFAULT_CONFIG : TOPIC_CONFIG;
    return { name, value, readOnly: false, configSource, isSensitive: false, configType: typeOf(option) };
  });
}

function typeOf(option: keyof TopicConfig): number {
  if (option === "cleanupPolicy") return TYPES.LIST;
  if (option === "minCleanableDirtyRatio") return TYPES.DOUBLE;
  return typeof TOPIC_OPTIONS[option].default === "number" ? TYPES.LONG : TYPES.STRING;
}
