/**
 * A group: its state, its members, and what follows from them at once. When things happen, which is a matter of time and of
 * others, is decided in rebalancing.ts.
 *
 *   Empty                 nobody is in it; what it has committed stays
 *   PreparingRebalance    waits until every member has joined again
 *   CompletingRebalance   waits for the leader to say who gets what
 *   Stable
 *   Dead                  deleted
 */
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { Member } from "./member.ts";
import type { GroupProtocol, GroupState, JoinedMember, JoinGroupResult } from "./requests.ts";

/** From which states each one may be entered. */
const BEFORE: Record<GroupState, readonly GroupState[]> = {
  Empty: ["PreparingRebalance"],
  PreparingRebalance: ["Stable", "CompletingRebalance", "Empty"],
  CompletingRebalance: ["PreparingRebalance"],
  Stable: ["CompletingRebalance"],
  Dead: ["Stable", "PreparingRebalance", "CompletingRebalance", "Empty", "Dead"],
};

export class Group {
  readonly id: string;
  state: GroupState = "Empty";
  previousState: GroupState = "Empty";
  /** Wall clock of the last change of state. */
  stateTimestamp: number;
  generationId = 0;
  /** "" as long as nobody was ever in it: a group of commits alone. */
  protocolType = "";
  /** The one that the members of this generation have agreed on. */
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** What it has committed is forgotten some day: it never had a member of this process. */
  expires = true;
  /** It is in the log. */
  isStored = false;
  /** It waits a little for more members, and somebody has come meanwhile. */
  isDelayed = false;
  hasNewMember = false;
  /** In the order in which they came. */
  readonly members = new Map<string, Member>();
  /** Instance → member id. */
  readonly staticMembers = new Map<string, string>();
  /** Ids that were given out and not used yet, and how to let them lapse. */
  readonly pendingJoin = new Map<string, () => void>();
  /** Who has joined this generation and not yet asked for its assignment. */
  readonly pendingSync = new Set<string>();
  cancelJoin: (() => void) | undefined;
  cancelSync: (() => void) | undefined;

  constructor(id: string, now: number) {
    this.id = id;
    this.stateTimestamp = now;
  }

  transition(to: GroupState, now: number): void {
    if (!BEFORE[to].includes(this.state)) throw new Error(`the group ${this.id} cannot go from ${this.state} to ${to}`);
    this.previousState = this.state;
    this.state = to;
    this.stateTimestamp = now;
  }

  get canRebalance(): boolean {
    return BEFORE.PreparingRebalance.includes(this.state);
  }

  get hasAllJoined(): boolean {
    return this.pendingJoin.size === 0 && [...this.members.values()].every((member) => member.isAwaitingJoin);
  }

  get awaitingJoinCount(): number {
    return [...this.members.values()].filter((member) => member.isAwaitingJoin).length;
  }

  /** The longest that any member may take. */
  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...Array.from(this.members.values(), ({ terms }) => terms.rebalanceTimeoutMs));
  }

  // ---- members

  add(member: Member): void {
    if (this.members.size === 0) this.protocolType = member.terms.protocolType;
    this.members.set(member.id, member);
    this.leaderId ??= member.id;
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.id);
    this.forgetPending(member.id);
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member) {
      member.cancelSession?.();
      this.members.delete(memberId);
      if (member.groupInstanceId !== null) this.staticMembers.delete(member.groupInstanceId);
    }
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
    this.forgetPending(memberId);
    this.pendingSync.delete(memberId);
  }

  /** Puts a member in the place of an earlier one of the same instance. */
  replace(old: Member, member: Member): void {
    const wasLeader = this.leaderId === old.id;
    this.members.delete(old.id);
    this.pendingSync.delete(old.id);
    old.cancelSession?.();
    member.assignment = old.assignment;
    this.members.set(member.id, member);
    this.staticMembers.set(member.groupInstanceId!, member.id);
    if (wasLeader) this.leaderId = member.id;
  }

  forgetPending(memberId: string): void {
    this.pendingJoin.get(memberId)?.();
    this.pendingJoin.delete(memberId);
  }

  /** Whether they are who they say: NONE, or the error. */
  validate(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const holder = this.staticMembers.get(groupInstanceId);
      if (holder === undefined) return KAFKA_ERRORS.UNKNOWN_MEMBER_ID;
      if (holder !== memberId) return KAFKA_ERRORS.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? KAFKA_ERRORS.NONE : KAFKA_ERRORS.UNKNOWN_MEMBER_ID;
  }

  /** Makes sure that the leader is one of those who have joined; false when nobody has. */
  electLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)?.isAwaitingJoin) return true;
    const joined = [...this.members.values()].find((member) => member.isAwaitingJoin);
    if (joined) this.leaderId = joined.id;
    return joined !== undefined;
  }

  // ---- protocols

  /** Whether a member with these could be in the group: there must be one that everybody can do. */
  supports(protocolType: string, protocols: readonly GroupProtocol[]): boolean {
    if (protocolType === "" || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#isSupportedByAll(name));
  }

  /** What the members, as they are, would agree on; undefined when there are none. */
  get expectedProtocol(): string | undefined {
    return this.members.size > 0 ? this.selectProtocol() : undefined;
  }

  /** Everybody votes for the first of theirs that all can do; of equals the one that was voted for first. */
  selectProtocol(): string {
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.protocolNames.find((name) => this.#isSupportedByAll(name));
      if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
    }
    const [[winner]] = [...votes].sort((a, b) => b[1] - a[1]);
    return winner;
  }

  #isSupportedByAll(name: string): boolean {
    return [...this.members.values()].every((member) => member.protocolNames.includes(name));
  }

  // ---- answers

  joined(member: Member): JoinGroupResult {
    return {
      errorCode: KAFKA_ERRORS.NONE,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leaderId ?? "",
      skipAssignment: false,
      memberId: member.id,
      members: this.leaderId === member.id ? this.subscriptions() : [],
    };
  }

  /** What the leader must know. */
  subscriptions(): JoinedMember[] {
    return Array.from(this.members.values(), (member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadataFor(this.protocolName),
    }));
  }
}
