/**
 * Members of a group under test, as the clients of Kafka behave: they join, sync, send heartbeats, join again when they are told
 * so, and leave; the leader assigns with the assignors of src. Time is the test's.
 */
import type { TopicPartition } from "../../../src/engine/assignors/assignor.ts";
import { ASSIGNORS, type AssignorName, assignPartitions } from "../../../src/engine/assignors/assignors.ts";
import { GroupCoordinator, type GroupCoordinatorOptions } from "../../../src/engine/groups/coordinator.ts";
import type { GroupStorage } from "../../../src/engine/groups/group-storage.ts";
import type { JoinGroupRequest, JoinGroupResult } from "../../../src/engine/groups/requests.ts";
import { KAFKA_ERRORS } from "../../../src/engine/kafka-errors.ts";
import {
  readAssignment,
  readSubscription,
  writeAssignment,
  writeSubscription,
} from "../../../src/format/consumer-protocol.ts";
import { readGroupMetadataValue, writeGroupMetadataValue } from "../../../src/format/group-metadata.ts";
import { TestClock } from "../../../src/testing/clock.ts";
import { Random } from "../../simulation/random.ts";

export const TOPICS: ReadonlyMap<string, number> = new Map([
  ["orders", 4],
  ["invoices", 3],
]);

/** The store of `__consumer_offsets`, without the log: what was written can be read by the next coordinator. */
export class MemoryGroupStorage implements GroupStorage {
  readonly written = new Map<string, Uint8Array>();
  readonly #committed = new Map<
    string,
    Map<string, { topic: string; partition: number; offset: number; at: number }>
  >();
  /** Thrown by the next writes. */
  failure: Error | undefined;
  clock = new TestClock();

  async ready(): Promise<void> {}

  storedGroups() {
    return Array.from(this.written, ([group, bytes]) => ({ group, value: readGroupMetadataValue(bytes) }));
  }

  async writeGroup(group: string, value: Parameters<GroupStorage["writeGroup"]>[1]): Promise<void> {
    if (this.failure) throw this.failure;
    if (value) this.written.set(group, writeGroupMetadataValue(value));
    else this.written.delete(group);
  }

  async commit(group: string, entries: Parameters<GroupStorage["commit"]>[1]): Promise<void> {
    if (this.failure) throw this.failure;
    const present = this.#committed.get(group) ?? new Map();
    this.#committed.set(group, present);
    for (const { topic, partition, offset } of entries) {
      present.set(`${topic}-${partition}`, { topic, partition, offset, at: this.clock.now() });
    }
  }

  /** Of transactions, which these groups have none of. */
  commitInTransaction(group: string, _: unknown, entries: Parameters<GroupStorage["commit"]>[1]): Promise<void> {
    return this.commit(group, entries);
  }

  isPending(): boolean {
    return false;
  }

  committed(group: string, topic: string, partition: number) {
    const found = this.#committed.get(group)?.get(`${topic}-${partition}`);
    return found && { offset: found.offset, leaderEpoch: -1, metadata: "", commitTimestamp: found.at };
  }

  allCommitted(group: string) {
    return [...(this.#committed.get(group)?.values() ?? [])].map(({ topic, partition }) => {
      return { topic, partition, committed: this.committed(group, topic, partition)! };
    });
  }

  groups(): string[] {
    return [...this.#committed.keys()];
  }

  async delete(group: string, which?: readonly TopicPartition[]): Promise<void> {
    const present = this.#committed.get(group);
    for (const { topic, partition } of which ?? []) present?.delete(`${topic}-${partition}`);
    if (!which || present?.size === 0) this.#committed.delete(group);
  }
}

export interface World {
  clock: TestClock;
  storage: MemoryGroupStorage;
  coordinator: GroupCoordinator;
}

export function startWorld(options: Partial<GroupCoordinatorOptions> = {}, before?: World): World {
  const clock = before?.clock ?? (options.clock as TestClock | undefined) ?? new TestClock();
  const storage = before?.storage ?? new MemoryGroupStorage();
  storage.clock = clock;
  const random = new Random(clock.monotonic() + 1);
  const coordinator = new GroupCoordinator({
    clock,
    storage,
    chance: (count) => random.bytes(count),
    hasPartition: (topic, partition) => partition < (TOPICS.get(topic) ?? 0),
    ...options,
  });
  return { clock, storage, coordinator };
}

export interface MemberOptions {
  name: string;
  group?: string;
  instance?: string;
  topics?: string[];
  assignor?: AssignorName;
  inProcess?: boolean;
  sessionTimeoutMs?: number;
  rebalanceTimeoutMs?: number;
  heartbeatMs?: number;
  /** How long after it was told to rebalance it joins: the time it needs to finish what is in hand. */
  pollMs?: number;
}

export class SimulatedMember {
  readonly #world: World;
  readonly #options: Required<Omit<MemberOptions, "instance">> & { instance: string | null };
  memberId = "";
  generationId = -1;
  isLeader = false;
  /** What it believes to own; gives up only as the protocol allows. */
  owned: TopicPartition[] = [];
  /** Every error that it was answered. */
  readonly errors: number[] = [];
  rounds = 0;
  #isRunning = false;
  #isJoining = false;
  #joinAgain = false;
  #isAboutToJoin = false;
  #cancels = new Set<() => void>();

