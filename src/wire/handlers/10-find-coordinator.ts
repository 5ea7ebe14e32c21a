/**
 * FindCoordinator (10), versions 0–4: of every group it is this broker. Transactional ids (key type 1) have none here: they
 * are refused for good, so that a producer says so at once instead of asking for ever.
 */
import type { RequestOf, ResponseOf } from "../api.ts";
import { type Broker, NODE_ID } from "../broker.ts";
import { ERROR } from "../error-codes.ts";
import type { Call } from "../handler.ts";
import type { FindCoordinator } from "../messages/10-find-coordinator.ts";

const GROUP = 0;

const NONE = { nodeId: -1, host: "", port: -1 };

export function findCoordinator(
  request: RequestOf<typeof FindCoordinator>,
  { broker }: Call,
): ResponseOf<typeof FindCoordinator> {
  const found = coordinator(request.keyType, broker);
  return { ...found, coordinators: request.coordinatorKeys.map((key) => ({ key, ...found })) };
}

function coordinator(keyType: number, { host, port }: Broker) {
  if (keyType === GROUP) return { errorCode: ERROR.NONE, errorMessage: null, nodeId: NODE_ID, host, port };
  const errorMessage = "this listener coordinates groups; it has no transactions";
  return { errorCode: ERROR.INVALID_REQUEST, errorMessage, ...NONE };
}
