/**
 * InitProducerId (22), versions 0–4. Without a transactional id: a new producer id with epoch 0, also for one that had an id
 * before, as in Kafka. With one: the id's own, with the next epoch; who had it before is fenced, and what that one left open is
 * aborted before the answer. From version 3 on a producer may say what it has (KIP-360), and is fenced if that is not so.
 */
import { hasCode } from "../../errors.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import type { Broker } from "../broker.ts";
import { ERROR, refusalOf } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { InitProducerId } from "../messages/22-init-producer-id.ts";
import { transactionErrorOf } from "../transaction-errors.ts";

type Request = RequestOf<typeof InitProducerId>;
type Response = ResponseOf<typeof InitProducerId>;

const FIRST_VERSION_WITH_FENCED = 4;

export async function initProducerId(request: Request, { broker, version }: Call): Promise<Response> {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  if (producerId < 0 !== producerEpoch < 0) return refused(ERROR.INVALID_REQUEST);
  if (transactionalId === null) return newProducer(broker);
  const known = producerId < 0 ? undefined : { producerId, producerEpoch };
  const { transactions } = broker.engine;
  try {
    const identity = await transactions.initProducerId(transactionalId, transactionTimeoutMs, known);
    return { errorCode: ERROR.NONE, ...identity };
  } catch (error) {
    if (hasCode(error, "VARVE_INVALID_OPTION")) return refused(ERROR.INVALID_TRANSACTION_TIMEOUT);
    return refused(transactionErrorOf(error, version >= FIRST_VERSION_WITH_FENCED));
  }
}

async function newProducer({ engine }: Broker): Promise<Response> {
  try {
    return { errorCode: ERROR.NONE, producerId: await engine.producerIds.next(), producerEpoch: 0 };
  } catch (error) {
    return refused(refusalOf(error).errorCode);
  }
}

function refused(errorCode: number): Response {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
