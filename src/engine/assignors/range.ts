/**
 * Kafka's RangeAssignor: topic by topic, neighbouring partitions to each member in order; the first members have one more where
 * it does not come out even. Topics with as many partitions fall to the members alike, so that they can be joined.
 *
 * Without racks, which one machine has not.
 */
import { type Assignor, emptyAssignment, inOrder, type MemberSubscription } from "./assignor.ts";

export const rangeAssignor: Assignor = {
  name: "range",
  isCooperative: false,
  assign(partitionCounts, members) {
    const assignment = emptyAssignment(members);
    const ordered = inOrder(members);
    for (const [topic, count] of partitionCounts) {
      const subscribed = ordered.filter(({ topics }) => topics.includes(topic));
      let from = 0;
      for (const [index, { memberId }] of subscribed.entries()) {
        const to = from + share(count, subscribed, index);
        for (let partition = from; partition < to; partition++) assignment.get(memberId)!.push({ topic, partition });
        from = to;
      }
    }
    return assignment;
  },
};

function share(count: number, subscribed: readonly MemberSubscription[], index: number): number {
  return Math.floor(count / subscribed.length) + (index < count % subscribed.length ? 1 : 0);
}
