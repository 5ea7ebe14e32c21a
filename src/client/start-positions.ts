/** Where reading begins and where it ends: what `from` and `until` mean for one partition. */

import { matching, type OptionKind } from "../engine/options.ts";
import type { Partition } from "../engine/partition.ts";

/** A partition of a topic. */
export interface TopicPartition {
  topic: string;
  partition: number;
}

/** A place in a partition. */
export interface TopicPartitionOffset extends TopicPartition {
  offset: number;
}

/** By partition, for a single topic; as a list where there are several. */
export type OffsetsInput = Readonly<Record<number, number>> | readonly TopicPartitionOffset[];

/**
 * "earliest": the log start. "latest": the end at the call. A timestamp: the first record at or after it, else the end.
 * Offsets: exactly there; partitions that are not named begin at the earliest.
 */
export type From = "earliest" | "latest" | { readonly timestamp: number } | { readonly offsets: OffsetsInput };

/**
 * "end": the end at the call. A timestamp: before the first record at or after it, else the end at the call. Offsets: before
 * that offset, which may not be written yet; partitions that are not named end at the end at the call.
 */
export type Until = "end" | { readonly timestamp: number } | { readonly offsets: OffsetsInput };

export const FROM: OptionKind<From> = matching<From>(
  '"earliest", "latest", { timestamp } or { offsets: { 0: 100 } }',
  (value) => value === "earliest" || value === "latest" || isPoint(value),
);

export const UNTIL: OptionKind<Until> = matching<Until>(
  '"end", { timestamp } or { offsets: { 0: 100 } }',
  (value) => value === "end" || isPoint(value),
);

/** Offsets are found in it once the log is open. `bound` is where readers must stop now. */
export function startOf(from: From, partition: Partition, topic: string, bound: number): number {
  if (from === "earliest") return partition.startOffset;
  if (from === "latest") return bound;
  if ("timestamp" in from) return Math.min(partition.offsetForTimestamp(from.timestamp)?.offset ?? bound, bound);
  return offsetIn(from.offsets, topic, partition.index) ?? partition.startOffset;
}

export function endOf(
  until: Until | undefined,
  partition: Partition,
  topic: string,
  bound: number,
  isClamped: boolean,
): number {
  if (until === undefined) return Number.POSITIVE_INFINITY;
  if (until === "end") return bound;
  if ("timestamp" in until) return Math.min(partition.offsetForTimestamp(until.timestamp)?.offset ?? bound, bound);
  const offset = offsetIn(until.offsets, topic, partition.index) ?? bound;
  return isClamped ? Math.min(offset, bound) : offset;
}

/** Whether the offsets are given by partition alone, which says nothing when there are several topics. */
export function isByPartition(option: From | Until | undefined): boolean {
  return typeof option === "object" && "offsets" in option && !Array.isArray(option.offsets);
}

export function offsetIn(offsets: OffsetsInput, topic: string, partition: number): number | undefined {
  if (!Array.isArray(offsets)) return (offsets as Readonly<Record<number, number>>)[partition];
  const list = offsets as readonly TopicPartitionOffset[];
  return list.find((entry) => entry.topic === topic && entry.partition === partition)?.offset;
}

function isPoint(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return false;
  const { timestamp, offsets } = value as { timestamp?: unknown; offsets?: unknown };
  if (timestamp !== undefined) return isOffset(timestamp);
  if (typeof offsets !== "object" || offsets === null) return false;
  if (Array.isArray(offsets)) return offsets.every(isEntry);
  return Object.entries(offsets).every(([partition, offset]) => isOffset(Number(partition)) && isOffset(offset));
}

function isEntry(entry: unknown): boolean {
  const { topic, partition, offset } = Object(entry) as Partial<TopicPartitionOffset>;
  return typeof topic === "string" && isOffset(partition) && isOffset(offset);
}

export function isOffset(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
