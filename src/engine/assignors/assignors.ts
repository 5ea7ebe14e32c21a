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

/** Clients that have a name of their own for one of these: kafkajs knows no other than this. */
const ALIASES: Readonly<Record<string, Assignor>> = { RoundRobinAssigner: roundRobinAssignor };

/** By which a consumer of this process can share out, the best first; the others for the sake of members that know no better. */
export const PROTOCOL_NAMES: readonly string[] = ["cooperative-sticky", "range", "roundrobin", ...Object.keys(ALIASES)];

/** The assignor that members mean by that name. */
export function assignorNamed(name: string): Assignor | undefined {
  return Object.hasOwn(ASSIGNORS, name) ? ASSIGNORS[name as AssignorName] : ALIASES[name];
}

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
