/**
 * OffsetForLeaderEpoch (key 23, versions 2–4): where an epoch of a partition ends.
 *
 *   3  replica id   4  flexible
 */
import { array, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const OffsetForLeaderPartition = struct({
  partition: int32,
  currentLeaderEpoch: since(0, int32, -1),
  leaderEpoch: int32,
});

const OffsetForLeaderTopic = struct({
  topic: string,
  partitions: array(OffsetForLeaderPartition),
});

const request = struct({
  replicaId: since(3, int32, -2),
  topics: array(OffsetForLeaderTopic),
});

const EpochEndOffset = struct({
  errorCode: int16,
  partition: int32,
  leaderEpoch: since(0, int32, -1),
  endOffset: since(0, int64, -1),
});

const OffsetForLeaderTopicResult = struct({
  topic: string,
  partitions: array(EpochEndOffset),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  topics: array(OffsetForLeaderTopicResult),
});

export const OffsetForLeaderEpoch = defineApi({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexibleFrom: 4,
  request,
  response,
});