  constructor(world: World, options: MemberOptions) {
    this.#world = world;
    this.#options = {
      group: "g",
      topics: [...TOPICS.keys()],
      assignor: "cooperative-sticky",
      inProcess: false,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      heartbeatMs: 3000,
      pollMs: 10,
      ...options,
      instance: options.instance ?? null,
    };
  }

  get name(): string {
    return this.#options.name;
  }

  get isStopped(): boolean {
    return !this.#isRunning;
  }

  get isInProcess(): boolean {
    return this.#options.inProcess;
  }

  get pollMs(): number {
    return this.#options.pollMs;
  }

  get ownedNames(): string[] {
    return this.owned.map(({ topic, partition }) => `${topic}-${partition}`).sort();
  }

  start(): this {
    this.#isRunning = true;
    void this.#join();
    this.#heartbeatLater();
    return this;
  }

  subscribe(topics: string[]): void {
    this.#options.topics = topics;
    this.rejoinLater();
  }

  /** Stops without a word. */
  crash(): void {
    this.#isRunning = false;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.owned = [];
  }

  async leave(): Promise<number> {
    const { memberId } = this;
    this.crash();
    const members = [{ memberId, groupInstanceId: this.#options.instance }];
    const result = await this.#world.coordinator.leaveGroup({ groupId: this.#options.group, members });
    return result.errorCode || result.members[0].errorCode;
  }

  /** What a commit of it would be answered. */
  commit(offset: number, topic = "orders", partition = 0): Promise<number> {
    return this.#world.coordinator
      .commitOffsets({
        ...this.#identity,
        isWire: !this.#options.inProcess,
        topics: [{ name: topic, partitions: [{ partition, offset, leaderEpoch: -1, metadata: "" }] }],
      })
      .then(({ topics }) => topics[0].partitions[0].errorCode);
  }

  /** However often it is told so, it comes once. */
  rejoinLater(): void {
    if (this.#isAboutToJoin) return;
    this.#isAboutToJoin = true;
    this.#later(this.#options.pollMs, () => {
      this.#isAboutToJoin = false;
      void this.#join();
    });
  }

  get #identity() {
    const { group: groupId, instance: groupInstanceId } = this.#options;
    return { groupId, groupInstanceId, memberId: this.memberId, generationId: this.generationId };
  }

  get joinRequest(): JoinGroupRequest {
    const { group, instance, name, inProcess, sessionTimeoutMs, rebalanceTimeoutMs, assignor, topics } = this.#options;
    const owned = this.owned.map(({ topic, partition }) => ({ topic, partitions: [partition] }));
    const claim = { ownedPartitions: owned, generationId: this.generationId };
    const isCooperative = ASSIGNORS[assignor].isCooperative;
    const metadata = writeSubscription({ topics, userData: null, ...(isCooperative ? claim : {}) });
    return {
      groupId: group,
      memberId: this.memberId,
      groupInstanceId: instance,
      clientId: name,
      clientHost: inProcess ? "in-process" : "/127.0.0.1",
      sessionTimeoutMs: inProcess ? null : sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType: "consumer",
      protocols: [{ name: assignor, metadata }],
      requiresKnownMemberId: !inProcess,
      canSkipAssignment: true,
      onRebalance: inProcess ? () => this.rejoinLater() : undefined,
    };
  }

