/** LeaveGroup (13), versions 0–5. Up to 2 it is one member, whose error is that of the whole. The reason is not looked at. */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { LeaveGroup } from "../messages/13-leave-group.ts";

const FIRST_VERSION_WITH_MEMBERS = 3;

export async function leaveGroup(
  { groupId, memberId, members }: RequestOf<typeof LeaveGroup>,
  { broker, version }: Call,
): Promise<ResponseOf<typeof LeaveGroup>> {
  const isOne = version < FIRST_VERSION_WITH_MEMBERS;
  const leaving = isOne ? [{ memberId, groupInstanceId: null }] : members;
  try {
    const result = await broker.engine.coordinator.leaveGroup({ groupId, members: leaving });
    const ofOne = isOne ? (result.members[0]?.errorCode ?? ERROR.NONE) : ERROR.NONE;
    return { errorCode: result.errorCode === ERROR.NONE ? ofOne : result.errorCode, members: result.members };
  } catch (error) {
    return { errorCode: groupErrorOf(error), members: [] };
  }
}
