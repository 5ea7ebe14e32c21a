/**
 * ListPartitionReassignments (key 46, version 0): partitions on the move. Kafka's own tool asks when it describes topics.
 */
import { array, int16, int32, nullableArray, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const ListPartitionReassignmentsTopics = struct({
  name: string,
  partitionIndexes: array(int32),
});

const request = struct({
  timeoutMs: since(0, int32, 60000),
  topics: nullableArray(ListPartitionReassignmentsTopics),
});

const OngoingPartitionReassignment = struct({
  partitionIndex: int32,
  replicas: array(int32),
  addingReplicas: array(int32),
  removingReplicas: array(int32),
});

const OngoingTopicReassignment = struct({
  name: string,
  partitions: array(OngoingPartitionReassignment),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
  errorMessage: since(0, nullableString),
  topics: array(OngoingTopicReassignment),
});

export const ListPartitionReassignments = defineApi({
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexibleFrom: 0,
  request,
  response,
});
