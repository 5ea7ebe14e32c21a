/**
 * What members of a group say to the coordinator, and what it answers: Kafka's requests and responses as plain objects,
 * without versions. A handler of the wire decodes into these and encodes from these; a consumer of this process fills them
 * itself. Every answer carries one of Kafka's error codes (engine/kafka-errors.ts); none of these calls rejects for what a
 * member did.
 *
 * Where versions of Kafka's messages differ, the newest shape is meant. What a handler of an older one must fill in:
 *   JoinGroup 0         rebalanceTimeoutMs = sessionTimeoutMs
 *   JoinGroup 0–3       requiresKnownMemberId: false (true from 4 on)
 *   JoinGroup 0–8       canSkipAssignment: false (true from 9 on)
 *   LeaveGroup 0–2      one member; answer its errorCode at the top when the top is 0
 *   DescribeGroups 0–5  groupState "Dead" with errorCode 0 where the result says 69; 6 has the error
 */

/** "Empty": nobody is in it. "Stable": its members share the partitions. "Dead": there is no such group. */
export type GroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" | "Dead";

/** A way of assignment that a member can do, and what it has to say for it. The most wanted comes first. */
export interface GroupProtocol {
  name: string;
  metadata: Uint8Array;
}

export interface JoinGroupRequest {
  groupId: string;
  /** "": the coordinator shall choose one. */
  memberId: string;
  /** Of a static member; null of a dynamic one. */
  groupInstanceId: string | null;
  clientId: string;
  /** As Kafka shows it: "/127.0.0.1". */
  clientHost: string;
  /** Null: a member of this process, which never falls silent. */
  sessionTimeoutMs: number | null;
  rebalanceTimeoutMs: number;
  /** "consumer" for consumers. */
  protocolType: string;
  protocols: readonly GroupProtocol[];
  /** A dynamic member without an id is only given one (error 79) and must come again with it. */
  requiresKnownMemberId: boolean;
  /** A leader that comes back to a stable group need not assign again. */
  canSkipAssignment: boolean;
  /** Called when the group begins to rebalance: what members of the wire learn from their heartbeat. */
  onRebalance?: () => void;
}

export interface JoinedMember {
  memberId: string;
  groupInstanceId: string | null;
  metadata: Uint8Array;
}

export interface JoinGroupResult {
  errorCode: number;
  /** -1 with an error. */
  generationId: number;
  protocolType: string | null;
  protocolName: string | null;
  /** The leader's member id; "" with an error. */
  leader: string;
  skipAssignment: boolean;
  memberId: string;
  /** Only for the leader. */
  members: readonly JoinedMember[];
}

/** Who asks: what heartbeats, syncs and commits have in common. */
export interface MemberOfGroup {
  groupId: string;
  /** -1 in a commit from outside the group. */
  generationId: number;
  memberId: string;
  groupInstanceId: string | null;
}

export interface SyncGroupRequest extends MemberOfGroup {
  /** Null in versions that have no such field. */
  protocolType: string | null;
  protocolName: string | null;
  /** From the leader; empty from the others. */
  assignments: readonly { memberId: string; assignment: Uint8Array }[];
}

export interface SyncGroupResult {
  errorCode: number;
  protocolType: string | null;
  protocolName: string | null;
  assignment: Uint8Array;
}

export type HeartbeatRequest = MemberOfGroup;

export interface HeartbeatResult {
  errorCode: number;
}

export interface LeavingMember {
  /** "" with a groupInstanceId: whoever holds that instance. */
  memberId: string;
  groupInstanceId: string | null;
}

export interface LeaveGroupRequest {
  groupId: string;
  members: readonly LeavingMember[];
}

export interface LeaveGroupResult {
  errorCode: number;
  members: readonly (LeavingMember & { errorCode: number })[];
}

export interface OffsetToCommit {
  partition: number;
  offset: number;
  /** -1: unknown. */
  leaderEpoch: number;
  metadata: string;
}

export interface CommitOffsetsRequest extends MemberOfGroup {
  /** From a client of the wire: such a group's offsets expire. */
  isWire: boolean;
  topics: readonly { name: string; partitions: readonly OffsetToCommit[] }[];
}

/** A commit that counts once a transaction is committed. */
export interface CommitInTransactionRequest extends CommitOffsetsRequest {
  transactionalId: string;
  producerId: number;
  producerEpoch: number;
}

export interface CommitOffsetsResult {
  topics: readonly { name: string; partitions: readonly { partition: number; errorCode: number }[] }[];
}

export interface FetchOffsetsRequest {
  groupId: string;
  /** Null: everything that the group has committed. */
  topics: readonly { name: string; partitions: readonly number[] }[] | null;
  /** Where an open transaction has committed: the error 88, to be asked again. */
  requireStable?: boolean;
}

export interface FetchedOffset {
  partition: number;
  /** -1: nothing is committed. */
  offset: number;
  leaderEpoch: number;
  metadata: string;
  errorCode: number;
}

export interface FetchOffsetsResult {
  groupId: string;
  errorCode: number;
  topics: readonly { name: string; partitions: readonly FetchedOffset[] }[];
}

export interface DescribedMember {
  memberId: string;
  groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  /** The subscription; empty unless the group is stable. */
  metadata: Uint8Array;
  assignment: Uint8Array;
}

export interface DescribedGroup {
  /** 69 with the state "Dead" when there is no such group. */
  errorCode: number;
  groupId: string;
  groupState: GroupState;
  protocolType: string;
  /** The protocol chosen; "" unless the group is stable. */
  protocolData: string;
  generationId: number;
  leader: string;
  members: readonly DescribedMember[];
}

export interface ListGroupsFilter {
  /** In any case; none: all. */
  states?: readonly string[];
  /** "classic" is the only type here. */
  types?: readonly string[];
}

export interface ListedGroup {
  groupId: string;
  protocolType: string;
  groupState: GroupState;
  groupType: "classic";
}

export interface DeletedGroup {
  groupId: string;
  errorCode: number;
}
