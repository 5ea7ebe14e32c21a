/**
 * SyncGroup (key 14, versions 0–5): the leader hands in the assignment, each member takes its own.
 *
 *   1  throttle time   3  static members   4  flexible   5  protocol type and name
 */
import { array, bytes, int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const SyncGroupRequestAssignment = struct({
  memberId: string,
  assignment: bytes,
});

const request = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: since(3, nullableString),
  protocolType: since(5, nullableString),
  protocolName: since(5, nullableString),
  assignments: array(SyncGroupRequestAssignment),
});

const response = struct({
  throttleTimeMs: since(1, int32),
  errorCode: int16,
  protocolType: since(5, nullableString),
  protocolName: since(5, nullableString),
  assignment: bytes,
});

export const SyncGroup = defineApi({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  request,
  response,
});
