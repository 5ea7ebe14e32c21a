/**
 * The sticky assignment where members subscribe to different topics: what can be kept is kept, the rest goes to whoever has
 * least, and then partitions move one by one until no move makes it more even.
 *
 * Partitions are taken in order of how few members may have their topic. Topics with one possible member, and members that
 * can neither give nor take, stay out of it. If all the moving has not made it more even, it is undone.
 */
import { compare, type TopicPartition } from "./assignor.ts";
import type { Ownership } from "./ownership.ts";
import { PartitionMovements } from "./partition-movements.ts";

export function assignByBalance(ownership: Ownership): Map<string, TopicPartition[]> {
  const builder = new BalanceBuilder(ownership);
  builder.keepOwned();
  builder.balance();
  return builder.assignment;
}

class BalanceBuilder {
  assignment = new Map<string, TopicPartition[]>();
  readonly #ownership: Ownership;
  /** Topic → the members that may have it. */
  readonly #candidates = new Map<string, string[]>();
  /** Member → the topics that it may have. */
  readonly #topics = new Map<string, Set<string>>();
  #owner = new Map<TopicPartition, string>();
  readonly #all: readonly TopicPartition[];
  #unassigned: TopicPartition[] = [];
  /** By how many partitions they have, then by id. */
  #ascending: string[] = [];
  readonly #movements = new PartitionMovements();
  /** Something that was owned is no longer subscribed to: there is moving to do in any case. */
  #mustRevoke = false;

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
    for (const topic of ownership.partitions.keys()) this.#candidates.set(topic, []);
    for (const { memberId, topics } of ownership.members) {
      const known = topics.filter((topic) => ownership.partitions.has(topic));
      this.#topics.set(memberId, new Set(known));
      for (const topic of known) this.#candidates.get(topic)!.push(memberId);
    }
    const byCandidates = [...this.#candidates.keys()].sort(
      (a, b) => this.#candidates.get(a)!.length - this.#candidates.get(b)!.length || compare(a, b),
    );
    this.#all = ownership.ofTopics(byCandidates);
  }

  keepOwned(): void {
    for (const [memberId, owned] of this.#ownership.owned) {
      const kept = [...owned].filter(({ topic }) => this.#topics.get(memberId)!.has(topic));
      if (kept.length < owned.size) this.#mustRevoke = true;
      this.assignment.set(memberId, kept);
      for (const partition of kept) this.#owner.set(partition, memberId);
    }
    this.#unassigned = this.#all.filter((partition) => !this.#owner.has(partition));
    this.#ascending = [...this.assignment.keys()].sort((a, b) => this.#inAscendingOrder(a, b));
  }

  balance(): void {
    const isFirst = this.#sizeOf(this.#ascending[this.#ascending.length - 1]) === 0;
    for (const partition of this.#unassigned) this.#giveToLeast(partition);
    const fixed = this.#setAsideFixed();
    const before = { assignment: copyOf(this.assignment), score: balanceScore(this.assignment) };
    const movable = (partition: TopicPartition) => this.#candidates.get(partition.topic)!.length > 1;
    if (!this.#mustRevoke) this.#reassign(this.#unassigned.filter(movable));
    const hasMoved = this.#reassign(this.#all.filter(movable));
    if (!isFirst && hasMoved && balanceScore(this.assignment) >= before.score) this.assignment = before.assignment;
    for (const [memberId, partitions] of fixed) this.assignment.set(memberId, partitions);
  }

  #giveToLeast(partition: TopicPartition): void {
    const memberId = this.#ascending.find((candidate) => this.#topics.get(candidate)!.has(partition.topic));
    if (memberId === undefined) return;
    this.#resized([memberId], () => {
      this.assignment.get(memberId)!.push(partition);
      this.#owner.set(partition, memberId);
    });
  }

  /** Takes out the members that can neither give nor take. */
  #setAsideFixed(): Map<string, TopicPartition[]> {
    const fixed = new Map<string, TopicPartition[]>();
    for (const [memberId, partitions] of this.assignment) {
      const canTake = partitions.length < this.#mostFor(memberId);
      const canGive = partitions.some(({ topic }) => this.#candidates.get(topic)!.length > 1);
      if (!canTake && !canGive) fixed.set(memberId, partitions);
    }
    for (const memberId of fixed.keys()) this.assignment.delete(memberId);
    this.#ascending = this.#ascending.filter((memberId) => !fixed.has(memberId));
    return fixed;
  }

  /** Over and over, until nothing can be moved; whether anything was. */
  #reassign(partitions: readonly TopicPartition[]): boolean {
    let hasMoved = false;
    let isMoving = partitions.length > 0;
    while (isMoving) {
      isMoving = false;
      for (const partition of partitions) {
        if (this.#isBalanced()) break;
        if (this.#moveToBetter(partition)) isMoving = true;
      }
      hasMoved ||= isMoving;
    }
    return hasMoved;
  }

  /** Back to whom an older generation had it with, else to the member with least, if that has two fewer. */
  #moveToBetter(partition: TopicPartition): boolean {
    const size = this.#sizeOf(this.#owner.get(partition)!);
    const earlier = this.#ownership.olderClaims.get(partition)?.memberId;
    if (earlier !== undefined && this.#mayHave(earlier, partition) && size > this.#sizeOf(earlier) + 1) {
      this.#moveTo(earlier, partition);
      return true;
    }
    const candidates = this.#candidates.get(partition.topic)!;
    if (!candidates.some((candidate) => size > this.#sizeOf(candidate) + 1)) return false;
    this.#moveTo(this.#ascending.find((candidate) => this.#topics.get(candidate)!.has(partition.topic))!, partition);
    return true;
  }

  #moveTo(to: string, wanted: TopicPartition): void {
    const partition = this.#movements.betterOne(wanted, this.#owner.get(wanted)!, to);
    const from = this.#owner.get(partition)!;
    this.#movements.move(partition, from, to);
    this.#resized([from, to], () => {
      const rest = this.assignment.get(from)!;
      rest.splice(rest.indexOf(partition), 1);
      this.assignment.get(to)!.push(partition);
      this.#owner.set(partition, to);
    });
  }

  /** No member can have one more at the cost of another that has two more. */
  #isBalanced(): boolean {
    const [first, last] = [this.#ascending[0], this.#ascending[this.#ascending.length - 1]];
    if (this.#sizeOf(first) >= this.#sizeOf(last) - 1) return true;
    return this.#ascending.every((memberId) => {
      const size = this.#sizeOf(memberId);
      if (size === this.#mostFor(memberId)) return true;
      return this.#ownership
        .ofTopics([...this.#topics.get(memberId)!])
        .every((partition) => size + 1 >= this.#sizeOf(this.#owner.get(partition)!));
    });
  }

  /** Kafka's own does not ask, and gives members what they no longer subscribe to. */
  #mayHave(memberId: string, { topic }: TopicPartition): boolean {
    return this.assignment.has(memberId) && this.#topics.get(memberId)!.has(topic);
  }

  #mostFor(memberId: string): number {
    let most = 0;
    for (const topic of this.#topics.get(memberId)!) most += this.#ownership.partitions.get(topic)!.length;
    return most;
  }

  #sizeOf(memberId: string): number {
    return this.assignment.get(memberId)?.length ?? 0;
  }

  /** Members change their place in the order with what they have. */
  #resized(memberIds: readonly string[], change: () => void): void {
    this.#ascending = this.#ascending.filter((memberId) => !memberIds.includes(memberId));
    change();
    for (const memberId of memberIds) {
      const at = this.#ascending.findIndex((other) => this.#inAscendingOrder(other, memberId) > 0);
      this.#ascending.splice(at < 0 ? this.#ascending.length : at, 0, memberId);
    }
  }

  #inAscendingOrder(a: string, b: string): number {
    return this.#sizeOf(a) - this.#sizeOf(b) || compare(a, b);
  }
}

function copyOf(assignment: ReadonlyMap<string, TopicPartition[]>): Map<string, TopicPartition[]> {
  return new Map([...assignment].map(([memberId, partitions]) => [memberId, [...partitions]]));
}

/** The differences of all pairs, added up: 0 is as even as can be. */
function balanceScore(assignment: ReadonlyMap<string, TopicPartition[]>): number {
  const sizes = Array.from(assignment.values(), ({ length }) => length);
  let score = 0;
  for (const [index, size] of sizes.entries()) {
    for (const other of sizes.slice(index + 1)) score += Math.abs(size - other);
  }
  return score;
}
