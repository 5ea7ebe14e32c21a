/**
 * FindCoordinator (key 10, versions 0–4): who coordinates a group (key type 0) or a transactional id (1).
 *
 *   1  key type   3  flexible   4  several keys
 */
import { array, int8, int16, int32, nullableString, since, string, struct, until } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  key: until(3, string),
  keyType: since(1, int8),
  coordinatorKeys: since(4, array(string)),
});

const Coordinator = struct({
  key: string,
  nodeId: int32,
  host: string,
  port: int32,
  errorCode: int16,
  errorMessage: since(0, nullableString),
});

const response = struct({
  throttleTimeMs: since(1, int32),
  errorCode: until(3, int16),
  errorMessage: until(3, since(1, nullableString)),
  nodeId: until(3, int32),
  host: until(3, string),
  port: until(3, int32),
  coordinators: since(4, array(Coordinator)),
});

export const FindCoordinator = defineApi({
  key: 10,
  name: "FindCoordinator",
  versions: [0, 4],
  flexibleFrom: 3,
  request,
  response,
});
