/**
 * Metadata (key 3, versions 0–12): brokers, topics, partitions and who leads them.
 *
 * No topics: all of them; in version 0 an empty list says so.
 *
 *   1  controller, internal topics   2  cluster id   4  auto-creation   5  offline replicas   7  leader epoch
 *   8–10  authorized operations   9  flexible   10  topic ids   12  topics asked for by id alone
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
  until,
  uuid,
} from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const MetadataRequestTopic = struct({
  topicId: since(10, uuid),
  name: nullableString,
});

const request = struct({
  topics: nullableArray(MetadataRequestTopic),
  allowAutoTopicCreation: since(4, bool, true),
  includeClusterAuthorizedOperations: until(10, since(8, bool)),
  includeTopicAuthorizedOperations: since(8, bool),
});

const MetadataResponseBroker = struct({
  nodeId: int32,
  host: string,
  port: int32,
  rack: since(1, nullableString),
});

const MetadataResponsePartition = struct({
  errorCode: int16,
  partitionIndex: int32,
  leaderId: int32,
  leaderEpoch: since(7, int32, -1),
  replicaNodes: array(int32),
  isrNodes: array(int32),
  offlineReplicas: since(5, array(int32)),
});

const MetadataResponseTopic = struct({
  errorCode: int16,
  name: nullableString,
  topicId: since(10, uuid),
  isInternal: since(1, bool),
  partitions: array(MetadataResponsePartition),
  topicAuthorizedOperations: since(8, int32, -0x8000_0000),
});

const response = struct({
  throttleTimeMs: since(3, int32),
  brokers: array(MetadataResponseBroker),
  clusterId: since(2, nullableString),
  controllerId: since(1, int32, -1),
  topics: array(MetadataResponseTopic),
  clusterAuthorizedOperations: until(10, since(8, int32, -0x8000_0000)),
});

export const Metadata = defineApi({ key: 3, name: "Metadata", versions: [0, 12], flexibleFrom: 9, request, response });
