/**
 * TxnOffsetCommit (28), versions 0–4: pending until the transaction ends. From version 3 on who commits is checked as in
 * OffsetCommit. A fenced producer is told INVALID_PRODUCER_EPOCH (47) in every version, as by Kafka.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Call } from "../handler.ts";
import type { TxnOffsetCommit } from "../messages/28-txn-offset-commit.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Request = RequestOf<typeof TxnOffsetCommit>;
type Response = ResponseOf<typeof TxnOffsetCommit>;

export async function txnOffsetCommit(request: Request, { broker }: Call): Promise<Response> {
  const topics = request.topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(toCommit) }));
  try {
    const asked = { ...request, isWire: true, topics };
    const result = await broker.engine.coordinator.commitOffsetsInTransaction(asked);
    return {
      topics: result.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partition: partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
      })),
    };
  } catch (error) {
    return allFailed(request, transactionErrorOf(error, false));
  }
}

function toCommit(given: Request["topics"][number]["partitions"][number]) {
  const { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch } = given;
  return { partition, offset, leaderEpoch, metadata: given.committedMetadata ?? "" };
}

function allFailed({ topics }: Request, errorCode: number): Response {
  return {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  };
}
