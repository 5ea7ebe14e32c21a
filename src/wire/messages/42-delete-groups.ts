/**
 * DeleteGroups (key 42, versions 0–2): deletes groups without members.
 *
 *   2  flexible
 */
import { array, int16, int32, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  groupsNames: array(string),
});

const DeletableGroupResult = struct({
  groupId: string,
  errorCode: int16,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  results: array(DeletableGroupResult),
});

export const DeleteGroups = defineApi({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexibleFrom: 2,
  request,
  response,
});
