/** OffsetFetch (9), versions 1–9: one group, or from 8 on several. There are no open transactions that stable offsets wait for. */
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
  if (version < FIRST_VERSION_WITH_GROUPS) return answerOf(request, broker);
  const groups: GroupAnswer[] = [];
  for (const asked of request.groups) groups.push(await answerOf(asked, broker));
  return { groups };
}

async function answerOf({ groupId, topics }: Asked, broker: Broker): Promise<GroupAnswer> {
  const asked = topics?.map(({ name, partitionIndexes: partitions }) => ({ name, partitions })) ?? null;
  try {
    const result = await broker.engine.coordinator.fetchOffsets({ groupId, topics: asked });
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
