/**
 * OffsetCommit (8), versions 2–9. Answered once the offsets have the durability of their topic. A retention time of its own,
 * which versions up to 4 can ask for, is not looked at: Kafka dropped it as well. Offsets past the end of the log are taken, as
 * Kafka does; negative ones, which Kafka stores too, are OFFSET_OUT_OF_RANGE (1).
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { OffsetCommit } from "../messages/08-offset-commit.ts";

type Request = RequestOf<typeof OffsetCommit>;
type Response = ResponseOf<typeof OffsetCommit>;

export async function offsetCommit(request: Request, { broker }: Call): Promise<Response> {
  const { groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId } = request;
  const topics = request.topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(toCommit) }));
  const asked = { groupId, generationId, memberId, groupInstanceId, isWire: true, topics };
  try {
    const result = await broker.engine.coordinator.commitOffsets(asked);
    return {
      topics: result.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partition: partitionIndex, errorCode }) => ({ partitionIndex, errorCode })),
      })),
    };
  } catch (error) {
    return allFailed(request, groupErrorOf(error));
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
