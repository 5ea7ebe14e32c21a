/**
 * EndTxn (key 26, versions 0–4): a transaction's end, by commit or by abort.
 *
 *   3  flexible   4  as 3, with PRODUCER_FENCED as an answer (from 5 on each transaction has an epoch of its own: KIP-890)
 */
import { bool, int16, int32, int64, since, string, struct } from "../../format/schema.ts";
import { defineApi } from "../api.ts";

const request = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  committed: bool,
});

const response = struct({
  throttleTimeMs: since(0, int32),
  errorCode: int16,
});

export const EndTxn = defineApi({
  key: 26,
  name: "EndTxn",
  versions: [0, 4],
  flexibleFrom: 3,
  request,
  response,
});
