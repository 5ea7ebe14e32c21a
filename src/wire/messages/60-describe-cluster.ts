/**
 * DescribeCluster (key 60, version 0): brokers, controller and cluster id.
 */
import { array, bool, int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  includeClusterAuthorizedOperations: bool,
});

const DescribeClusterBroker = struct({
  brokerId: int32,
  host: string,
  port: int32,
  rack: nullableString,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
  errorMessage: since(0, nullableString),
  clusterId: string,
  controllerId: since(0, int32, -1),
  brokers: array(DescribeClusterBroker),
  clusterAuthorizedOperations: since(0, int32, -0x8000_0000),
});

export const DescribeCluster = defineApi({
  key: 60,
  name: "DescribeCluster",
  versions: [0, 0],
  flexibleFrom: 0,
  request,
  response,
});
