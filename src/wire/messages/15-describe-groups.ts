/**
 * DescribeGroups (key 15, versions 0–5): state, protocol and members of groups.
 *
 *   1  throttle time   3  authorized operations   4  static members   5  flexible
 */
import { array, bool, bytes, int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  groups: array(string),
  includeAuthorizedOperations: since(3, bool),
});

const DescribedGroupMember = struct({
  memberId: string,
  groupInstanceId: since(4, nullableString),
  clientId: string,
  clientHost: string,
  memberMetadata: bytes,
  memberAssignment: bytes,
});

const DescribedGroup = struct({
  errorCode: int16,
  groupId: string,
  groupState: string,
  protocolType: string,
  protocolData: string,
  members: array(DescribedGroupMember),
  authorizedOperations: since(3, int32, -0x8000_0000),
});

const response = struct({
  throttleTimeMs: since(1, int32),
  groups: array(DescribedGroup),
});

export const DescribeGroups = defineApi({
  key: 15,
  name: "DescribeGroups",
  versions: [0, 5],
  flexibleFrom: 5,
  request,
  response,
});
