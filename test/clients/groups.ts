/** Groups as the coordinator sees them, from within. */
import type { Engine } from "../../src/engine/engine.ts";
import { readAssignment } from "../../src/format/consumer-protocol.ts";

/** How many partitions each member has, most first; nothing while the group rebalances. */
export async function assigned(engine: Engine, groupId: string): Promise<number[]> {
  const [{ groupState, members }] = await engine.coordinator.describeGroups([groupId]);
  if (groupState !== "Stable") return [];
  const counts = members.map(({ assignment }) =>
    readAssignment(assignment).assignedPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0),
  );
  return counts.sort((a, b) => b - a);
}

/** Whether the group has committed this offset of every partition. */
export function isCommitted(engine: Engine, groupId: string, topic: string, offset: number): boolean {
  const { partitionCount } = engine.topic(topic);
  return Array.from({ length: partitionCount }, (_, partition) =>
    engine.offsets.committed(groupId, topic, partition),
  ).every((committed) => committed?.offset === offset);
}