  async #join(): Promise<void> {
    if (this.#isJoining) {
      this.#joinAgain = true;
      return;
    }
    this.#isJoining = true;
    this.#joinAgain = false;
    // An eager member gives up everything before it joins.
    if (!ASSIGNORS[this.#options.assignor].isCooperative) this.owned = [];
    const joined = await this.#world.coordinator.joinGroup(this.joinRequest);
    if (this.#isRunning) await this.#joined(joined);
    this.#isJoining = false;
    if (this.#joinAgain && this.#isRunning) void this.#join();
  }

  async #joined(joined: JoinGroupResult): Promise<void> {
    if (joined.errorCode !== KAFKA_ERRORS.NONE) return this.#failed(joined.errorCode, joined.memberId);
    this.memberId = joined.memberId;
    this.generationId = joined.generationId;
    this.isLeader = joined.leader === joined.memberId;
    const synced = await this.#world.coordinator.syncGroup({
      ...this.#identity,
      protocolType: joined.protocolType,
      protocolName: joined.protocolName,
      assignments: this.isLeader && !joined.skipAssignment ? this.#assign(joined) : [],
    });
    if (!this.#isRunning) return;
    if (synced.errorCode !== KAFKA_ERRORS.NONE) return this.#failed(synced.errorCode);
    this.rounds++;
    this.#take(readAssignment(synced.assignment).assignedPartitions);
  }

  #take(assigned: { topic: string; partitions: number[] }[]): void {
    const before = this.ownedNames;
    this.owned = assigned.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
    const after = new Set(this.ownedNames);
    // What had to be given up is free for others in the next round.
    const { isCooperative } = ASSIGNORS[this.#options.assignor];
    if (isCooperative && before.some((name) => !after.has(name))) this.#joinAgain = true;
  }

  #assign({ members }: JoinGroupResult) {
    const subscriptions = members.map(({ memberId, groupInstanceId, metadata }) => {
      const { topics, ownedPartitions, generationId, userData } = readSubscription(metadata);
      const owned = ownedPartitions.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      return { memberId, groupInstanceId, topics, ownedPartitions: owned, generationId, userData };
    });
    const assignor = ASSIGNORS[this.#options.assignor];
    const assignment = assignPartitions(assignor, (topic) => TOPICS.get(topic), subscriptions);
    return Array.from(assignment, ([memberId, partitions]) => ({
      memberId,
      assignment: writeAssignment({
        assignedPartitions: partitions.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
        userData: null,
      }),
    }));
  }

  #failed(errorCode: number, memberId?: string): void {
    this.errors.push(errorCode);
    const { MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS } = KAFKA_ERRORS;
    if (errorCode === KAFKA_ERRORS.FENCED_INSTANCE_ID) {
      this.crash();
      return;
    }
    if (errorCode === MEMBER_ID_REQUIRED) this.memberId = memberId!;
    if (errorCode === UNKNOWN_MEMBER_ID || errorCode === ILLEGAL_GENERATION) {
      if (errorCode === UNKNOWN_MEMBER_ID) this.memberId = "";
      this.generationId = -1;
      this.owned = [];
    }
    if (errorCode === REBALANCE_IN_PROGRESS || errorCode === MEMBER_ID_REQUIRED) this.#joinAgain = true;
    else this.#later(100, () => void this.#join());
  }

  #heartbeatLater(): void {
    this.#later(this.#options.heartbeatMs, async () => {
      if (!this.#options.inProcess && this.memberId !== "" && !this.#isJoining) {
        const { errorCode } = await this.#world.coordinator.heartbeat(this.#identity);
        if (!this.#isRunning) return;
        if (errorCode === KAFKA_ERRORS.REBALANCE_IN_PROGRESS) this.rejoinLater();
        else if (errorCode !== KAFKA_ERRORS.NONE) this.#failed(errorCode);
      }
      this.#heartbeatLater();
    });
  }

  #later(ms: number, fn: () => void): void {
    const cancel = this.#world.clock.schedule(ms, () => {
      this.#cancels.delete(cancel);
      if (this.#isRunning) fn();
    });
    this.#cancels.add(cancel);
  }
}

/** How often each partition is owned: once, at the end of every story. */
export function ownersOf(members: Iterable<SimulatedMember>): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const [topic, count] of TOPICS) {
    for (let partition = 0; partition < count; partition++) owners.set(`${topic}-${partition}`, []);
  }
  for (const member of members) for (const name of member.ownedNames) owners.get(name)!.push(member.name);
  return owners;
}
