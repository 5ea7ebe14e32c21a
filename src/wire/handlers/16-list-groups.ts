/** ListGroups (16), versions 0–5: all groups, or those of some states (from 4 on) and types (from 5 on; "classic" is the only one). */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR } from "../error-codes.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { ListGroups } from "../messages/16-list-groups.ts";

export async function listGroups(
  { statesFilter: states, typesFilter: types }: RequestOf<typeof ListGroups>,
  { broker }: Call,
): Promise<ResponseOf<typeof ListGroups>> {
  try {
    return { errorCode: ERROR.NONE, groups: await broker.engine.coordinator.listGroups({ states, types }) };
  } catch (error) {
    return { errorCode: groupErrorOf(error), groups: [] };
  }
}
