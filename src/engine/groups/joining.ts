/**
 * A member at the door: whether it may join, under which id, and whether the group must rebalance for it.
 *
 *   no id, dynamic       given one; comes again with it, where the protocol asks for that (MEMBER_ID_REQUIRED)
 *   no id, static        takes the place of the member that holds the instance, if there is one
 *   an id, not joined    joins
 *   an id, a member      PreparingRebalance: joins the next generation
 *                        CompletingRebalance: the same, if it has changed; else it has missed the answer, and gets it again
 *                        Stable: the same; the leader always makes the group rebalance
 */
import type { Chance, Clock } from "../../storage/clock.ts";
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { Group } from "./group.ts";
import { type JoinReply, joinError, Member, syncError } from "./member.ts";
import type { Rebalancing } from "./rebalancing.ts";
import type { JoinGroupRequest } from "./requests.ts";

export interface JoiningHost {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly groupMaxSize: number;
  readonly rebalancing: Rebalancing;
  persist(group: Group): Promise<void>;
}

const UUID_BYTES = 16;

export class Joining {
  readonly #host: JoiningHost;

  constructor(host: JoiningHost) {
    this.#host = host;
  }

  join(group: Group, request: JoinGroupRequest, reply: JoinReply): void {
    const { memberId, groupInstanceId } = request;
    const refuse = (errorCode: number) => reply(joinError(memberId, errorCode));
    if (!this.#hasRoom(group, memberId)) {
      group.remove(memberId);
      reply(joinError("", KAFKA_ERRORS.GROUP_MAX_SIZE_REACHED));
    } else if (!group.supports(request.protocolType, request.protocols)) {
      refuse(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    } else if (memberId === "") {
      this.#joinNew(group, request, reply);
    } else if (group.pendingJoin.has(memberId) && groupInstanceId === null) {
      this.#add(group, memberId, request, reply);
    } else {
      const errorCode = group.validate(memberId, groupInstanceId);
      if (errorCode === KAFKA_ERRORS.NONE) this.#rejoin(group, group.members.get(memberId)!, request, reply);
      else refuse(errorCode);
    }
  }

  #joinNew(group: Group, request: JoinGroupRequest, reply: JoinReply): void {
    const { groupInstanceId, clientId, requiresKnownMemberId } = request;
    const memberId = `${groupInstanceId ?? clientId}-${this.#uuid()}`;
    const holder = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
    if (holder !== undefined) {
      this.#replace(group, group.members.get(holder)!, memberId, request, reply);
    } else if (groupInstanceId === null && requiresKnownMemberId) {
      this.#expect(group, memberId, request.sessionTimeoutMs ?? request.rebalanceTimeoutMs);
      reply(joinError(memberId, KAFKA_ERRORS.MEMBER_ID_REQUIRED));
    } else {
      this.#add(group, memberId, request, reply);
    }
  }

  /** A rebalance waits for whoever has been given an id, as long as its session would last. */
  #expect(group: Group, memberId: string, timeoutMs: number): void {
    const cancel = this.#host.clock.schedule(timeoutMs, () => {
      group.forgetPending(memberId);
      this.#host.rebalancing.completeIfAllJoined(group);
    });
    group.pendingJoin.set(memberId, cancel);
  }

  #add(group: Group, memberId: string, request: JoinGroupRequest, reply: JoinReply): void {
    const { rebalancing } = this.#host;
    const member = new Member({ ...request, memberId }, termsOf(request));
    const expected = group.expectedProtocol;
    member.isNew = true;
    group.hasNewMember ||= group.isDelayed;
    group.expires &&= !member.isInProcess;
    group.add(member);
    if (group.expectedProtocol !== expected) this.#askAgain(group);
    member.awaitJoin(reply);
    rebalancing.touchNew(group, member);
    rebalancing.prepareOrComplete(group);
  }

  #rejoin(group: Group, member: Member, request: JoinGroupRequest, reply: JoinReply): void {
    const { rebalancing } = this.#host;
    const mustRebalance =
      group.state === "PreparingRebalance" ||
      !member.hasProtocols(request.protocols) ||
      (group.state === "Stable" && group.leaderId === member.id);
    if (!mustRebalance) {
      const { members, ...answer } = group.joined(member);
      reply({ ...answer, members: group.state === "Stable" ? [] : members });
      return;
    }
    const expected = group.expectedProtocol;
    member.terms = termsOf(request);
    if (group.expectedProtocol !== expected) this.#askAgain(group);
    member.awaitJoin(reply);
    rebalancing.prepareOrComplete(group);
  }

  /**
   * Members of this process keep what they have while they join, where the group will agree on a cooperative assignor. By now
   * it will agree on another one: who has joined already joins again, having given up what that one may give to others.
   */
  #askAgain(group: Group): void {
    for (const member of group.members.values()) {
      if (member.isInProcess) member.answerJoin(joinError(member.id, KAFKA_ERRORS.REBALANCE_IN_PROGRESS));
    }
  }

  /** Where the group is stable and will agree on the same protocol, the new one has what the old one had, and nobody else hears of it. */
  #replace(group: Group, old: Member, memberId: string, request: JoinGroupRequest, reply: JoinReply): void {
    const { rebalancing } = this.#host;
    const leaderBefore = group.leaderId;
    old.answerJoin(joinError(old.id, KAFKA_ERRORS.FENCED_INSTANCE_ID));
    old.answerSync(syncError(KAFKA_ERRORS.FENCED_INSTANCE_ID));
    const member = new Member({ ...request, memberId }, termsOf(request));
    group.replace(old, member);
    member.awaitJoin(reply);
    rebalancing.touch(group, member);
    if (group.state === "Stable" && group.selectProtocol() === group.protocolName) {
      void this.#takeOver(group, member, leaderBefore, request.canSkipAssignment);
    } else {
      rebalancing.prepareOrComplete(group);
    }
  }

  /** Clients that cannot skip the assignment are told the leader of before, so that the new one does not take itself for it. */
  async #takeOver(group: Group, member: Member, leaderBefore: string | null, canSkip: boolean): Promise<void> {
    try {
      await this.#host.persist(group);
    } catch {
      member.answerJoin(joinError("", KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE));
      return;
    }
    const answer = group.joined(member);
    const isLeader = group.leaderId === member.id;
    if (canSkip) member.answerJoin({ ...answer, skipAssignment: isLeader });
    else member.answerJoin({ ...answer, leader: leaderBefore ?? "", members: [] });
  }

  #hasRoom(group: Group, memberId: string): boolean {
    const { groupMaxSize } = this.#host;
    const member = group.members.get(memberId);
    if (group.state === "Empty" || group.state === "Dead") return true;
    if (group.state === "PreparingRebalance") return member?.isAwaitingJoin || group.awaitingJoinCount < groupMaxSize;
    return member !== undefined || group.members.size < groupMaxSize;
  }

  /** Version 4, as text. */
  #uuid(): string {
    const bytes = Buffer.from(this.#host.chance(UUID_BYTES));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
}

/** The metadata may lie in a buffer that the caller uses again. */
function termsOf({ protocols, ...request }: JoinGroupRequest) {
  const { sessionTimeoutMs, rebalanceTimeoutMs, protocolType, onRebalance } = request;
  const copies = protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
  return { sessionTimeoutMs, rebalanceTimeoutMs, protocolType, onRebalance, protocols: copies };
}
