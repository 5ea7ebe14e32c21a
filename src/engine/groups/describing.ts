/** How groups look to those who ask about them. */
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { Group } from "./group.ts";
import { NO_BYTES } from "./member.ts";
import type { DescribedGroup, ListedGroup, ListGroupsFilter } from "./requests.ts";

/** Protocol and subscriptions hold only while the group is stable. */
export function describeGroup(group: Group): DescribedGroup {
  const isStable = group.state === "Stable";
  const protocol = isStable ? group.protocolName : null;
  return {
    errorCode: KAFKA_ERRORS.NONE,
    groupId: group.id,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: protocol ?? "",
    generationId: group.generationId,
    leader: group.leaderId ?? "",
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: isStable ? member.metadataFor(protocol) : NO_BYTES,
      assignment: isStable ? member.assignment : NO_BYTES,
    })),
  };
}

export function describeMissing(groupId: string): DescribedGroup {
  return {
    errorCode: KAFKA_ERRORS.GROUP_ID_NOT_FOUND,
    groupId,
    groupState: "Dead",
    protocolType: "",
    protocolData: "",
    generationId: -1,
    leader: "",
    members: [],
  };
}

export function listGroup({ id, protocolType, state }: Group): ListedGroup {
  return { groupId: id, protocolType, groupState: state, groupType: "classic" };
}

export function matches(group: ListedGroup, { states = [], types = [] }: ListGroupsFilter): boolean {
  const isOneOf = (wanted: readonly string[], value: string) => {
    return wanted.length === 0 || wanted.some((one) => one.toLowerCase() === value.toLowerCase());
  };
  return isOneOf(states, group.groupState) && isOneOf(types, group.groupType);
}
