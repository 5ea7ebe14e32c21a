/**
 * Which committed offsets a group may forget, once nobody has needed them for the retention time:
 *
 *   Empty, had members       counted from when the last one left
 *   Empty, commits alone     each from its commit
 *   Stable, consumers        those of topics that nobody subscribes to any more, each from its commit
 *   else                     none
 *
 * A group that ever had a member of this process forgets nothing: such a program may rest for longer than a server does.
 */
import { readSubscription } from "../../format/consumer-protocol.ts";
import type { CommittedOffset, TopicPartition } from "../offsets.ts";
import type { Group } from "./group.ts";

const CONSUMER_PROTOCOL_TYPE = "consumer";

/** `retentionMs`: -1 for ever. */
export function expiredOffsets(
  group: Group,
  committed: readonly (TopicPartition & { committed: CommittedOffset })[],
  now: number,
  retentionMs: number,
): TopicPartition[] {
  if (retentionMs < 0 || !group.expires) return [];
  if (group.state === "Empty") {
    const since = group.protocolType === "" ? undefined : group.stateTimestamp;
    return committed.filter((one) => now - (since ?? one.committed.commitTimestamp) >= retentionMs);
  }
  const subscribed = group.state === "Stable" ? subscribedTopics(group) : undefined;
  if (subscribed === undefined) return [];
  return committed.filter((one) => {
    return !subscribed.has(one.topic) && now - one.committed.commitTimestamp >= retentionMs;
  });
}

/** Undefined when that cannot be known. */
function subscribedTopics(group: Group): Set<string> | undefined {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return undefined;
  try {
    return new Set(group.subscriptions().flatMap(({ metadata }) => readSubscription(metadata).topics));
  } catch {
    return undefined;
  }
}
