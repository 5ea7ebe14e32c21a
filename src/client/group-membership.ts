/**
 * A consumer's membership of its group: it joins, is given partitions, and joins again when the group rebalances.
 *
 *   isDue      something is to be done, at a moment when the application has nothing in hand
 *   join       asks for partitions, claiming those it has; the answer waits in `assigned` until it is taken
 *   isLost     the group went on without it: what it has belongs to others already
 *
 * Where the members will agree on a cooperative assignor, the consumer keeps what it has while it joins; else it must have given
 * up everything before.
 */
import type { TopicPartition } from "../engine/assignors/assignor.ts";
import { assignorNamed, assignPartitions, PROTOCOL_NAMES } from "../engine/assignors/assignors.ts";
import type { GroupCoordinator } from "../engine/groups/coordinator.ts";
import { IN_PROCESS_HOST } from "../engine/groups/group-storage.ts";
import type { JoinGroupRequest, JoinGroupResult, MemberOfGroup } from "../engine/groups/requests.ts";
import { KAFKA_ERRORS } from "../engine/kafka-errors.ts";
import { VarveError } from "../errors.ts";
import { readAssignment, readSubscription, writeAssignment, writeSubscription } from "../format/consumer-protocol.ts";
import type { Clock } from "../storage/clock.ts";

export interface MembershipHost {
  readonly coordinator: GroupCoordinator;
  readonly clock: Clock;
  readonly group: string;
  readonly clientId: string;
  readonly maxPollIntervalMs: number;
  /** What the consumer subscribes to now. */
  topics(): string[];
  countOf(topic: string): number | undefined;
  /** `isDue` may have become true. Called from within the coordinator: it must be quick. */
  interrupt(): void;
}

const PROTOCOL_TYPE = "consumer";
const RETRY_MS = 100;

export class GroupMembership {
  readonly #host: MembershipHost;
  #memberId = "";
  #generationId = -1;
  #mustJoin = true;
  #joining: Promise<void> | undefined;
  #isOver = false;
  /** Given, and not taken over yet. */
  assigned: TopicPartition[] | undefined;
  isLost = false;

  constructor(host: MembershipHost) {
    this.#host = host;
  }

