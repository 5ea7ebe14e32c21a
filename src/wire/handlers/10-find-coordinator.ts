/**
 * FindCoordinator (10), versions 0–4: of every group (key type 0) and every transactional id (1) it is this broker. Share groups
 * (2) have none here.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID } from "../broker.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { FindCoordinator } from "../messages/10-find-coordinator.ts";

const GROUP = 0;
const TRANSACTION = 1;

const NONE = { nodeId: -1, host: "", port: -1 };

export function findCoordinator(
  request: RequestOf<typeof FindCoordinator>,
  { broker }: Call,
): ResponseOf<typeof FindCoordinator> {
  const found = coordinator(request.keyType, broker);
  return { ...found, coordinators: request.coordinatorKeys.map((key) => ({ key, ...found })) };
}

function coordinator(keyType: number, { host, port }: Broker) {
  const isHere = keyType === GROUP || keyType === TRANSACTION;
  if (isHere) return { errorCode: ERROR.NONE, errorMessage: null, nodeId: NODE_ID, host, port };
  return { errorCode: ERROR.INVALID_REQUEST, errorMessage: `there is no coordinator of key type ${keyType}`, ...NONE };
}
