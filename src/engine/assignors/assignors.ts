/** The assignors that there are, by Kafka's names, and how a leader uses one. */
import type { Assignor, GroupAssignment, MemberSubscription } from "./assignor.ts";
import { cooperativeStickyAssignor } from "./cooperative-sticky.ts";
import { rangeAssignor } from "./range.ts";
import { roundRobinAssignor } from "./round-robin.ts";

export const ASSIGNORS = {
  range: rangeAssignor,
  roundrobin: roundRobinAssignor,
  "cooperative-sticky": cooperativeStickyAssignor,
} as const satisfies Record<string, Assignor>;

export type AssignorName = keyof typeof ASSIGNORS;

/** What the leader gives to whom. `countOf`: how many partitions a topic has, undefined when there is no such topic. */
export function assignPartitions(
  assignor: Assignor,
  countOf: (topic: string) => number | undefined,
  members: readonly MemberSubscription[],
): GroupAssignment {
  const counts = new Map<string, number>();
  for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
    const count = countOf(topic);
    if (count !== undefined && count > 0) counts.set(topic, count);
  }
  return assignor.assign(counts, members);
}
