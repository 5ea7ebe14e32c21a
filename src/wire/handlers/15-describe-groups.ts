/**
 * DescribeGroups (15), versions 0–5. A group that there is not is "Dead" and no error, as these versions have it. Not here:
 * authorized operations.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { DescribeGroups } from "../messages/15-describe-groups.ts";

type Response = ResponseOf<typeof DescribeGroups>;

export async function describeGroups(
  { groups }: RequestOf<typeof DescribeGroups>,
  { broker }: Call,
): Promise<Response> {
  const groupIds = [...new Set(groups)];
  try {
    const found = await broker.engine.coordinator.describeGroups(groupIds);
    return {
      groups: found.map(({ errorCode, members, ...group }) => ({
        ...group,
        errorCode: errorCode === ERROR.GROUP_ID_NOT_FOUND ? ERROR.NONE : errorCode,
        members: members.map(({ metadata: memberMetadata, assignment: memberAssignment, ...member }) => {
          return { ...member, memberMetadata, memberAssignment };
        }),
      })),
    };
  } catch (error) {
    const failed = { errorCode: groupErrorOf(error), groupState: "", protocolType: "", protocolData: "", members: [] };
    return { groups: groupIds.map((groupId) => ({ groupId, ...failed })) };
  }
}