  get isDue(): boolean {
    if (this.#isOver) return false;
    return this.isLost || this.assigned !== undefined || (this.#mustJoin && this.#joining === undefined);
  }

  get identity(): MemberOfGroup {
    const { group: groupId } = this.#host;
    return { groupId, memberId: this.#memberId, generationId: this.#generationId, groupInstanceId: null };
  }

  /** Throws when what the consumer has is no longer its own. */
  get currentIdentity(): MemberOfGroup {
    if (this.isLost || this.#memberId === "") throw this.#fenced();
    return this.identity;
  }

  /** Whether it may join without giving up what it has. */
  get keepsPartitions(): boolean {
    const { coordinator, group } = this.#host;
    const expected = coordinator.expectedProtocol(group);
    return expected === undefined || assignorNamed(expected)?.isCooperative === true;
  }

  /** Asks for partitions anew, when there is time. */
  requestJoin(): void {
    this.#mustJoin = true;
    this.#host.interrupt();
  }

  /** Resolves when it is clear what comes of it; several calls share one. */
  join(owned: readonly TopicPartition[]): Promise<void> {
    this.#mustJoin = false;
    this.#joining ??= this.#join(owned).finally(() => {
      this.#joining = undefined;
      this.#host.interrupt();
    });
    return this.#joining;
  }

  /** Throws when what the consumer has is no longer its own. During an assignment it waits for the end of that. */
  async checkCommit(): Promise<void> {
    const { coordinator } = this.#host;
    for (;;) {
      const errorCode = this.isLost ? KAFKA_ERRORS.UNKNOWN_MEMBER_ID : await coordinator.checkCommit(this.identity);
      if (errorCode === KAFKA_ERRORS.NONE) return;
      if (errorCode !== KAFKA_ERRORS.REBALANCE_IN_PROGRESS || this.#joining === undefined) {
        throw this.#fenced();
      }
      await this.#joining.catch(() => {});
    }
  }

  /** The application has stopped asking: the others take over, until it asks again. */
  async evict(): Promise<void> {
    this.isLost = true;
    await this.#leave();
    this.requestJoin();
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const { coordinator, group: groupId } = this.#host;
    const memberId = this.#memberId;
    this.#memberId = "";
    this.#generationId = -1;
    if (memberId === "") return;
    await coordinator.leaveGroup({ groupId, members: [{ memberId, groupInstanceId: null }] });
  }

  async #join(owned: readonly TopicPartition[]): Promise<void> {
    const { coordinator } = this.#host;
    if (this.#memberId === "") this.#memberId = (await coordinator.joinGroup(this.#request([]))).memberId;
    if (this.#isOver) return this.#leave();
    const joined = await coordinator.joinGroup(this.#request(owned));
    if (this.#isOver || joined.errorCode !== KAFKA_ERRORS.NONE) return this.#failed(joined.errorCode);
    this.#generationId = joined.generationId;
    const { memberId, protocolType, protocolName } = joined;
    const synced = await coordinator.syncGroup({
      ...this.identity,
      protocolType,
      protocolName,
      assignments: joined.leader === memberId && !joined.skipAssignment ? this.#assign(joined) : [],
    });
    if (this.#isOver || synced.errorCode !== KAFKA_ERRORS.NONE) return this.#failed(synced.errorCode);
    const { assignedPartitions } = readAssignment(synced.assignment);
    this.assigned = assignedPartitions.flatMap(({ topic, partitions }) => {
      return partitions.map((partition) => ({ topic, partition }));
    });
  }

  #request(owned: readonly TopicPartition[]): JoinGroupRequest {
    const { group, clientId, maxPollIntervalMs } = this.#host;
    const metadata = writeSubscription({
      topics: this.#host.topics(),
      userData: null,
      ownedPartitions: byTopic(owned),
      generationId: this.#generationId,
    });
    return {
      groupId: group,
      memberId: this.#memberId,
      groupInstanceId: null,
      clientId,
      clientHost: IN_PROCESS_HOST,
      sessionTimeoutMs: null,
      rebalanceTimeoutMs: maxPollIntervalMs,
      protocolType: PROTOCOL_TYPE,
      protocols: PROTOCOL_NAMES.map((name) => ({ name, metadata })),
      requiresKnownMemberId: true,
      canSkipAssignment: true,
      onRebalance: () => this.requestJoin(),
    };
  }

  #assign({ members, protocolName }: JoinGroupResult): { memberId: string; assignment: Uint8Array }[] {
    const subscriptions = members.map(({ memberId, groupInstanceId, metadata }) => {
      const { ownedPartitions, ...subscription } = readSubscription(metadata);
      const owned = ownedPartitions.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      return { memberId, groupInstanceId, ...subscription, ownedPartitions: owned };
    });
    const countOf = (topic: string) => this.#host.countOf(topic);
    const given = assignPartitions(assignorNamed(protocolName!)!, countOf, subscriptions);
    return Array.from(given, ([memberId, partitions]) => ({
      memberId,
      assignment: writeAssignment({ assignedPartitions: byTopic(partitions), userData: null }),
    }));
  }

  #fenced(): VarveError {
    const message = `the group ${this.#host.group} went on without this consumer: its partitions are given to others`;
    return new VarveError("VARVE_FENCED", message);
  }

  #failed(errorCode: number): void {
    if (this.#isOver) return;
    const { group, clock } = this.#host;
    if (errorCode === KAFKA_ERRORS.REBALANCE_IN_PROGRESS) {
      this.#mustJoin = true;
    } else if (errorCode === KAFKA_ERRORS.UNKNOWN_MEMBER_ID || errorCode === KAFKA_ERRORS.ILLEGAL_GENERATION) {
      this.isLost = true;
      this.#mustJoin = true;
      this.#memberId = "";
      this.#generationId = -1;
    } else if (errorCode === KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE) {
      clock.schedule(RETRY_MS, () => this.requestJoin());
    } else {
      throw new VarveError("VARVE_GROUP_BUSY", `the group ${group} does not take this consumer: ${REASONS[errorCode]}`);
    }
  }
}

const REASONS: Readonly<Record<number, string>> = {
  [KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL]: `its members do not assign by any of ${PROTOCOL_NAMES.join(", ")}`,
  [KAFKA_ERRORS.GROUP_MAX_SIZE_REACHED]: "it has as many members as it may",
};

function byTopic(owned: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of owned) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return Array.from(topics, ([topic, partitions]) => ({ topic, partitions: partitions.sort((a, b) => a - b) }));
}
