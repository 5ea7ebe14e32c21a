/** Kafka's RoundRobinAssignor: all partitions of all topics in order, one to each member in turn that subscribes to the topic. */
import { type Assignor, compare, emptyAssignment, inOrder } from "./assignor.ts";

export const roundRobinAssignor: Assignor = {
  name: "roundrobin",
  isCooperative: false,
  assign(partitionCounts, members) {
    const assignment = emptyAssignment(members);
    const ordered = inOrder(members);
    const subscribed = new Set(members.flatMap(({ topics }) => topics));
    let turn = 0;
    for (const topic of [...subscribed].sort(compare)) {
      const count = partitionCounts.get(topic) ?? 0;
      for (let partition = 0; partition < count; partition++) {
        while (!ordered[turn].topics.includes(topic)) turn = (turn + 1) % ordered.length;
        assignment.get(ordered[turn].memberId)!.push({ topic, partition });
        turn = (turn + 1) % ordered.length;
      }
    }
    return assignment;
  },
};
