/**
 * CreatePartitions (key 37, versions 0–3): gives topics more partitions.
 *
 *   2  flexible   3  as 2, with the error for a throttled quota
 */
import {
  array,
  bool,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const CreatePartitionsAssignment = struct({
  brokerIds: array(int32),
});

const CreatePartitionsTopic = struct({
  name: string,
  count: int32,
  assignments: nullableArray(CreatePartitionsAssignment),
});

const request = struct({
  topics: array(CreatePartitionsTopic),
  timeoutMs: int32,
  validateOnly: bool,
});

const CreatePartitionsTopicResult = struct({
  name: string,
  errorCode: int16,
  errorMessage: since(0, nullableString),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  results: array(CreatePartitionsTopicResult),
});

export const CreatePartitions = defineApi({
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexibleFrom: 2,
  request,
  response,
});
