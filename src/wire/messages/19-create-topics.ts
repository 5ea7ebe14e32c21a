/**
 * CreateTopics (key 19, versions 2–7): makes topics, or only checks them.
 *
 *   4  defaults for partitions and replicas (−1)   5  flexible, the topic's configuration   7  topic id
 */
import {
  array,
  bool,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  tagged,
  uuid,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const CreatableReplicaAssignment = struct({
  partitionIndex: int32,
  brokerIds: array(int32),
});

const CreatableTopicConfig = struct({
  name: string,
  value: nullableString,
});

const CreatableTopic = struct({
  name: string,
  numPartitions: int32,
  replicationFactor: int16,
  assignments: array(CreatableReplicaAssignment),
  configs: array(CreatableTopicConfig),
});

const request = struct({
  topics: array(CreatableTopic),
  timeoutMs: since(0, int32, 60000),
  validateOnly: bool,
});

const CreatableTopicConfigs = struct({
  name: string,
  value: nullableString,
  readOnly: bool,
  configSource: since(0, int8, -1),
  isSensitive: bool,
});

const CreatableTopicResult = struct({
  name: string,
  topicId: since(7, uuid),
  errorCode: int16,
  errorMessage: since(0, nullableString),
  topicConfigErrorCode: tagged(0, 5, int16),
  numPartitions: since(5, int32, -1),
  replicationFactor: since(5, int16, -1),
  configs: since(5, nullableArray(CreatableTopicConfigs)),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  topics: array(CreatableTopicResult),
});

export const CreateTopics = defineApi({
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexibleFrom: 5,
  request,
  response,
});
