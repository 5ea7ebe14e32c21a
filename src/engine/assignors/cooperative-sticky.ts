/**
 * Kafka's CooperativeStickyAssignor: as even as can be, then with as few moves as can be; and what must move is assigned to
 * nobody until its owner has let it go, in a second round.
 */
import type { Assignor, GroupAssignment, MemberSubscription, TopicPartition } from "./assignor.ts";
import { Ownership } from "./ownership.ts";
import { assignByBalance } from "./sticky-balance.ts";
import { assignByQuotas } from "./sticky-quotas.ts";

export const cooperativeStickyAssignor: Assignor = {
  name: "cooperative-sticky",
  isCooperative: true,
  assign(partitionCounts, members) {
    const ownership = new Ownership(partitionCounts, members);
    if (haveSameTopics(ownership.members)) {
      const { assignment, transferred } = assignByQuotas(ownership);
      return without(assignment, transferred);
    }
    const assignment = assignByBalance(ownership);
    return without(assignment, transferredIn(assignment, members));
  },
};

/** Kafka's own lets a member pass that has no topics at all, and then gives it some. */
function haveSameTopics(members: readonly MemberSubscription[]): boolean {
  const [first] = members;
  const wanted = new Set(first?.topics);
  return members.every(
    ({ topics }) => topics.length === first.topics.length && topics.every((topic) => wanted.has(topic)),
  );
}

/** What one member is to have and another one claims and is not to have. */
function transferredIn(assignment: GroupAssignment, members: readonly MemberSubscription[]): Set<TopicPartition> {
  const added = new Map<string, TopicPartition>();
  const revoked = new Set<string>();
  for (const { memberId, ownedPartitions } of members) {
    const assigned = assignment.get(memberId)!;
    const before = new Set(ownedPartitions.map(nameOf));
    const after = new Set(assigned.map(nameOf));
    for (const partition of assigned) if (!before.has(nameOf(partition))) added.set(nameOf(partition), partition);
    for (const name of before) if (!after.has(name)) revoked.add(name);
  }
  return new Set([...added].filter(([name]) => revoked.has(name)).map(([, partition]) => partition));
}

function without(assignment: GroupAssignment, left: ReadonlySet<TopicPartition>): GroupAssignment {
  return new Map(
    [...assignment].map(([memberId, partitions]) => [memberId, partitions.filter((partition) => !left.has(partition))]),
  );
}

/** The last hyphen parts them: no partition has one. */
function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
