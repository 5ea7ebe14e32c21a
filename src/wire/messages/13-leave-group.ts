/**
 * LeaveGroup (key 13, versions 0–5): members go.
 *
 *   1  throttle time   3  several, static ones too   4  flexible   5  a reason
 */
import { array, int16, int32, nullableString, since, string, struct, until } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const MemberIdentity = struct({
  memberId: string,
  groupInstanceId: nullableString,
  reason: since(5, nullableString),
});

const request = struct({
  groupId: string,
  memberId: until(2, string),
  members: since(3, array(MemberIdentity)),
});

const MemberResponse = struct({
  memberId: string,
  groupInstanceId: nullableString,
  errorCode: int16,
});

const response = struct({
  throttleTimeMs: since(1, int32),
  errorCode: int16,
  members: since(3, array(MemberResponse)),
});

export const LeaveGroup = defineApi({
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  request,
  response,
});
