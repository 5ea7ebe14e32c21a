/** What a group commits and fetches, once it is clear that whoever asks may. */
import { hasCode } from "../../errors.ts";
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { CommittedOffset, TopicPartition } from "../offsets.ts";
import type { ProducerIdentity } from "../transactions/transaction.ts";
import type { Group } from "./group.ts";
import type { GroupStorage } from "./group-storage.ts";
import type {
  CommitOffsetsRequest,
  CommitOffsetsResult,
  FetchedOffset,
  FetchOffsetsRequest,
  FetchOffsetsResult,
  OffsetToCommit,
} from "./requests.ts";

export interface CommitsHost {
  readonly storage: GroupStorage;
  readonly offsetMetadataMaxBytes: number;
  hasPartition(topic: string, partition: number): boolean;
  persist(group: Group): Promise<void>;
  warn(message: string): void;
}

export class Commits {
  readonly #host: CommitsHost;

  constructor(host: CommitsHost) {
    this.#host = host;
  }

  /**
   * Entries that are wrong in themselves are left out; of the others all are committed, or none. `producer`: in its transaction,
   * whose errors are thrown.
   */
  async commit(group: Group, request: CommitOffsetsRequest, producer?: ProducerIdentity): Promise<CommitOffsetsResult> {
    const { storage } = this.#host;
    const codeOf = (topic: string, entry: OffsetToCommit) => this.#check(topic, entry);
    const entries = request.topics.flatMap(({ name: topic, partitions }) => {
      const good = partitions.filter((entry) => codeOf(topic, entry) === KAFKA_ERRORS.NONE);
      return good.map((entry) => ({ topic, ...entry }));
    });
    let failed: number = KAFKA_ERRORS.NONE;
    try {
      if (entries.length > 0) {
        if (producer) await storage.commitInTransaction(group.id, producer, entries, request.isWire);
        else await storage.commit(group.id, entries, request.isWire);
      }
      await this.#storeKind(group, request.isWire);
    } catch (error) {
      if (hasCode(error, "VARVE_FENCED", "VARVE_TRANSACTION_STATE", "VARVE_UNKNOWN_PRODUCER")) throw error;
      failed = this.#codeOf(error, group);
    }
    return answerAll(request, (topic, entry) => codeOf(topic, entry) || failed);
  }

  fetch({ groupId, topics, requireStable }: FetchOffsetsRequest): FetchOffsetsResult {
    const { storage } = this.#host;
    const wanted = topics ?? byTopic(storage.allCommitted(groupId));
    return {
      groupId,
      errorCode: KAFKA_ERRORS.NONE,
      topics: wanted.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => {
          const isUnstable = requireStable && storage.isPending(groupId, name, partition);
          return isUnstable ? unstable(partition) : toFetched(partition, storage.committed(groupId, name, partition));
        }),
      })),
    };
  }

  #check(topic: string, { partition, metadata }: OffsetToCommit): number {
    const { hasPartition, offsetMetadataMaxBytes } = this.#host;
    if (!hasPartition(topic, partition)) return KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION;
    const isLong = Buffer.byteLength(metadata) > offsetMetadataMaxBytes;
    return isLong ? KAFKA_ERRORS.OFFSET_METADATA_TOO_LARGE : KAFKA_ERRORS.NONE;
  }

  /** Groups with members are written when they form; of those that only commit, it must be known whether they expire. */
  async #storeKind(group: Group, isWire: boolean): Promise<void> {
    const didExpire = group.expires;
    group.expires &&= isWire;
    const isNews = group.expires !== didExpire || (group.expires && !group.isStored);
    if (isNews && group.state === "Empty") await this.#host.persist(group);
  }

  #codeOf(error: unknown, group: Group): number {
    if (hasCode(error, "VARVE_OFFSET_OUT_OF_RANGE")) return KAFKA_ERRORS.OFFSET_OUT_OF_RANGE;
    this.#host.warn(`the group ${group.id} could not commit: ${error}`);
    return hasCode(error, "VARVE_NO_SPACE")
      ? KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE
      : KAFKA_ERRORS.UNKNOWN_SERVER_ERROR;
  }
}

export function answerAll(
  { topics }: CommitOffsetsRequest,
  codeOf: (topic: string, entry: OffsetToCommit) => number,
): CommitOffsetsResult {
  return {
    topics: topics.map(({ name, partitions }) => {
      const answer = (entry: OffsetToCommit) => ({ partition: entry.partition, errorCode: codeOf(name, entry) });
      return { name, partitions: partitions.map(answer) };
    }),
  };
}

function byTopic(committed: readonly TopicPartition[]): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of committed) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function toFetched(partition: number, committed: CommittedOffset | undefined): FetchedOffset {
  const { offset = -1, leaderEpoch = -1, metadata = "" } = committed ?? {};
  return { partition, offset, leaderEpoch, metadata, errorCode: KAFKA_ERRORS.NONE };
}

function unstable(partition: number): FetchedOffset {
  return { ...toFetched(partition, undefined), errorCode: KAFKA_ERRORS.UNSTABLE_OFFSET_COMMIT };
}
