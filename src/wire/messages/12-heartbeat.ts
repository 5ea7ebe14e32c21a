/**
 * Heartbeat (key 12, versions 0–4): a member is alive.
 *
 *   1  throttle time   3  static members   4  flexible
 */
import { int16, int32, nullableString, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: since(3, nullableString),
});

const response = struct({
  throttleTimeMs: since(1, int32),
  errorCode: int16,
});

export const Heartbeat = defineApi({
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexibleFrom: 4,
  request,
  response,
});
