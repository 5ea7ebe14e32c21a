/**
 * Fetch (key 1, versions 4–13): batches of partitions, from an offset on, waiting for them if need be.
 *
 *   5  log start offset   7  sessions   9  leader epoch   10  zstd   11  rack   12  flexible, diverging epochs   13  topics by id
 */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";
import { records } from "../records.ts";

const FetchPartition = struct({
  partition: int32,
  currentLeaderEpoch: since(9, int32, -1),
  fetchOffset: int64,
  lastFetchedEpoch: since(12, int32, -1),
  logStartOffset: since(5, int64, -1),
  partitionMaxBytes: int32,
});

const FetchTopic = struct({
  topic: until(12, string),
  topicId: since(13, uuid),
  partitions: array(FetchPartition),
});

const ForgottenTopic = struct({
  topic: until(12, string),
  topicId: since(13, uuid),
  partitions: array(int32),
});

const request = struct({
  clusterId: tagged(0, 12, nullableString),
  replicaId: since(0, int32, -1),
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: since(0, int32, 0x7fffffff),
  isolationLevel: int8,
  sessionId: since(7, int32),
  sessionEpoch: since(7, int32, -1),
  topics: array(FetchTopic),
  forgottenTopicsData: since(7, array(ForgottenTopic)),
  rackId: since(11, string),
});

const EpochEndOffset = struct({
  epoch: since(0, int32, -1),
  endOffset: since(0, int64, -1),
});

const LeaderIdAndEpoch = struct({
  leaderId: since(0, int32, -1),
  leaderEpoch: since(0, int32, -1),
});

const SnapshotId = struct({
  endOffset: since(0, int64, -1),
  epoch: since(0, int32, -1),
});

const AbortedTransaction = struct({
  producerId: int64,
  firstOffset: int64,
});

const PartitionData = struct({
  partitionIndex: int32,
  errorCode: int16,
  highWatermark: int64,
  lastStableOffset: since(0, int64, -1),
  logStartOffset: since(5, int64, -1),
  divergingEpoch: tagged(0, 12, EpochEndOffset),
  currentLeader: tagged(1, 12, LeaderIdAndEpoch),
  snapshotId: tagged(2, 12, SnapshotId),
  abortedTransactions: nullableArray(AbortedTransaction),
  preferredReadReplica: since(11, int32, -1),
  records,
});

const FetchableTopicResponse = struct({
  topic: until(12, string),
  topicId: since(13, uuid),
  partitions: array(PartitionData),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: since(7, int16),
  sessionId: since(7, int32),
  responses: array(FetchableTopicResponse),
});

export const Fetch = defineApi({ key: 1, name: "Fetch", versions: [4, 13], flexibleFrom: 12, request, response });
