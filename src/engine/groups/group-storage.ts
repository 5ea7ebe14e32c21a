/**
 * What the coordinator asks of the store of `__consumer_offsets`, and how a group looks in there: Kafka's GroupMetadataValue.
 *
 * Two things of ours are said in Kafka's fields. A member of this process has the host "in-process": after a restart it is gone
 * for certain, and is left out. A group whose offsets never expire has no state timestamp (-1), by which Kafka too would leave
 * them until they are committed again.
 */
import type { GroupMetadataValue } from "../../format/group-metadata.ts";
import type { CommittedOffset, OffsetCommit, TopicPartition } from "../offsets.ts";
import type { ProducerIdentity } from "../transactions/transaction.ts";
import { Group } from "./group.ts";
import { Member } from "./member.ts";

export interface GroupStorage {
  ready(): Promise<void>;
  /** The groups that were written, as they were last. */
  storedGroups(): Iterable<{ group: string; value: GroupMetadataValue }>;
  /** Null takes it away. */
  writeGroup(group: string, value: GroupMetadataValue | null): Promise<void>;
  commit(group: string, entries: readonly OffsetCommit[], mayPassEnd: boolean): Promise<void>;
  /** Counts once the transaction is committed. */
  commitInTransaction(
    group: string,
    producer: ProducerIdentity,
    entries: readonly OffsetCommit[],
    mayPassEnd: boolean,
  ): Promise<void>;
  /** Whether an open transaction has committed for the partition. */
  isPending(group: string, topic: string, partition: number): boolean;
  committed(group: string, topic: string, partition: number): CommittedOffset | undefined;
  allCommitted(group: string): (TopicPartition & { committed: CommittedOffset })[];
  /** Those that have committed something. */
  groups(): string[];
  delete(group: string, which?: readonly TopicPartition[]): Promise<void>;
}

export const IN_PROCESS_HOST = "in-process";

const NO_TIMESTAMP = -1;
/** Kafka's default, for a broker that takes over the directory: it would wait as long for a member that is not there. */
const SESSION_OF_IN_PROCESS_MS = 45_000;

export function toStored(group: Group): GroupMetadataValue {
  const { protocolType, generationId, protocolName, leaderId, members, expires, stateTimestamp } = group;
  return {
    protocolType,
    generation: generationId,
    protocol: protocolName,
    leader: leaderId,
    currentStateTimestamp: expires ? stateTimestamp : NO_TIMESTAMP,
    members: Array.from(members.values(), (member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.terms.rebalanceTimeoutMs,
      sessionTimeout: member.terms.sessionTimeoutMs ?? SESSION_OF_IN_PROCESS_MS,
      subscription: member.metadataFor(protocolName),
      assignment: member.assignment,
    })),
  };
}

/**
 * `isMissingMembers`: those of the process that is gone; the others must share out what they had. With `keepsAll` the process may
 * live, and everybody is there.
 */
export function fromStored(
  id: string,
  value: GroupMetadataValue,
  now: number,
  keepsAll = false,
): { group: Group; isMissingMembers: boolean } {
  const { currentStateTimestamp, protocolType, protocol, leader } = value;
  const group = new Group(id, currentStateTimestamp === NO_TIMESTAMP ? now : currentStateTimestamp);
  const present = value.members.filter(({ clientHost }) => keepsAll || clientHost !== IN_PROCESS_HOST);
  for (const { memberId, groupInstanceId, clientId, clientHost, ...stored } of present) {
    const member = new Member(
      { memberId, groupInstanceId, clientId, clientHost },
      {
        protocolType,
        protocols: [{ name: protocol ?? "", metadata: stored.subscription }],
        sessionTimeoutMs: stored.sessionTimeout,
        rebalanceTimeoutMs: stored.rebalanceTimeout,
      },
    );
    member.assignment = stored.assignment;
    group.add(member);
  }
  group.protocolType = protocolType;
  group.generationId = value.generation;
  group.expires = currentStateTimestamp !== NO_TIMESTAMP;
  group.isStored = true;
  if (present.length > 0) {
    group.state = "Stable";
    group.protocolName = protocol;
    if (leader !== null && group.members.has(leader)) group.leaderId = leader;
  }
  return { group, isMissingMembers: present.length < value.members.length };
}
