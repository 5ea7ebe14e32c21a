/** One member of a group: what it can do, what it was given, and which of its calls wait for an answer. */
import { KAFKA_ERRORS } from "../kafka-errors.ts";
import type { GroupProtocol, JoinGroupRequest, JoinGroupResult, SyncGroupResult } from "./requests.ts";

export const NO_BYTES = new Uint8Array(0);

export type JoinReply = (result: JoinGroupResult) => void;
export type SyncReply = (result: SyncGroupResult) => void;

/** What a member says of itself when it joins, and may change when it joins again. */
export type MemberTerms = Pick<
  JoinGroupRequest,
  "sessionTimeoutMs" | "rebalanceTimeoutMs" | "protocolType" | "protocols" | "onRebalance"
>;

export interface MemberIdentity {
  memberId: string;
  groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
}

export class Member {
  readonly id: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  terms: MemberTerms;
  assignment: Uint8Array = NO_BYTES;
  /** It has never got an answer to a join: it does not know its own id, and cannot send heartbeats. */
  isNew = false;
  cancelSession: (() => void) | undefined;
  #joinReply: JoinReply | undefined;
  #syncReply: SyncReply | undefined;

  constructor({ memberId, groupInstanceId, clientId, clientHost }: MemberIdentity, terms: MemberTerms) {
    this.id = memberId;
    this.groupInstanceId = groupInstanceId;
    this.clientId = clientId;
    this.clientHost = clientHost;
    this.terms = terms;
  }

  get isInProcess(): boolean {
    return this.terms.sessionTimeoutMs === null;
  }

  get protocolNames(): string[] {
    return this.terms.protocols.map(({ name }) => name);
  }

  metadataFor(protocolName: string | null): Uint8Array {
    return this.terms.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_BYTES;
  }

  /** Whether it says the same as before. */
  hasProtocols(protocols: readonly GroupProtocol[]): boolean {
    const mine = this.terms.protocols;
    return (
      mine.length === protocols.length &&
      mine.every(({ name, metadata }, index) => {
        return name === protocols[index].name && Buffer.compare(metadata, protocols[index].metadata) === 0;
      })
    );
  }

  get isAwaitingJoin(): boolean {
    return this.#joinReply !== undefined;
  }

  get isAwaitingSync(): boolean {
    return this.#syncReply !== undefined;
  }

  /** A call that already waits was given up by its caller, else there were no second one. */
  awaitJoin(reply: JoinReply): void {
    this.answerJoin(joinError(this.id, KAFKA_ERRORS.REBALANCE_IN_PROGRESS));
    this.#joinReply = reply;
  }

  awaitSync(reply: SyncReply): void {
    this.answerSync(syncError(KAFKA_ERRORS.REBALANCE_IN_PROGRESS));
    this.#syncReply = reply;
  }

  answerJoin(result: JoinGroupResult): void {
    const reply = this.#joinReply;
    this.#joinReply = undefined;
    reply?.(result);
  }

  /** Whether a call waited. */
  answerSync(result: SyncGroupResult): boolean {
    const reply = this.#syncReply;
    this.#syncReply = undefined;
    reply?.(result);
    return reply !== undefined;
  }
}

export function joinError(memberId: string, errorCode: number): JoinGroupResult {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function syncError(errorCode: number): SyncGroupResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}
