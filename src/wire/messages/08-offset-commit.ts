/**
 * OffsetCommit (key 8, versions 2–9): the positions of a group.
 *
 *   2–4  retention time   6  leader epoch   7  static members   8  flexible   9  as 8, with codes of the newer group protocol
 */
import { array, int16, int32, int64, nullableString, since, string, struct, until } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const OffsetCommitRequestPartition = struct({
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(6, int32, -1),
  committedMetadata: nullableString,
});

const OffsetCommitRequestTopic = struct({
  name: string,
  partitions: array(OffsetCommitRequestPartition),
});

const request = struct({
  groupId: string,
  generationIdOrMemberEpoch: since(0, int32, -1),
  memberId: string,
  groupInstanceId: since(7, nullableString),
  retentionTimeMs: until(4, int64, -1),
  topics: array(OffsetCommitRequestTopic),
});

const OffsetCommitResponsePartition = struct({
  partitionIndex: int32,
  errorCode: int16,
});

const OffsetCommitResponseTopic = struct({
  name: string,
  partitions: array(OffsetCommitResponsePartition),
});

const response = struct({
  throttleTimeMs: since(3, int32),
  topics: array(OffsetCommitResponseTopic),
});

export const OffsetCommit = defineApi({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 9],
  flexibleFrom: 8,
  request,
  response,
});
