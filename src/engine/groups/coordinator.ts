/**
 * The group coordinator: Kafka's classic protocol, for clients of the wire and consumers of this process alike. It decides
 * nothing about partitions; it brings the members together, and the leader among them assigns.
 *
 * What each call does to a group's state is in joining.ts, rebalancing.ts and group.ts; here are the groups there are, who
 * may speak in them, and what they have committed.
 */
import type { Chance, Clock } from "../../storage/clock.ts";
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { OffsetCommit } from "../offsets.ts";
import type { ProducerIdentity } from "../transactions/transaction.ts";
import { checkCommit, checkMember, checkNoGroup, checkSync, checkTransactionalCommit } from "./checks.ts";
import { throwCommitError } from "./commit-errors.ts";
import { answerAll, Commits } from "./commits.ts";
import { describeGroup, describeMissing, listGroup, matches } from "./describing.ts";
import { Group } from "./group.ts";
import { fromStored, type GroupStorage, toStored } from "./group-storage.ts";
import { Joining } from "./joining.ts";
import { joinError, syncError } from "./member.ts";
import { expiredOffsets } from "./offsets-expiry.ts";
import { Rebalancing } from "./rebalancing.ts";
import type {
  CommitInTransactionRequest,
  CommitOffsetsRequest,
  CommitOffsetsResult,
  DeletedGroup,
  DescribedGroup,
  FetchOffsetsRequest,
  FetchOffsetsResult,
  HeartbeatRequest,
  HeartbeatResult,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveGroupRequest,
  LeaveGroupResult,
  LeavingMember,
  ListedGroup,
  ListGroupsFilter,
  MemberOfGroup,
  SyncGroupRequest,
  SyncGroupResult,
} from "./requests.ts";

export interface GroupCoordinatorOptions {
  clock: Clock;
  chance: Chance;
  storage: GroupStorage;
  /** Whether there is such a partition to commit for. */
  hasPartition(topic: string, partition: number): boolean;
  /** Throws unless the producer is the one that has the transactional id now. */
  checkProducer?(transactionalId: string, producer: ProducerIdentity): void;
  warn?(message: string): void;
  /** The owner of the directory coordinates; here the groups are only looked at, as they were written. */
  readOnly?: boolean;
  /**
   * How long an empty group waits for more members when the first one comes over the wire. Kafka's default is 3000; most
   * groups here are small and local, so 100.
   */
  initialRebalanceDelayMs?: number;
  /** Kafka has no limit unless told. */
  groupMaxSize?: number;
  /** Kafka's are 6 s and 30 min; tests and labs want to see a session end sooner. */
  minSessionTimeoutMs?: number;
  maxSessionTimeoutMs?: number;
  /** 7 days; -1: for ever. */
  offsetsRetentionMs?: number;
  /** Kafka's offset.metadata.max.bytes. */
  offsetMetadataMaxBytes?: number;
}

const DAY_MS = 86_400_000;

const DEFAULTS = {
  warn: () => {},
  checkProducer: () => {},
  readOnly: false,
  initialRebalanceDelayMs: 100,
  groupMaxSize: Number.POSITIVE_INFINITY,
  minSessionTimeoutMs: 100,
  maxSessionTimeoutMs: 1_800_000,
  offsetsRetentionMs: 7 * DAY_MS,
  offsetMetadataMaxBytes: 4096,
};

