/** DeleteGroups (42), versions 0–2: groups without members, with what they have committed. */
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { DeleteGroups } from "../messages/42-delete-groups.ts";

export async function deleteGroups(
  { groupsNames }: RequestOf<typeof DeleteGroups>,
  { broker }: Call,
): Promise<ResponseOf<typeof DeleteGroups>> {
  const groupIds = [...new Set(groupsNames)];
  try {
    return { results: await broker.engine.coordinator.deleteGroups(groupIds) };
  } catch (error) {
    const errorCode = groupErrorOf(error);
    return { results: groupIds.map((groupId) => ({ groupId, errorCode })) };
  }
}
