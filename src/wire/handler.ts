/** What a handler gets, and what it may answer. */
import type { Api, RequestOf, ResponseOf } from "./api.ts";
import type { Broker } from "./broker.ts";
import type { FetchSession } from "./fetch-session.ts";

/** What handlers see of a connection. */
export interface Caller {
  /** As Kafka shows it: "/127.0.0.1". */
  readonly clientHost: string;
  /** The connection or the listener is about to close: who waits should stop. */
  readonly isEnding: boolean;
  /** Calls `fn` when that becomes so. Returns the call that takes it back. */
  onEnding(fn: () => void): () => void;
  /** The one session that a connection can have. */
  fetchSession: FetchSession | undefined;
}

export interface Call {
  readonly broker: Broker;
  readonly caller: Caller;
  readonly version: number;
  readonly clientId: string;
}

/**
 * The answer comes later, and the next request of the connection need not wait for it: what this one does is done.
 * Replies keep their order nevertheless.
 */
export class Later<T> {
  readonly value: Promise<T>;

  constructor(value: Promise<T>) {
    this.value = value;
  }
}

/** As a producer with acks=0 wants it. */
export const NO_REPLY = Symbol("no reply");

export type Answer<A extends Api> = ResponseOf<A> | Later<ResponseOf<A>> | typeof NO_REPLY;

export type Handler<A extends Api> = (request: RequestOf<A>, call: Call) => Answer<A> | Promise<Answer<A>>;

/** An API with its handler, types forgotten. */
export interface Served {
  readonly api: Api;
  readonly handle: Handler<Api>;
}

export function served<A extends Api>(api: A, handle: Handler<A>): Served {
  return { api, handle: handle as Handler<Api> };
}

/** The request makes no sense: the connection is closed, as Kafka does. */
export class Unanswerable extends Error {}
