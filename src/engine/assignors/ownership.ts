/**
 * Who had what before: the claims of the members, of which those are believed that no other contradicts.
 *
 * Each partition is one object here, so that sets and maps can hold it. Members that claim the same partition: the one of
 * the higher generation is believed; of the same generation none is, and whoever gets it must wait until all have let go.
 */
import { readInt32 } from "../../format/integers.ts";
import type { MemberSubscription, TopicPartition } from "./assignor.ts";
import { inHashOrder } from "./java-hash-order.ts";

const UNKNOWN_GENERATION = -1;
const INT32_BYTES = 4;

export interface Claim {
  memberId: string;
  generation: number;
}

export class Ownership {
  /** In the order in which Java's assignor walks through them. */
  readonly members: readonly MemberSubscription[];
  /** Topic → its partitions, by number. */
  readonly partitions = new Map<string, TopicPartition[]>();
  /** Member id → what it is believed to have. */
  readonly owned = new Map<string, Set<TopicPartition>>();
  /** Claimed by several members of the same generation. */
  readonly disputed = new Set<TopicPartition>();
  /** What members of an older generation claim: of each partition the newest such claim. */
  readonly olderClaims = new Map<TopicPartition, Claim>();
  readonly #owner = new Map<TopicPartition, string>();
  readonly #generations = new Map<string, number>();

  constructor(partitionCounts: ReadonlyMap<string, number>, members: readonly MemberSubscription[]) {
    this.members = inHashOrder(members, ({ memberId }) => memberId);
    for (const [topic, count] of partitionCounts) {
      this.partitions.set(
        topic,
        Array.from({ length: count }, (_, partition) => ({ topic, partition })),
      );
    }
    for (const { memberId, generationId } of members) this.#generations.set(memberId, generationId);
    for (const member of this.members) this.#believe(member);
    this.#collectOlderClaims();
  }

  /** The partitions of the topics, in the order of these. */
  ofTopics(topics: readonly string[]): TopicPartition[] {
    return topics.flatMap((topic) => this.partitions.get(topic)!);
  }

  /** Those of a member's claims that exist. */
  #claimsOf({ ownedPartitions }: MemberSubscription): TopicPartition[] {
    return ownedPartitions.flatMap(({ topic, partition }) => this.partitions.get(topic)?.[partition] ?? []);
  }

  #believe(member: MemberSubscription): void {
    const { memberId } = member;
    const mine = new Set<TopicPartition>();
    this.owned.set(memberId, mine);
    const generation = generationOf(member) ?? UNKNOWN_GENERATION;
    for (const partition of this.#claimsOf(member)) {
      const other = this.#owner.get(partition);
      const otherGeneration = other === undefined ? Number.NEGATIVE_INFINITY : this.#generations.get(other)!;
      if (generation < otherGeneration) continue;
      if (generation === otherGeneration) this.disputed.add(partition);
      else mine.add(partition);
      if (other !== undefined) this.owned.get(other)!.delete(partition);
      this.#owner.set(partition, memberId);
    }
  }

  #collectOlderClaims(): void {
    const newest = Math.max(UNKNOWN_GENERATION, ...this.members.map((member) => generationOf(member) ?? -1));
    for (const member of this.members) {
      const generation = generationOf(member) ?? UNKNOWN_GENERATION;
      if (generation >= newest) continue;
      for (const partition of this.#claimsOf(member)) {
        const known = this.olderClaims.get(partition);
        if (known === undefined || generation > known.generation) {
          this.olderClaims.set(partition, { memberId: member.memberId, generation });
        }
      }
    }
  }
}

/** Subscriptions before version 2 have it in the assignor's own data. */
function generationOf({ generationId, userData }: MemberSubscription): number | undefined {
  if (generationId >= 0) return generationId;
  if (userData === null) return undefined;
  return userData.length < INT32_BYTES ? UNKNOWN_GENERATION : readInt32(userData, 0);
}
