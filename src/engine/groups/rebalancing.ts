/**
 * How a group gets from one generation to the next:
 *
 *   prepare        everybody must join again; whoever waits for an assignment is told so
 *   completeJoin   once all have, or the time is up: those who have not are out, the leader learns who is there
 *   assign         the leader has decided: it is written down, then everybody gets theirs
 *
 * A member of the wire that says nothing for its session timeout is out, unless the group itself keeps it waiting. Members of
 * this process don't fall silent; they only have to join in time.
 */
import type { Clock } from "../../storage/clock.ts";
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { Group } from "./group.ts";
import { joinError, type Member, NO_BYTES, syncError } from "./member.ts";

/** How long a member that has never got an answer may wait for one: if it is still there, it asks again. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** A timer as late as this: we were asleep ourselves, and may have its heartbeat unread. */
const SLEPT_MS = 1000;

export interface RebalancingHost {
  readonly clock: Clock;
  /** How long an empty group waits for more members after the first one, if that is of the wire. */
  readonly initialRebalanceDelayMs: number;
  /** Writes down the group as it is. */
  persist(group: Group): Promise<void>;
  warn(message: string): void;
}

export class Rebalancing {
  readonly #host: RebalancingHost;

  constructor(host: RebalancingHost) {
    this.#host = host;
  }

  // ---- joining

  /** Begins a rebalance, or goes on with the one that is under way. */
  prepareOrComplete(group: Group): void {
    if (group.canRebalance) this.prepare(group);
    else this.completeIfAllJoined(group);
  }

  prepare(group: Group): void {
    if (group.state === "CompletingRebalance") {
      for (const member of group.members.values()) member.assignment = NO_BYTES;
      this.#answerSyncs(group, KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
    }
    group.pendingSync.clear();
    group.cancelSync?.();
    const isInitial = group.state === "Empty";
    group.transition("PreparingRebalance", this.#host.clock.now());
    const missing = [...group.members.values()].filter((member) => !member.isAwaitingJoin);
    const delayMs = isInitial ? this.#initialDelayOf(group) : 0;
    if (delayMs > 0) this.#delay(group, delayMs, Math.max(0, group.rebalanceTimeoutMs - delayMs));
    else if (group.hasAllJoined) this.#completeJoin(group);
    else this.#completeJoinAfter(group, group.rebalanceTimeoutMs);
    for (const member of missing) member.terms.onRebalance?.();
  }

  /** The initial delay runs its course, though all who are there have joined. */
  completeIfAllJoined(group: Group): void {
    if (group.state === "PreparingRebalance" && group.hasAllJoined && !group.isDelayed) this.#completeJoin(group);
  }

  #initialDelayOf(group: Group): number {
    const hasWire = [...group.members.values()].some((member) => !member.isInProcess);
    return hasWire ? this.#host.initialRebalanceDelayMs : 0;
  }

