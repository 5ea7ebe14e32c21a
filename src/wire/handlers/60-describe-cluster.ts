/** DescribeCluster (60), version 0: the one broker. Not here: authorized operations. */
import type { RequestOf, ResponseOf } from "../api.ts";
import { NODE_ID, OPERATIONS_NOT_ASKED } from "../broker.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { DescribeCluster } from "../messages/60-describe-cluster.ts";

export function describeCluster(
  _request: RequestOf<typeof DescribeCluster>,
  { broker }: Call,
): ResponseOf<typeof DescribeCluster> {
  const { host, port, engine } = broker;
  return {
    errorCode: ERROR.NONE,
    clusterId: engine.clusterId,
    controllerId: NODE_ID,
    brokers: [{ brokerId: NODE_ID, host, port, rack: null }],
    clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
  };
}
