/** SyncGroup (14), versions 0–5. Answered when the leader has handed in the assignment. */
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf, unlessEnding } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { SyncGroup } from "../messages/14-sync-group.ts";

export async function syncGroup(
  request: RequestOf<typeof SyncGroup>,
  { broker, caller }: Call,
): Promise<ResponseOf<typeof SyncGroup>> {
  // Copies: what a group keeps must not keep the whole request.
  const assignments = request.assignments.map(({ memberId, assignment }) => {
    return { memberId, assignment: assignment.slice() };
  });
  try {
    return await unlessEnding(broker.engine.coordinator.syncGroup({ ...request, assignments }), caller);
  } catch (error) {
    return { errorCode: groupErrorOf(error), protocolType: null, protocolName: null, assignment: new Uint8Array(0) };
  }
}
