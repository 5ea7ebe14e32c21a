/**
 * InitProducerId (key 22, versions 0–4): an id and an epoch for an idempotent producer.
 *
 *   2  flexible   3  the id and epoch that the producer has   4  as 3, with PRODUCER_FENCED as an answer
 */
import { int16, int32, int64, nullableString, since, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  transactionalId: nullableString,
  transactionTimeoutMs: int32,
  producerId: since(3, int64, -1),
  producerEpoch: since(3, int16, -1),
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
  producerId: since(0, int64, -1),
  producerEpoch: int16,
});

export const InitProducerId = defineApi({
  key: 22,
  name: "InitProducerId",
  versions: [0, 4],
  flexibleFrom: 2,
  request,
  response,
});
