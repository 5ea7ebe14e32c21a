/**
 * JoinGroup (11), versions 0–9. Answered when the group has formed. Version 0 has no rebalance timeout: the session's counts.
 * From 4 on a member that comes without an id is given one first; from 9 on a leader that comes back may be told not to
 * assign. The reason is not looked at.
 */
import type { JoinGroupResult } from "../../engine/groups/requests.ts";
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf, unlessEnding } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { JoinGroup } from "../messages/11-join-group.ts";

type Response = ResponseOf<typeof JoinGroup>;

const FIRST_VERSION_WITH_REBALANCE_TIMEOUT = 1;
const FIRST_VERSION_WITH_KNOWN_IDS = 4;
const FIRST_VERSION_WITHOUT_PROTOCOL_NAME = 7;
const FIRST_VERSION_WITH_SKIPPING = 9;

export async function joinGroup(request: RequestOf<typeof JoinGroup>, call: Call): Promise<Response> {
  const { broker, caller, version, clientId } = call;
  const { groupId, memberId, groupInstanceId, sessionTimeoutMs, protocolType } = request;
  const hasRebalanceTimeout = version >= FIRST_VERSION_WITH_REBALANCE_TIMEOUT;
  try {
    const joined = broker.engine.coordinator.joinGroup({
      groupId,
      memberId,
      groupInstanceId,
      clientId,
      clientHost: caller.clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs: hasRebalanceTimeout ? request.rebalanceTimeoutMs : sessionTimeoutMs,
      protocolType,
      // Copies: what a group keeps must not keep the whole request.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() })),
      requiresKnownMemberId: version >= FIRST_VERSION_WITH_KNOWN_IDS,
      canSkipAssignment: version >= FIRST_VERSION_WITH_SKIPPING,
    });
    return answerOf(await unlessEnding(joined, caller), version);
  } catch (error) {
    return { errorCode: groupErrorOf(error), protocolName: emptyName(version), leader: "", memberId, members: [] };
  }
}

function answerOf(result: JoinGroupResult, version: number): Response {
  return { ...result, protocolName: result.protocolName ?? emptyName(version) };
}

function emptyName(version: number): string | null {
  return version >= FIRST_VERSION_WITHOUT_PROTOCOL_NAME ? null : "";
}
