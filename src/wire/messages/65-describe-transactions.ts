/** DescribeTransactions (key 65, version 0): where transactional ids stand, and which partitions their transactions are in. */
import { array, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  transactionalIds: array(string),
});

const TopicData = struct({
  topic: string,
  partitions: array(int32),
});

const TransactionState = struct({
  errorCode: int16,
  transactionalId: string,
  transactionState: string,
  transactionTimeoutMs: int32,
  transactionStartTimeMs: int64,
  producerId: int64,
  producerEpoch: int16,
  topics: array(TopicData),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  transactionStates: array(TransactionState),
});

export const DescribeTransactions = defineApi({
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexibleFrom: 0,
  request,
  response,
});
