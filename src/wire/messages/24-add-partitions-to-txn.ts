/**
 * AddPartitionsToTxn (key 24, versions 0–3): partitions that a transaction is about to write to.
 *
 *   3  flexible (from 4 on it is what brokers ask each other)
 */
import { array, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const AddPartitionsToTxnTopic = struct({
  name: string,
  partitions: array(int32),
});

const request = struct({
  v3AndBelowTransactionalId: string,
  v3AndBelowProducerId: int64,
  v3AndBelowProducerEpoch: int16,
  v3AndBelowTopics: array(AddPartitionsToTxnTopic),
});

const AddPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16,
});

const AddPartitionsToTxnTopicResult = struct({
  name: string,
  resultsByPartition: array(AddPartitionsToTxnPartitionResult),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  resultsByTopicV3AndBelow: array(AddPartitionsToTxnTopicResult),
});

export const AddPartitionsToTxn = defineApi({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 3],
  flexibleFrom: 3,
  request,
  response,
});
