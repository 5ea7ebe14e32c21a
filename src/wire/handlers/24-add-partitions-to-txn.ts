/**
 * AddPartitionsToTxn (24), versions 0–3. Of all partitions or of none: beside one that is not there the others are
 * OPERATION_NOT_ATTEMPTED (55). Internal topics are refused (29); their partitions join by AddOffsetsToTxn.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { AddPartitionsToTxn } from "../messages/24-add-partitions-to-txn.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Request = RequestOf<typeof AddPartitionsToTxn>;
type Response = ResponseOf<typeof AddPartitionsToTxn>;
type ErrorCodeOf = (topic: string, partition: number) => number;

const FIRST_VERSION_WITH_FENCED = 2;

export async function addPartitionsToTxn(request: Request, { broker, version }: Call): Promise<Response> {
  const { v3AndBelowTopics: topics, v3AndBelowTransactionalId: transactionalId } = request;
  const { v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch } = request;
  if (transactionalId === "") return answer(request, () => ERROR.INVALID_REQUEST);
  const check: ErrorCodeOf = (topic, partition) => refusalOf(topic, partition, broker);
  const partitions = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
  if (partitions.some(({ topic, partition }) => check(topic, partition) !== ERROR.NONE)) {
    return answer(request, (topic, partition) => check(topic, partition) || ERROR.OPERATION_NOT_ATTEMPTED);
  }
  try {
    await broker.engine.transactions.addPartitions(transactionalId, { producerId, producerEpoch }, partitions);
    return answer(request, () => ERROR.NONE);
  } catch (error) {
    const errorCode = transactionErrorOf(error, version >= FIRST_VERSION_WITH_FENCED);
    return answer(request, () => errorCode);
  }
}

function refusalOf(name: string, partition: number, { engine }: Broker): number {
  const topic = engine.topics.get(name);
  if (topic?.isInternal) return ERROR.TOPIC_AUTHORIZATION_FAILED;
  return topic?.partitions[partition] === undefined ? ERROR.UNKNOWN_TOPIC_OR_PARTITION : ERROR.NONE;
}

function answer({ v3AndBelowTopics: topics }: Request, errorCodeOf: ErrorCodeOf): Response {
  return {
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => {
        return { partitionIndex, partitionErrorCode: errorCodeOf(name, partitionIndex) };
      }),
    })),
  };
}
