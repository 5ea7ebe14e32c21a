/** Heartbeat (12), versions 0–4. */
import type { RequestOf, ResponseOf } from "../api.ts";
import { groupErrorOf } from "../group-errors.ts";
import type { Call } from "../handler.ts";
import type { Heartbeat } from "../messages/12-heartbeat.ts";

export async function heartbeat(
  { groupId, generationId, memberId, groupInstanceId }: RequestOf<typeof Heartbeat>,
  { broker }: Call,
): Promise<ResponseOf<typeof Heartbeat>> {
  try {
    return await broker.engine.coordinator.heartbeat({ groupId, generationId, memberId, groupInstanceId });
  } catch (error) {
    return { errorCode: groupErrorOf(error) };
  }
}
