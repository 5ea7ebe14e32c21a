/**
 * OffsetForLeaderEpoch (23), versions 2–4: where the records of an epoch end, so that a client can tell whether what it has
 * read is still what is there. (An epoch rises here when an open found that records may have been lost.)
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { OffsetForLeaderEpoch } from "../messages/23-offset-for-leader-epoch.ts";

type Response = ResponseOf<typeof OffsetForLeaderEpoch>;
type PartitionAnswer = Response["topics"][number]["partitions"][number];

const UNKNOWN = { leaderEpoch: -1, endOffset: -1 };

export async function offsetForLeaderEpoch(
  { topics }: RequestOf<typeof OffsetForLeaderEpoch>,
  { broker }: Call,
): Promise<Response> {
  const answered: Response["topics"][number][] = [];
  for (const { topic, partitions } of topics) {
    const answers: PartitionAnswer[] = [];
    for (const { partition: index, currentLeaderEpoch, leaderEpoch } of partitions) {
      try {
        const partition = await broker.partition(topic, index, currentLeaderEpoch);
        const end = partition.endOfLeaderEpoch(leaderEpoch);
        const found = end === undefined ? UNKNOWN : { leaderEpoch: end.epoch, endOffset: end.endOffset };
        answers.push({ partition: index, errorCode: ERROR.NONE, ...found });
      } catch (error) {
        answers.push({ partition: index, errorCode: refusalOf(error).errorCode, ...UNKNOWN });
      }
    }
    answered.push({ topic, partitions: answers });
  }
  return { topics: answered };
}
