/** DescribeProducers (key 61, version 0): who has written to a partition lately, and whose transaction is open there. */
import { array, int16, int32, int64, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const TopicRequest = struct({
  name: string,
  partitionIndexes: array(int32),
});

const request = struct({
  topics: array(TopicRequest),
});

const ProducerState = struct({
  producerId: int64,
  producerEpoch: int32,
  lastSequence: since(0, int32, -1),
  lastTimestamp: since(0, int64, -1),
  coordinatorEpoch: int32,
  currentTxnStartOffset: since(0, int64, -1),
});

const PartitionResponse = struct({
  partitionIndex: int32,
  errorCode: int16,
  errorMessage: since(0, nullableString),
  activeProducers: array(ProducerState),
});

const TopicResponse = struct({
  name: string,
  partitions: array(PartitionResponse),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  topics: array(TopicResponse),
});

export const DescribeProducers = defineApi({
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexibleFrom: 0,
  request,
  response,
});
