/**
 * What has moved from whom to whom during one assignment, so that no two partitions of a topic change places between two
 * members: where one would go back the way another came, that other one goes back instead.
 */
import type { TopicPartition } from "./assignor.ts";
import { PartitionHashSet } from "./java-hash-order.ts";

interface Movement {
  from: string;
  to: string;
}

export class PartitionMovements {
  readonly #movements = new Map<TopicPartition, Movement>();
  /** Topic → from → to → what moved so. */
  readonly #byTopic = new Map<string, Map<string, Map<string, PartitionHashSet>>>();

  /** Several moves of one partition count as one, from its first owner to its last; back to the first they count as none. */
  move(partition: TopicPartition, from: string, to: string): void {
    const earlier = this.#movements.get(partition);
    if (earlier !== undefined) {
      this.#movements.delete(partition);
      this.#moved(partition.topic, earlier)?.delete(partition);
    }
    const origin = earlier?.from ?? from;
    if (origin !== to) this.#add(partition, { from: origin, to });
  }

  /** The partition to move instead of `partition`, or that one itself. */
  betterOne(partition: TopicPartition, from: string, to: string): TopicPartition {
    const origin = this.#movements.get(partition)?.from ?? from;
    const reverse = this.#moved(partition.topic, { from: to, to: origin });
    return reverse === undefined || reverse.isEmpty ? partition : reverse.first;
  }

  #add(partition: TopicPartition, movement: Movement): void {
    this.#movements.set(partition, movement);
    const byFrom = getOrMake(this.#byTopic, partition.topic, () => new Map());
    const byTo = getOrMake(byFrom, movement.from, () => new Map());
    const moved = this.#moved(partition.topic, movement);
    // A set that was emptied is a new one in Java, of the least capacity.
    if (moved === undefined || moved.isEmpty) byTo.set(movement.to, new PartitionHashSet());
    byTo.get(movement.to)!.add(partition);
  }

  #moved(topic: string, { from, to }: Movement): PartitionHashSet | undefined {
    return this.#byTopic.get(topic)?.get(from)?.get(to);
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
