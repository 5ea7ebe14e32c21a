/** Who may speak in a group, and when: each answers one of Kafka's codes, NONE where nothing speaks against it. */
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { Group } from "./group.ts";
import type { MemberOfGroup, SyncGroupRequest } from "./requests.ts";

/** Who speaks, and of which generation. */
export function checkMember(group: Group, { memberId, groupInstanceId, generationId }: MemberOfGroup): number {
  const errorCode = group.validate(memberId, groupInstanceId);
  if (errorCode !== KAFKA_ERRORS.NONE) return errorCode;
  return generationId === group.generationId ? KAFKA_ERRORS.NONE : KAFKA_ERRORS.ILLEGAL_GENERATION;
}

export function checkSync(group: Group, request: SyncGroupRequest): number {
  const errorCode = checkMember(group, request);
  if (errorCode !== KAFKA_ERRORS.NONE) return errorCode;
  const { protocolType, protocolName } = request;
  const isOther =
    (protocolType !== null && protocolType !== group.protocolType) ||
    (protocolName !== null && protocolName !== group.protocolName);
  if (isOther) return KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL;
  return group.state === "PreparingRebalance" ? KAFKA_ERRORS.REBALANCE_IN_PROGRESS : KAFKA_ERRORS.NONE;
}

/** From outside the group, nobody may commit while somebody is in it. */
export function checkCommit(group: Group, request: MemberOfGroup): number {
  const { generationId, memberId, groupInstanceId } = request;
  if (generationId < 0 && group.state === "Empty") return KAFKA_ERRORS.NONE;
  if (generationId < 0 && memberId === "" && groupInstanceId === null) return KAFKA_ERRORS.UNKNOWN_MEMBER_ID;
  const errorCode = checkMember(group, request);
  if (errorCode !== KAFKA_ERRORS.NONE) return errorCode;
  return group.state === "CompletingRebalance" ? KAFKA_ERRORS.REBALANCE_IN_PROGRESS : KAFKA_ERRORS.NONE;
}

/** In a transaction: its id fences already, so that nobody need be a member. Whoever says so must be one, of the generation. */
export function checkTransactionalCommit(group: Group, request: MemberOfGroup): number {
  const { generationId, memberId, groupInstanceId } = request;
  if (generationId < 0 && (group.state === "Empty" || (memberId === "" && groupInstanceId === null))) {
    return KAFKA_ERRORS.NONE;
  }
  return checkMember(group, request);
}

/** Of a group that there is not: nobody can be a member of it. */
export function checkNoGroup({ generationId }: MemberOfGroup): number {
  return generationId < 0 ? KAFKA_ERRORS.NONE : KAFKA_ERRORS.ILLEGAL_GENERATION;
}