/** `engine.coordinator`. */
export class GroupCoordinator {
  readonly #options: Required<GroupCoordinatorOptions>;
  readonly #groups = new Map<string, Group>();
  readonly #rebalancing: Rebalancing;
  readonly #joining: Joining;
  readonly #commits: Commits;
  #loading: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = { ...DEFAULTS, ...options };
    const { clock, chance, initialRebalanceDelayMs, groupMaxSize, warn } = this.#options;
    const persist = (group: Group) => this.#persist(group);
    this.#rebalancing = new Rebalancing({ clock, initialRebalanceDelayMs, persist, warn });
    this.#joining = new Joining({ clock, chance, groupMaxSize, persist, rebalancing: this.#rebalancing });
    this.#commits = new Commits({ ...this.#options, persist });
  }

  /** Brings back the groups of before, on first use. */
  ready(): Promise<void> {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  // ---- members

  /** Resolves when the group has formed: when every member has joined, or the rebalance timeout has passed. */
  async joinGroup(request: JoinGroupRequest): Promise<JoinGroupResult> {
    const error = await this.#refusal(request.groupId);
    if (error !== KAFKA_ERRORS.NONE) return joinError(request.memberId, error);
    if (!this.#isLegalSession(request.sessionTimeoutMs)) {
      return joinError(request.memberId, KAFKA_ERRORS.INVALID_SESSION_TIMEOUT);
    }
    const group = this.#find(request.groupId);
    if (group === undefined && request.memberId !== "") {
      return joinError(request.memberId, KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    }
    return new Promise((resolve) => this.#joining.join(group ?? this.#create(request.groupId), request, resolve));
  }

  /** Resolves when the leader has brought the assignments. */
  async syncGroup(request: SyncGroupRequest): Promise<SyncGroupResult> {
    const error = await this.#refusal(request.groupId);
    if (error !== KAFKA_ERRORS.NONE) return syncError(error);
    const group = this.#groups.get(request.groupId);
    const refused = group === undefined ? KAFKA_ERRORS.UNKNOWN_MEMBER_ID : checkSync(group, request);
    if (group === undefined || refused !== KAFKA_ERRORS.NONE) return syncError(refused);
    const member = group.members.get(request.memberId)!;
    group.pendingSync.delete(member.id);
    if (group.state === "Stable") {
      this.#rebalancing.touch(group, member);
      const { protocolType, protocolName } = group;
      return { errorCode: KAFKA_ERRORS.NONE, protocolType, protocolName, assignment: member.assignment };
    }
    return new Promise((resolve) => {
      member.awaitSync(resolve);
      if (group.leaderId !== member.id) return;
      const given = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment.slice()]));
      void this.#rebalancing.assign(group, given);
    });
  }

  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatResult> {
    const refused = await this.#refusal(request.groupId);
    if (refused !== KAFKA_ERRORS.NONE) return { errorCode: refused };
    const group = this.#groups.get(request.groupId);
    const errorCode = group === undefined ? KAFKA_ERRORS.UNKNOWN_MEMBER_ID : checkMember(group, request);
    if (group === undefined || errorCode !== KAFKA_ERRORS.NONE) return { errorCode };
    this.#rebalancing.touch(group, group.members.get(request.memberId)!);
    const isRebalancing = group.state === "PreparingRebalance";
    return { errorCode: isRebalancing ? KAFKA_ERRORS.REBALANCE_IN_PROGRESS : KAFKA_ERRORS.NONE };
  }

  async leaveGroup(request: LeaveGroupRequest): Promise<LeaveGroupResult> {
    const errorCode = await this.#refusal(request.groupId);
    const group = this.#groups.get(request.groupId);
    if (errorCode !== KAFKA_ERRORS.NONE) return { errorCode, members: [] };
    const members = request.members.map((leaving) => {
      return { ...leaving, errorCode: group ? this.#leave(group, leaving) : KAFKA_ERRORS.UNKNOWN_MEMBER_ID };
    });
    if (group && members.some((member) => member.errorCode === KAFKA_ERRORS.NONE)) {
      this.#rebalancing.rebalanceWithout(group);
    }
    return { errorCode, members };
  }

  /** What its members, as they are, would agree on; undefined when there are none. */
  expectedProtocol(groupId: string): string | undefined {
    return this.#groups.get(groupId)?.expectedProtocol;
  }

  // ---- offsets

  /** Whether this member may commit now: NONE, or the error. Shows that it is alive. */
  async checkCommit(request: MemberOfGroup): Promise<number> {
    const refused = await this.#refusal(request.groupId);
    if (refused !== KAFKA_ERRORS.NONE) return refused;
    const group = this.#find(request.groupId);
    if (group === undefined) return checkNoGroup(request);
    const errorCode = checkCommit(group, request);
    const member = group.members.get(request.memberId);
    if (errorCode === KAFKA_ERRORS.NONE && member) this.#rebalancing.touch(group, member);
    return errorCode;
  }

  /** Resolves when the offsets have their durability. */
  async commitOffsets(request: CommitOffsetsRequest): Promise<CommitOffsetsResult> {
    const refused = await this.checkCommit(request);
    if (refused !== KAFKA_ERRORS.NONE) return answerAll(request, () => refused);
    const group = this.#find(request.groupId) ?? this.#create(request.groupId);
    return this.#commits.commit(group, request);
  }

  /**
   * The same in a transaction, to which the partition of the group was added: it counts once that is committed. Rejects for what
   * is wrong with the transaction (VARVE_FENCED, VARVE_TRANSACTION_STATE, VARVE_UNKNOWN_PRODUCER).
   */
  async commitOffsetsInTransaction(request: CommitInTransactionRequest): Promise<CommitOffsetsResult> {
    const { transactionalId, producerId, producerEpoch } = request;
    const refused = await this.#refusal(request.groupId);
    if (refused !== KAFKA_ERRORS.NONE) return answerAll(request, () => refused);
    const producer = { producerId, producerEpoch };
    this.#options.checkProducer(transactionalId, producer);
    const group = this.#find(request.groupId);
    const errorCode = group ? checkTransactionalCommit(group, request) : checkNoGroup(request);
    if (errorCode !== KAFKA_ERRORS.NONE) return answerAll(request, () => errorCode);
    return this.#commits.commit(group ?? this.#create(request.groupId), request, producer);
  }

  /**
   * For producers of this process: the offsets count once the transaction is committed. Rejects with VARVE_FENCED when a newer
   * producer has the id, or the group went on without the member.
   */
  async commitInTransaction(
    transactionalId: string,
    producer: ProducerIdentity,
    group: string,
    entries: readonly OffsetCommit[],
    member?: { memberId: string; generation: number; groupInstanceId?: string | null },
  ): Promise<void> {
    const { memberId = "", generation: generationId = -1, groupInstanceId = null } = member ?? {};
    const who = { groupId: group, memberId, generationId, groupInstanceId, isWire: false };
    const topics = entries.map(({ topic: name, leaderEpoch = -1, metadata = "", ...entry }) => {
      return { name, partitions: [{ ...entry, leaderEpoch, metadata }] };
    });
    const answer = await this.commitOffsetsInTransaction({ ...who, transactionalId, ...producer, topics });
    for (const { name, partitions } of answer.topics) {
      for (const { partition, errorCode } of partitions) throwCommitError(errorCode, group, name, partition);
    }
  }

  async fetchOffsets(request: FetchOffsetsRequest): Promise<FetchOffsetsResult> {
    const { groupId } = request;
    const errorCode = await this.#refusal(groupId);
    if (errorCode !== KAFKA_ERRORS.NONE) return { groupId, errorCode, topics: [] };
    return this.#commits.fetch(request);
  }

  /** Forgets what nobody has needed for the retention time, and the groups that have nothing left; once groups are in use at all. */
  async expireOffsets(): Promise<void> {
    if (this.#loading === undefined || this.#isClosed) return;
    await this.#loading;
    const { storage, clock, offsetsRetentionMs } = this.#options;
    for (const group of this.#allGroups()) {
      const committed = storage.allCommitted(group.id);
      const expired = expiredOffsets(group, committed, clock.now(), offsetsRetentionMs);
      if (expired.length > 0) await storage.delete(group.id, expired);
      const isUsed = group.state !== "Empty" || group.pendingJoin.size > 0;
      if (!isUsed && storage.allCommitted(group.id).length === 0) await this.#remove(group);
    }
  }

  // ---- groups

  async describeGroups(groupIds: readonly string[]): Promise<DescribedGroup[]> {
    await this.ready();
    return groupIds.map((groupId) => {
      const group = this.#find(groupId);
      return group ? describeGroup(group) : describeMissing(groupId);
    });
  }

  async listGroups(filter: ListGroupsFilter = {}): Promise<ListedGroup[]> {
    await this.ready();
    return this.#allGroups()
      .map(listGroup)
      .filter((group) => matches(group, filter));
  }

  /** With all that they have committed; only those that nobody is in. */
  async deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]> {
    await this.ready();
    const deleted: DeletedGroup[] = [];
    for (const groupId of new Set(groupIds)) deleted.push({ groupId, errorCode: await this.#delete(groupId) });
    return deleted;
  }

  /** Everybody who waits is told to look elsewhere; no timer is left. */
  close(): void {
    this.#isClosed = true;
    const { COORDINATOR_NOT_AVAILABLE } = KAFKA_ERRORS;
    for (const group of this.#groups.values()) {
      group.cancelJoin?.();
      group.cancelSync?.();
      for (const memberId of [...group.pendingJoin.keys()]) group.forgetPending(memberId);
      for (const member of group.members.values()) {
        member.cancelSession?.();
        member.answerJoin(joinError(member.id, COORDINATOR_NOT_AVAILABLE));
        member.answerSync(syncError(COORDINATOR_NOT_AVAILABLE));
      }
    }
    this.#groups.clear();
  }

  // ---- inside

  async #load(): Promise<void> {
    const { storage, clock, readOnly } = this.#options;
    await storage.ready();
    for (const { group: id, value } of storage.storedGroups()) {
      if (this.#isClosed) return;
      const { group, isMissingMembers } = fromStored(id, value, clock.now(), readOnly);
      this.#groups.set(id, group);
      if (readOnly) continue;
      for (const member of group.members.values()) this.#rebalancing.touch(group, member);
      if (isMissingMembers && group.members.size > 0) this.#rebalancing.prepare(group);
    }
  }

  /** What speaks against answering at all. */
  async #refusal(groupId: string): Promise<number> {
    if (groupId === "") return KAFKA_ERRORS.INVALID_GROUP_ID;
    if (this.#options.readOnly) return KAFKA_ERRORS.NOT_COORDINATOR;
    if (!this.#isClosed) await this.ready();
    return this.#isClosed ? KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE : KAFKA_ERRORS.NONE;
  }

  #isLegalSession(timeoutMs: number | null): boolean {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#options;
    return timeoutMs === null || (timeoutMs >= minSessionTimeoutMs && timeoutMs <= maxSessionTimeoutMs);
  }

  /** Also one that has only ever committed. */
  #find(groupId: string): Group | undefined {
    const group = this.#groups.get(groupId);
    if (group || this.#options.storage.allCommitted(groupId).length === 0) return group;
    const commitsAlone = this.#create(groupId);
    commitsAlone.expires = false;
    return commitsAlone;
  }

  #create(groupId: string): Group {
    const group = new Group(groupId, this.#options.clock.now());
    this.#groups.set(groupId, group);
    return group;
  }

  #allGroups(): Group[] {
    for (const groupId of this.#options.storage.groups()) this.#find(groupId);
    return [...this.#groups.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #persist(group: Group): Promise<void> {
    if (this.#isClosed) return;
    group.isStored = true;
    await this.#options.storage.writeGroup(group.id, toStored(group));
  }

  #leave(group: Group, { memberId, groupInstanceId }: LeavingMember): number {
    if (group.pendingJoin.has(memberId)) {
      group.forgetPending(memberId);
      return KAFKA_ERRORS.NONE;
    }
    const isByInstance = memberId === "" && groupInstanceId !== null;
    const leaving = isByInstance ? (group.staticMembers.get(groupInstanceId) ?? "") : memberId;
    const errorCode = group.validate(leaving, groupInstanceId);
    if (errorCode === KAFKA_ERRORS.NONE) this.#rebalancing.takeOut(group, group.members.get(leaving)!);
    return errorCode;
  }

  async #delete(groupId: string): Promise<number> {
    if (groupId === "") return KAFKA_ERRORS.INVALID_GROUP_ID;
    const group = this.#find(groupId);
    if (group === undefined) return KAFKA_ERRORS.GROUP_ID_NOT_FOUND;
    if (group.state !== "Empty") return KAFKA_ERRORS.NON_EMPTY_GROUP;
    await this.#remove(group);
    return KAFKA_ERRORS.NONE;
  }

  async #remove(group: Group): Promise<void> {
    const { storage, clock } = this.#options;
    for (const memberId of [...group.pendingJoin.keys()]) group.forgetPending(memberId);
    group.transition("Dead", clock.now());
    this.#groups.delete(group.id);
    await storage.delete(group.id);
    if (group.isStored) await storage.writeGroup(group.id, null);
  }
}
