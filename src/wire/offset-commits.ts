/** What OffsetCommit and TxnOffsetCommit share: offsets by topic and partition go in, error codes come out. */
import type { CommitOffsetsRequest, CommitOffsetsResult } from "../engine/groups/requests.ts";

interface Given {
  name: string;
  partitions: readonly {
    partitionIndex: number;
    committedOffset: number;
    committedLeaderEpoch: number;
    committedMetadata: string | null;
  }[];
}

interface Answered {
  name: string;
  partitions: { partitionIndex: number; errorCode: number }[];
}

/** As the coordinator takes them. */
export function offsetsToCommit(topics: readonly Given[]): CommitOffsetsRequest["topics"] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
      partition: partitionIndex,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata ?? "",
    })),
  }));
}

/** What became of each. */
export function commitAnswer({ topics }: CommitOffsetsResult): { topics: Answered[] } {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partition: partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
    })),
  };
}

/** All for the same reason. */
export function allRefused(topics: readonly Given[], errorCode: number): { topics: Answered[] } {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  };
}
