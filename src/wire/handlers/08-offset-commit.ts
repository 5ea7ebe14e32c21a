/**
 * OffsetCommit (8), versions 2–9. Answered once the offsets have the durability of their topic. A retention time of its own,
 * which versions up to 4 can ask for, is not looked at: Kafka dropped it as well. Offsets past the end of the log are taken, as
 * Kafka does; negative ones, which Kafka stores too, are OFFSET_OUT_OF_RANGE (1).
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { OffsetCommit } from "../messages/08-offset-commit.ts";
import { allRefused, commitAnswer, offsetsToCommit } from "../offset-commits.ts";

type Request = RequestOf<typeof OffsetCommit>;
type Response = ResponseOf<typeof OffsetCommit>;

export async function offsetCommit(request: Request, { broker }: Call): Promise<Response> {
  const { groupId, generationIdOrMemberEpoch: generationId, memberId, groupInstanceId } = request;
  const topics = offsetsToCommit(request.topics);
  const asked = { groupId, generationId, memberId, groupInstanceId, isWire: true, topics };
  try {
    return commitAnswer(await broker.engine.coordinator.commitOffsets(asked));
  } catch (error) {
    return allRefused(request.topics, groupErrorOf(error));
  }
}
