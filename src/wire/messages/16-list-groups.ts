/**
 * ListGroups (key 16, versions 0–5): all groups.
 *
 *   1  throttle time   3  flexible   4  by state   5  by type
 */
import { array, int16, int32, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  statesFilter: since(4, array(string)),
  typesFilter: since(5, array(string)),
});

const ListedGroup = struct({
  groupId: string,
  protocolType: string,
  groupState: since(4, string),
  groupType: since(5, string),
});

const response = struct({
  throttleTimeMs: since(1, int32),
  errorCode: int16,
  groups: array(ListedGroup),
});

export const ListGroups = defineApi({
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexibleFrom: 3,
  request,
  response,
});
