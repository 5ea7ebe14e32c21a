/** Where the offsets of a group are to be set: for each partition a place between its start and its end. */
import type { CommittedOffset } from "../engine/offsets.ts";
import type { Partition } from "../engine/partition.ts";
import { VarveError } from "../errors.ts";
import type { ResetTarget } from "./group-options.ts";
import { offsetIn, type TopicPartition } from "./start-positions.ts";

/** What was set for a partition, or would be. */
export interface OffsetReset extends TopicPartition {
  /** Undefined: nothing was committed. */
  from: number | undefined;
  /** Where the group goes on now. */
  to: number;
}

/** Undefined where the target says nothing about the partition. */
export function resetOf(
  target: ResetTarget,
  topic: string,
  partition: Partition,
  committed: CommittedOffset | undefined,
): OffsetReset | undefined {
  const wanted = placeOf(target, topic, partition, committed?.offset);
  if (wanted === undefined) return undefined;
  const to = Math.min(Math.max(wanted, partition.startOffset), partition.highWatermark);
  return { topic, partition: partition.index, from: committed?.offset, to };
}

function placeOf(
  target: ResetTarget,
  topic: string,
  partition: Partition,
  committed: number | undefined,
): number | undefined {
  const { startOffset, highWatermark, index } = partition;
  if (target === "earliest") return startOffset;
  if (target === "latest") return highWatermark;
  if ("timestamp" in target) return partition.offsetForTimestamp(target.timestamp)?.offset ?? highWatermark;
  if ("offset" in target) return target.offset;
  if ("offsets" in target) return offsetIn(target.offsets, topic, index);
  if (committed !== undefined) return committed + target.shift;
  throw new VarveError(
    "VARVE_INVALID_ARGUMENT",
    `resetOffsets: nothing is committed for ${topic}-${index} that could be shifted`,
    { topic, partition: index },
  );
}
