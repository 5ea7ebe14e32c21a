/**
 * InitProducerId (22), versions 0–4: a new id for an idempotent producer, with epoch 0. One that had an id before gets another
 * one all the same, as in Kafka. Transactional ids are refused: there are no transactions here.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { ERROR, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { InitProducerId } from "../messages/22-init-producer-id.ts";

type Response = ResponseOf<typeof InitProducerId>;

export async function initProducerId(
  { transactionalId }: RequestOf<typeof InitProducerId>,
  { broker }: Call,
): Promise<Response> {
  if (transactionalId !== null) return refused(ERROR.INVALID_REQUEST);
  try {
    return { errorCode: ERROR.NONE, producerId: await broker.engine.producerIds.next(), producerEpoch: 0 };
  } catch (error) {
    return refused(refusalOf(error).errorCode);
  }
}

function refused(errorCode: number): Response {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