  /** As long as somebody new comes, the delay begins again, up to the rebalance timeout in all. */
  #delay(group: Group, delayMs: number, remainingMs: number): void {
    group.isDelayed = true;
    group.hasNewMember = false;
    this.#scheduleJoin(group, delayMs, () => {
      if (group.hasNewMember && remainingMs > 0) {
        this.#delay(group, Math.min(delayMs, remainingMs), Math.max(0, remainingMs - delayMs));
      } else {
        this.#completeJoin(group);
      }
    });
  }

  #completeJoinAfter(group: Group, ms: number): void {
    this.#scheduleJoin(group, ms, () => this.#completeJoin(group));
  }

  #scheduleJoin(group: Group, ms: number, fn: () => void): void {
    group.cancelJoin?.();
    const cancel = this.#host.clock.schedule(ms, () => {
      group.cancelJoin = undefined;
      fn();
    });
    group.cancelJoin = () => {
      group.cancelJoin = undefined;
      cancel();
    };
  }

  /** Static members that have not joined stay until their session is over: they may be restarting. */
  #completeJoin(group: Group): void {
    group.cancelJoin?.();
    group.isDelayed = false;
    for (const member of [...group.members.values()]) {
      if (!member.isAwaitingJoin && member.groupInstanceId === null) group.remove(member.id);
    }
    if (group.members.size === 0) {
      this.#becomeEmpty(group);
    } else if (group.electLeader()) {
      this.#beginGeneration(group);
    } else {
      this.#completeJoinAfter(group, group.rebalanceTimeoutMs);
    }
  }

  #becomeEmpty(group: Group): void {
    group.generationId++;
    group.protocolName = null;
    group.leaderId = null;
    group.transition("Empty", this.#host.clock.now());
    // Whoever restarts meets the members of before, and lets them time out.
    this.#host.persist(group).catch((error) => this.#host.warn(`the group ${group.id} could not be written: ${error}`));
  }

  #beginGeneration(group: Group): void {
    group.generationId++;
    group.protocolName = group.selectProtocol();
    group.transition("CompletingRebalance", this.#host.clock.now());
    const members = [...group.members.values()];
    for (const member of members) group.pendingSync.add(member.id);
    this.#expectSyncs(group);
    for (const member of members) {
      member.isNew = false;
      this.touch(group, member);
    }
    for (const member of members) member.answerJoin(group.joined(member));
  }

  // ---- the assignment

  /** Whoever has not asked for its assignment in time is out. */
  #expectSyncs(group: Group): void {
    const { generationId } = group;
    group.cancelSync?.();
    group.cancelSync = this.#host.clock.schedule(group.rebalanceTimeoutMs, () => {
      if (group.generationId !== generationId || group.pendingSync.size === 0) return;
      if (group.state !== "CompletingRebalance" && group.state !== "Stable") return;
      for (const memberId of [...group.pendingSync]) group.remove(memberId);
      this.prepare(group);
    });
  }

  /** Writes down what the leader has decided, and then tells everybody; unless the group has moved on meanwhile. */
  async assign(group: Group, assignments: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { generationId } = group;
    const before = Array.from(group.members.values(), (member) => ({ member, assignment: member.assignment }));
    for (const member of group.members.values()) member.assignment = assignments.get(member.id) ?? NO_BYTES;
    let failure: unknown;
    try {
      await this.#host.persist(group);
    } catch (error) {
      failure = error;
    }
    if (group.state !== "CompletingRebalance" || group.generationId !== generationId) return;
    if (failure === undefined) {
      group.transition("Stable", this.#host.clock.now());
      this.#answerSyncs(group, KAFKA_ERRORS.NONE);
    } else {
      this.#host.warn(`the group ${group.id} could not be written: ${failure}`);
      for (const { member, assignment } of before) member.assignment = assignment;
      this.#answerSyncs(group, KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
      this.prepare(group);
    }
  }

  #answerSyncs(group: Group, errorCode: number): void {
    const { protocolType, protocolName } = group;
    for (const member of [...group.members.values()]) {
      const { assignment } = member;
      const isGood = errorCode === KAFKA_ERRORS.NONE;
      const result = isGood ? { errorCode, protocolType, protocolName, assignment } : syncError(errorCode);
      // Its session may have run out while it waited; from now on it counts again.
      if (member.isAwaitingSync) this.touch(group, member);
      member.answerSync(result);
    }
  }

  // ---- sessions

  /** The member has shown itself: its session begins again. */
  touch(group: Group, member: Member, timeoutMs = member.terms.sessionTimeoutMs): void {
    member.cancelSession?.();
    member.cancelSession = undefined;
    if (timeoutMs === null) return;
    const { clock } = this.#host;
    const due = clock.monotonic() + timeoutMs;
    member.cancelSession = clock.schedule(timeoutMs, () => {
      member.cancelSession = undefined;
      if (clock.monotonic() - due > SLEPT_MS) return this.touch(group, member, timeoutMs);
      const isKeptWaiting = !member.isNew && (member.isAwaitingJoin || member.isAwaitingSync);
      if (!isKeptWaiting && group.members.get(member.id) === member) this.removeMember(group, member);
    });
  }

  /** The same for one that does not know its id yet. */
  touchNew(group: Group, member: Member): void {
    this.touch(group, member, member.isInProcess ? null : NEW_MEMBER_JOIN_TIMEOUT_MS);
  }

  removeMember(group: Group, member: Member): void {
    this.takeOut(group, member);
    this.rebalanceWithout(group);
  }

  /** Only takes it out; `rebalanceWithout` must follow. */
  takeOut(group: Group, member: Member): void {
    group.remove(member.id);
    member.answerJoin(joinError("", KAFKA_ERRORS.UNKNOWN_MEMBER_ID));
    member.answerSync(syncError(KAFKA_ERRORS.UNKNOWN_MEMBER_ID));
  }

  rebalanceWithout(group: Group): void {
    if (group.state === "Stable" || group.state === "CompletingRebalance") this.prepare(group);
    else if (group.state === "PreparingRebalance" && group.hasAllJoined) this.completeIfAllJoined(group);
  }
}
