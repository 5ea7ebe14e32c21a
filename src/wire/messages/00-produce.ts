/**
 * Produce (key 0, versions 0–11): record batches for partitions.
 *
 * Versions before 3 carry message sets of magic 0 and 1. They are listed because librdkafka compresses only for a broker that
 * lists them, and read only to be refused.
 *
 *   3  transactional ids, batches of magic 2   5  log start offset   7  zstd   8  an error per record   9  flexible
 *   10  the current leader in a tag   11  transactions of KIP-890, for clients that know them
 */
import {
  array,
  int16,
  int32,
  int64,
  nullableBytes,
  nullableString,
  since,
  string,
  struct,
  tagged,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const PartitionProduceData = struct({
  index: int32,
  records: nullableBytes,
});

const TopicProduceData = struct({
  name: string,
  partitionData: array(PartitionProduceData),
});

const request = struct({
  transactionalId: since(3, nullableString),
  acks: int16,
  timeoutMs: int32,
  topicData: array(TopicProduceData),
});

const BatchIndexAndErrorMessage = struct({
  batchIndex: int32,
  batchIndexErrorMessage: nullableString,
});

const LeaderIdAndEpoch = struct({
  leaderId: since(0, int32, -1),
  leaderEpoch: since(0, int32, -1),
});

const PartitionProduceResponse = struct({
  index: int32,
  errorCode: int16,
  baseOffset: int64,
  logAppendTimeMs: since(2, int64, -1),
  logStartOffset: since(5, int64, -1),
  recordErrors: since(8, array(BatchIndexAndErrorMessage)),
  errorMessage: since(8, nullableString),
  currentLeader: tagged(0, 10, LeaderIdAndEpoch),
});

const TopicProduceResponse = struct({
  name: string,
  partitionResponses: array(PartitionProduceResponse),
});

const NodeEndpoint = struct({
  nodeId: int32,
  host: string,
  port: int32,
  rack: nullableString,
});

const response = struct({
  responses: array(TopicProduceResponse),
  throttleTimeMs: since(1, int32),
  nodeEndpoints: tagged(0, 10, array(NodeEndpoint)),
});

export const Produce = defineApi({ key: 0, name: "Produce", versions: [0, 11], flexibleFrom: 9, request, response });
