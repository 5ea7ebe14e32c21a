/**
 * JoinGroup (key 11, versions 0–9): a member comes, or comes again for the next generation.
 *
 *   1  rebalance timeout   4  the member id is given first (error 79)   5  static members   6  flexible   7  protocol type
 *   8  a reason   9  the leader may skip the assignment
 */
import { array, bool, bytes, int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const JoinGroupRequestProtocol = struct({
  name: string,
  metadata: bytes,
});

const request = struct({
  groupId: string,
  sessionTimeoutMs: int32,
  rebalanceTimeoutMs: since(1, int32, -1),
  memberId: string,
  groupInstanceId: since(5, nullableString),
  protocolType: string,
  protocols: array(JoinGroupRequestProtocol),
  reason: since(8, nullableString),
});

const JoinGroupResponseMember = struct({
  memberId: string,
  groupInstanceId: since(5, nullableString),
  metadata: bytes,
});

const response = struct({
  throttleTimeMs: since(2, int32),
  errorCode: int16,
  generationId: since(0, int32, -1),
  protocolType: since(7, nullableString),
  protocolName: nullableString,
  leader: string,
  skipAssignment: since(9, bool),
  memberId: string,
  members: array(JoinGroupResponseMember),
});

export const JoinGroup = defineApi({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexibleFrom: 6,
  request,
  response,
});
