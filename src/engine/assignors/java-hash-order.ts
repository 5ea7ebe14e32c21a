/**
 * The order in which Java walks through a HashMap of strings or of topic partitions. Kafka's sticky assignor lets that order
 * decide between members that are equal otherwise; who shares a group with Java's members must decide alike.
 *
 *   bucket = (hash ^ hash >>> 16) & (capacity - 1); buckets ascending, within one in the order of arrival
 *   capacity: 16, doubled whenever three quarters are passed, never halved
 *
 * Buckets that Java would turn into trees (more than eight of one bucket) keep the order of arrival here.
 */
import { javaStringHash } from "../../format/java-hash.ts";
import type { TopicPartition } from "./assignor.ts";

const LEAST_CAPACITY = 16;
const LOAD_FACTOR = 0.75;

/** The keys of a HashMap into which these were put in this order. */
export function inHashOrder<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  const capacity = capacityFor(values.length, LEAST_CAPACITY);
  const ranked = values.map((value) => ({ value, bucket: bucketOf(javaStringHash(keyOf(value)), capacity) }));
  return ranked.sort((a, b) => a.bucket - b.bucket).map(({ value }) => value);
}

/** A HashSet of topic partitions, as far as its first element matters. */
export class PartitionHashSet {
  readonly #partitions = new Set<TopicPartition>();
  #capacity = LEAST_CAPACITY;

  add(partition: TopicPartition): void {
    this.#partitions.add(partition);
    this.#capacity = capacityFor(this.#partitions.size, this.#capacity);
  }

  delete(partition: TopicPartition): void {
    this.#partitions.delete(partition);
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0;
  }

  /** What an iterator gives first. */
  get first(): TopicPartition {
    let first: TopicPartition | undefined;
    let firstBucket = this.#capacity;
    for (const partition of this.#partitions) {
      const bucket = bucketOf(hashOf(partition), this.#capacity);
      if (bucket < firstBucket) [first, firstBucket] = [partition, bucket];
    }
    return first!;
  }
}

function capacityFor(size: number, atLeast: number): number {
  let capacity = atLeast;
  while (size > capacity * LOAD_FACTOR) capacity *= 2;
  return capacity;
}

function bucketOf(hash: number, capacity: number): number {
  return (hash ^ (hash >>> 16)) & (capacity - 1);
}

/** TopicPartition.hashCode. */
function hashOf({ topic, partition }: TopicPartition): number {
  return (Math.imul(31, 31 + partition) + javaStringHash(topic)) | 0;
}
