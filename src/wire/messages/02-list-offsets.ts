/**
 * ListOffsets (key 2, versions 1–7): the offset of a time, or of an end of the log.
 *
 *   2  isolation level   4  leader epoch   6  flexible   7  −3, the offset of the largest timestamp
 */
import { array, int8, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const ListOffsetsPartition = struct({
  partitionIndex: int32,
  currentLeaderEpoch: since(4, int32, -1),
  timestamp: int64,
});

const ListOffsetsTopic = struct({
  name: string,
  partitions: array(ListOffsetsPartition),
});

const request = struct({
  replicaId: int32,
  isolationLevel: since(2, int8),
  topics: array(ListOffsetsTopic),
});

const ListOffsetsPartitionResponse = struct({
  partitionIndex: int32,
  errorCode: int16,
  timestamp: since(0, int64, -1),
  offset: since(0, int64, -1),
  leaderEpoch: since(4, int32, -1),
});

const ListOffsetsTopicResponse = struct({
  name: string,
  partitions: array(ListOffsetsPartitionResponse),
});

const response = struct({
  throttleTimeMs: since(2, int32),
  topics: array(ListOffsetsTopicResponse),
});

export const ListOffsets = defineApi({
  key: 2,
  name: "ListOffsets",
  versions: [1, 7],
  flexibleFrom: 6,
  request,
  response,
});
