/** A topic: its name, its configuration and its partitions. The names are the same as long as the log is open. */
import { VarveError } from "../errors.ts";
import { type ConfigChanges, type Durability, fullConfig, type TopicConfig } from "./config.ts";
import type { Partition, TopicOfPartition } from "./partition.ts";

/** What a topic asks of the data directory it lies in. */
export interface TopicHost {
  /** Of topics that have none of their own. */
  readonly durability: Durability;
  addPartitions(topic: Topic, total: number): Promise<void>;
  alterConfig(topic: Topic, changes: ConfigChanges): Promise<void>;
}

/** A partition, as `topic.describe` has it. */
export interface PartitionDescription {
  partition: number;
  /** The first offset that is there. */
  startOffset: number;
  /** Behind the last record. */
  endOffset: number;
  /** Where readers stop: the end, or with "power" the end of what is on the disk. */
  highWatermark: number;
  /** Where readers of committed records stop: the first open transaction, or the high watermark. */
  lastStableOffset: number;
  /** Up to here everything survives the death of the machine. */
  durableOffset: number;
  /** Rises when records may have been lost. */
  leaderEpoch: number;
  sizeInBytes: number;
  segmentCount: number;
  /** How many have begun here, and have no marker yet: readers of committed records stop at the first of them. */
  openTransactions: number;
}

/** A topic, as `topic.describe` has it. */
export interface TopicDescription {
  name: string;
  /** Kafka's topic id. */
  id: string;
  /** Whether it is the log's own. */
  isInternal: boolean;
  /** The topic's own, or that of the log. */
  durability: Durability;
  config: TopicConfig;
  partitions: PartitionDescription[];
}

export const OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTIONS_TOPIC = "__transaction_state";

export function isInternalName(name: string): boolean {
  return name === OFFSETS_TOPIC || name === TRANSACTIONS_TOPIC;
}

export class Topic implements TopicOfPartition {
  readonly name: string;
  /** Kafka's Uuid as text. */
  readonly id: string;
  isDeleted = false;
  #ownConfig: Partial<TopicConfig>;
  #config: TopicConfig;
  #partitions: readonly (Partition | undefined)[] = [];
  readonly #host: TopicHost;

  constructor(name: string, id: string, ownConfig: Partial<TopicConfig>, host: TopicHost) {
    this.name = name;
    this.id = id;
    this.#host = host;
    this.#ownConfig = ownConfig;
    this.#config = fullConfig(ownConfig);
  }

  /** Kept by the log itself: committed offsets, transactions. */
  get isInternal(): boolean {
    return isInternalName(this.name);
  }

  /** With the defaults of what was not set. */
  get config(): TopicConfig {
    return this.#config;
  }

  /** What was set for this topic. */
  get ownConfig(): Partial<TopicConfig> {
    return this.#ownConfig;
  }

  get durability(): Durability {
    return this.#config.durability ?? this.#host.durability;
  }

  /** By number. In a foreign directory some may be missing. */
  get partitions(): readonly (Partition | undefined)[] {
    return this.#partitions;
  }

  get partitionCount(): number {
    return this.#partitions.length;
  }

  partition(index: number): Partition {
    const partition = Number.isInteger(index) ? this.#partitions[index] : undefined;
    if (partition) return partition;
    const has = this.#partitions.flatMap((present, number) => (present ? [number] : []));
    const range = has.length === 1 ? `only partition ${has[0]}` : `partitions ${has[0]} to ${has[has.length - 1]}`;
    const message = `the topic ${this.name} has no partition ${typeof index === "string" ? JSON.stringify(index) : index}; it has ${range}`;
    throw new VarveError("VARVE_UNKNOWN_PARTITION", message, { topic: this.name, partition: index });
  }

  /** Opens every partition. */
  async ready(): Promise<void> {
    await Promise.all(this.#partitions.map((partition) => partition?.ready()));
  }

  /** Makes them `total`. Keys may then fall into other partitions than before. */
  addPartitions(total: number): Promise<void> {
    return this.#host.addPartitions(this, total);
  }

  alterConfig(changes: ConfigChanges): Promise<void> {
    return this.#host.alterConfig(this, changes);
  }

  async describe(): Promise<TopicDescription> {
    await this.ready();
    const { name, id, isInternal, durability, config } = this;
    const partitions = this.#partitions.flatMap((partition) => (partition ? [describePartition(partition)] : []));
    return { name, id, isInternal, durability, config, partitions };
  }

  // ---- for those who keep the catalogue

  setPartitions(partitions: readonly (Partition | undefined)[]): void {
    this.#partitions = partitions;
  }

  setConfig(ownConfig: Partial<TopicConfig>): void {
    this.#ownConfig = ownConfig;
    this.#config = fullConfig(ownConfig);
    for (const partition of this.#partitions) partition?.updateConfig(this.#config);
  }
}

export function describePartition(partition: Partition): PartitionDescription {
  const { index, startOffset, endOffset, highWatermark, lastStableOffset } = partition;
  const { durableOffset, leaderEpoch, sizeInBytes, segmentCount, openTransactions } = partition;
  return {
    partition: index,
    startOffset,
    endOffset,
    highWatermark,
    lastStableOffset,
    durableOffset,
    leaderEpoch,
    sizeInBytes,
    segmentCount,
    openTransactions: openTransactions.length,
  };
}
