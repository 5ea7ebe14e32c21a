/**
 * OffsetFetch (9), versions 1–9: one group, or from 8 on several. Where an open transaction has committed, who asks for stable
 * offsets (from 7 on) is told to ask again: UNSTABLE_OFFSET_COMMIT (88).
 */
import type { FetchOffsetsResult } from "../../engine/groups/requests.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { OffsetFetch } from "../messages/09-offset-fetch.ts";

type Request = RequestOf<typeof OffsetFetch>;
type Response = ResponseOf<typeof OffsetFetch>;
type GroupAnswer = NonNullable<Response["groups"]>[number];
type Asked = Pick<Request["groups"][number], "groupId" | "topics">;

const FIRST_VERSION_WITH_GROUPS = 8;

export async function offsetFetch(request: Request, { broker, version }: Call): Promise<Response> {
  const { requireStable } = request;
  if (version < FIRST_VERSION_WITH_GROUPS) return answerOf(request, requireStable, broker);
  const groups: GroupAnswer[] = [];
  for (const asked of request.groups) groups.push(await answerOf(asked, requireStable, broker));
  return { groups };
}

async function answerOf({ groupId, topics }: Asked, requireStable: boolean, broker: Broker): Promise<GroupAnswer> {
  const asked = topics?.map(({ name, partitionIndexes: partitions }) => ({ name, partitions })) ?? null;
  try {
    const result = await broker.engine.coordinator.fetchOffsets({ groupId, topics: asked, requireStable });
    return { groupId, errorCode: result.errorCode, topics: topicsOf(result) };
  } catch (error) {
    return { groupId, errorCode: groupErrorOf(error), topics: [] };
  }
}

function topicsOf({ topics }: FetchOffsetsResult): GroupAnswer["topics"] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata, errorCode }) => {
      return {
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        metadata,
        errorCode,
      };
    }),
  }));
}
