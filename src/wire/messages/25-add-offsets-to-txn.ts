/**
 * AddOffsetsToTxn (key 25, versions 0–4): a group whose offsets a transaction is about to commit.
 *
 *   3  flexible   4  as 3, with PRODUCER_FENCED as an answer
 */
import { int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  groupId: string,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
});

export const AddOffsetsToTxn = defineApi({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexibleFrom: 3,
  request,
  response,
});
