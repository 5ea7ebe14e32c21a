/**
 * The sticky assignment where all members subscribe to the same topics: everybody gets the same number of partitions, `most`
 * or one less, and keeps of what it had as much as that allows.
 *
 *   1. Owned partitions, by member: fewer than `least` are all kept; of `most` or more, `most` are, as long as not
 *      enough members have that many; else `least` are.
 *   2. What is left over, in order of topic and partition: round and round to the members below `least`, by id; then one
 *      each to members that have just `least`.
 */
import { compare, type TopicPartition } from "./assignor.ts";
import type { Ownership } from "./ownership.ts";

export interface QuotaAssignment {
  assignment: Map<string, TopicPartition[]>;
  /** Given to a member while another one may still have them. */
  transferred: Set<TopicPartition>;
}

export function assignByQuotas(ownership: Ownership): QuotaAssignment {
  const builder = new QuotaBuilder(ownership);
  builder.keepOwned();
  builder.shareOut();
  return builder;
}

class QuotaBuilder implements QuotaAssignment {
  readonly assignment = new Map<string, TopicPartition[]>();
  readonly transferred = new Set<TopicPartition>();
  readonly #ownership: Ownership;
  readonly #all: readonly TopicPartition[];
  readonly #least: number;
  readonly #most: number;
  /** How many members may yet have `most` of what they own. */
  #roomAtMost: number;
  readonly #assigned = new Set<TopicPartition>();
  /** Who had what it could not keep. */
  readonly #givenUp = new Map<TopicPartition, string>();
  readonly #belowLeast: string[] = [];
  #atLeast: string[] = [];

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
    this.#all = ownership.ofTopics([...ownership.partitions.keys()].sort(compare));
    const memberCount = ownership.members.length;
    this.#least = Math.floor(this.#all.length / memberCount);
    this.#most = Math.ceil(this.#all.length / memberCount);
    this.#roomAtMost = this.#all.length % memberCount;
  }

  keepOwned(): void {
    for (const { memberId } of this.#ownership.members) {
      const owned = [...this.#ownership.owned.get(memberId)!]
        .filter((partition) => !this.#ownership.disputed.has(partition))
        .sort((a, b) => a.partition - b.partition || compare(a.topic, b.topic));
      const quota = this.#quotaOf(memberId, owned.length);
      this.assignment.set(memberId, owned.slice(0, quota));
      for (const partition of owned.slice(0, quota)) this.#assigned.add(partition);
      for (const partition of owned.slice(quota)) this.#givenUp.set(partition, memberId);
    }
  }

  shareOut(): void {
    this.#belowLeast.sort(compare);
    this.#atLeast.sort(compare);
    let turn = 0;
    for (const partition of this.#all) {
      if (this.#assigned.has(partition)) continue;
      if (turn >= this.#belowLeast.length) turn = 0;
      const memberId = this.#belowLeast[turn] ?? this.#atLeast.shift();
      const count = this.#give(partition, memberId!);
      if (count === this.#least) {
        this.#belowLeast.splice(turn, 1);
        this.#atLeast.push(memberId!);
      } else {
        turn++;
      }
    }
  }

  /** How many of its partitions a member keeps; enters it among those that can take more. */
  #quotaOf(memberId: string, ownedCount: number): number {
    if (ownedCount < this.#least) {
      this.#belowLeast.push(memberId);
      return ownedCount;
    }
    if (ownedCount >= this.#most && this.#roomAtMost > 0) {
      this.#roomAtMost--;
      if (this.#roomAtMost === 0) this.#atLeast = [];
      return this.#most;
    }
    if (this.#roomAtMost > 0) this.#atLeast.push(memberId);
    return this.#least;
  }

  #give(partition: TopicPartition, memberId: string): number {
    const mine = this.assignment.get(memberId)!;
    mine.push(partition);
    const before = this.#givenUp.get(partition);
    const isTransferred = before !== undefined && before !== memberId;
    if (isTransferred || this.#ownership.disputed.has(partition)) this.transferred.add(partition);
    return mine.length;
  }
}
