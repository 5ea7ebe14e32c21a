/** What all connections of a listener share: the engine, and who it says it is. */
import type { Engine } from "../engine/engine.ts";
import type { Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import { ERROR, Refused } from "./error-codes.ts";
import type { ResolvedListenOptions } from "./listen-options.ts";

/** meta.properties says the same. */
export const NODE_ID = 1;

/**
 * Of a unix socket, which Kafka's protocol has no name for. A client that dials by itself ignores it; any other one fails at once,
 * and reaches nobody else.
 */
const NO_PORT = 0;

/** There is one copy of everything. */
export const REPLICATION_FACTOR = 1;

/** What Kafka answers where nobody asked which operations are allowed. */
export const OPERATIONS_NOT_ASKED = -0x8000_0000;

export class Broker {
  readonly engine: Engine;
  readonly options: ResolvedListenOptions;
  /** What clients are told to connect to. */
  host: string;
  port: number;
  /** Undefined once topics came or went, until somebody asks. */
  #topicsById: Map<string, Topic> | undefined;
  readonly #unlisten: () => void;

  constructor(engine: Engine, options: ResolvedListenOptions) {
    this.engine = engine;
    this.options = options;
    this.host = options.advertisedHost ?? options.host;
    this.port = options.advertisedPort ?? (options.path === undefined ? options.port : NO_PORT);
    this.#unlisten = engine.onTopics(() => {
      this.#topicsById = undefined;
    });
  }

  close(): void {
    this.#unlisten();
  }

  topicOfId(id: string): Topic | undefined {
    this.#topicsById ??= new Map(Array.from(this.engine.topics.values(), (topic) => [topic.id, topic]));
    return this.#topicsById.get(id);
  }

  /** Open and ready. Refused when there is none, or the client knows another leader epoch. */
  async partition(name: string, index: number, leaderEpoch = -1): Promise<Partition> {
    const partition = this.engine.topics.get(name)?.partitions[index];
    if (partition === undefined) throw noPartition(name, index);
    if (!partition.isReady) await partition.ready();
    if (leaderEpoch >= 0) checkEpoch(partition, leaderEpoch);
    return partition;
  }

  /** Makes a topic that somebody wants to use, where that is allowed. */
  async autoCreate(name: string): Promise<Topic | undefined> {
    const { autoCreateTopics, defaultPartitions: partitions } = this.options;
    if (!autoCreateTopics || this.engine.readOnly) return undefined;
    return this.engine.createTopic(name, { partitions, codec: "bytes", ifNotExists: true });
  }
}

function checkEpoch(partition: Partition, epoch: number): void {
  const { leaderEpoch } = partition;
  if (epoch < leaderEpoch) throw new Refused(ERROR.FENCED_LEADER_EPOCH, `the leader epoch is ${leaderEpoch} by now`);
  if (epoch > leaderEpoch) throw new Refused(ERROR.UNKNOWN_LEADER_EPOCH, `the leader epoch is ${leaderEpoch} still`);
}

function noPartition(name: string, index: number): Refused {
  return new Refused(ERROR.UNKNOWN_TOPIC_OR_PARTITION, `there is no partition ${name}-${index}`);
}
