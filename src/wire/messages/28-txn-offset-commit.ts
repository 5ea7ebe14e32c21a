/**
 * TxnOffsetCommit (key 28, versions 0–4): the positions of a group, which count when the transaction is committed.
 *
 *   2  leader epoch   3  flexible, who in the group commits   4  as 3, with PRODUCER_FENCED as an answer
 */
import { array, int16, int32, int64, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const TxnOffsetCommitRequestPartition = struct({
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(2, int32, -1),
  committedMetadata: nullableString,
});

const TxnOffsetCommitRequestTopic = struct({
  name: string,
  partitions: array(TxnOffsetCommitRequestPartition),
});

const request = struct({
  transactionalId: string,
  groupId: string,
  producerId: int64,
  producerEpoch: int16,
  generationId: since(3, int32, -1),
  memberId: since(3, string),
  groupInstanceId: since(3, nullableString),
  topics: array(TxnOffsetCommitRequestTopic),
});

const TxnOffsetCommitResponsePartition = struct({
  partitionIndex: int32,
  errorCode: int16,
});

const TxnOffsetCommitResponseTopic = struct({
  name: string,
  partitions: array(TxnOffsetCommitResponsePartition),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  topics: array(TxnOffsetCommitResponseTopic),
});

export const TxnOffsetCommit = defineApi({
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 4],
  flexibleFrom: 3,
  request,
  response,
});
