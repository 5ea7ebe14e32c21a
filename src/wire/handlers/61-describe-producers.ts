/** DescribeProducers (61), version 0: the producers of a partition that have not expired. The epoch of the coordinator is 0 always. */
import type { ProducerSnapshotEntry } from "../../format/snapshots.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { DescribeProducers } from "../messages/61-describe-producers.ts";

type Response = ResponseOf<typeof DescribeProducers>;
type PartitionAnswer = Response["topics"][number]["partitions"][number];

export async function describeProducers(
  { topics }: RequestOf<typeof DescribeProducers>,
  { broker }: Call,
): Promise<Response> {
  const answered: Response["topics"][number][] = [];
  for (const { name, partitionIndexes } of topics) {
    const partitions: PartitionAnswer[] = [];
    for (const partitionIndex of partitionIndexes) {
      try {
        const { producers } = await broker.partition(name, partitionIndex);
        partitions.push({ partitionIndex, errorCode: ERROR.NONE, activeProducers: producers.map(shown) });
      } catch (error) {
        partitions.push({ partitionIndex, ...refusalOf(error), activeProducers: [] });
      }
    }
    answered.push({ name, partitions });
  }
  return { topics: answered };
}

function shown(entry: ProducerSnapshotEntry): PartitionAnswer["activeProducers"][number] {
  const { producerId, epoch: producerEpoch, lastSequence, timestamp: lastTimestamp, coordinatorEpoch } = entry;
  const currentTxnStartOffset = entry.currentTxnFirstOffset;
  return { producerId, producerEpoch, lastSequence, lastTimestamp, coordinatorEpoch, currentTxnStartOffset };
}
