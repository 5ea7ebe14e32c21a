/** What an assignor is: it shares the partitions of topics out among the members of a group that subscribe to them. */

export interface TopicPartition {
  topic: string;
  partition: number;
}

export interface MemberSubscription {
  memberId: string;
  /** Static members come before the others, by this. */
  groupInstanceId: string | null;
  topics: readonly string[];
  /** What the member had; assignors that are not sticky don't ask. */
  ownedPartitions: readonly TopicPartition[];
  /** Of the assignment that `ownedPartitions` is from; -1: unknown. */
  generationId: number;
  userData: Uint8Array | null;
}

/** Member id → what it is to have. Every member is there. */
export type GroupAssignment = Map<string, TopicPartition[]>;

export interface Assignor {
  /** As Kafka's clients call it when they agree on one. */
  readonly name: string;
  /**
   * Members keep what they have while they rebalance, and give up only what the assignment no longer names; what goes from one to
   * another is assigned to nobody first, and takes a second round.
   */
  readonly isCooperative: boolean;
  /** `partitionCounts`: topic → how many partitions it has; only topics that exist and that somebody subscribes to. */
  assign(partitionCounts: ReadonlyMap<string, number>, members: readonly MemberSubscription[]): GroupAssignment;
}

/** Every member with nothing. */
export function emptyAssignment(members: readonly MemberSubscription[]): GroupAssignment {
  return new Map(members.map(({ memberId }) => [memberId, []]));
}

/** Static members by their instance, then the others by their id: the order in which Kafka's assignors serve them. */
export function inOrder(members: readonly MemberSubscription[]): MemberSubscription[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
      return compare(a.groupInstanceId, b.groupInstanceId);
    }
    if (a.groupInstanceId !== null) return -1;
    return b.groupInstanceId !== null ? 1 : compare(a.memberId, b.memberId);
  });
}

/** As Java compares strings: by UTF-16 units. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
