/**
 * One client: its requests in order, its replies in the same order.
 *
 * Requests are handled one after the other, as Kafka does; only what a handler puts off (see Later) overlaps with the next
 * ones. So a client that sends many requests at once costs no more than the one in hand: what came behind it stays in a small
 * buffer, and then in the socket. The same holds for one that does not read: nothing is handled before the last reply
 * has gone into the socket's own buffer.
 *
 * What a client has sent before it went is handled as well: a producer with acks 0 has nothing to wait for.
 */
import type { Socket } from "node:net";
import type { Clock } from "../storage/clock.ts";
import type { Reply } from "./dispatch.ts";
import type { FetchSession } from "./fetch-session.ts";
import { FrameReader } from "./frame-reader.ts";
import { type Caller, Later } from "./handler.ts";

/** What a connection asks of its listener. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  readonly idleTimeoutMs: number;
  dispatch(frame: Uint8Array, caller: Caller): Promise<Reply | Later<Reply>>;
  /** The client sent what cannot be answered, or a handler failed. The connection is closed then. */
  failed(error: unknown, caller: Caller): void;
  closed(connection: Connection): void;
}

/** Of requests behind the one in hand. More stays in the socket. */
const READ_AHEAD_BYTES = 64 * 1024;

/** Finds clients that are gone without a word. */
const KEEP_ALIVE_MS = 60_000;

/** How long a client has to close after we did. */
const LINGER_MS = 1000;

/** Replies that are put off. A producer has 5 requests in flight. */
const MAX_LATER = 32;

export class Connection implements Caller {
  readonly clientHost: string;
  fetchSession: FetchSession | undefined;
  isEnding = false;
  /** Nothing more is handled, though it may have come already. */
  #isOver = false;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #frames: FrameReader;
  readonly #onEnding = new Set<() => void>();
  #isHandling = false;
  /** Resolves when every reply so far has gone out. */
  #sent: Promise<void> = Promise.resolve();
  #laterCount = 0;
  #activeAt: number;
  #cancelIdle: () => void = () => {};

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#frames = new FrameReader(host.maxRequestBytes);
    this.clientHost = `/${(socket.remoteAddress ?? "127.0.0.1").replace(/^::ffff:/, "")}`;
    this.#activeAt = host.clock.monotonic();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("error", () => {});
    socket.once("close", () => this.#closed());
    this.#watchIdle(host.idleTimeoutMs);
  }

  onEnding(fn: () => void): () => void {
    if (this.isEnding) queueMicrotask(fn);
    this.#onEnding.add(fn);
    return () => this.#onEnding.delete(fn);
  }

  /** Answers what is in hand, handles nothing more, and closes. */
  async drain(): Promise<void> {
    this.#isOver = true;
    this.#socket.pause();
    this.#end();
    while (this.#isHandling) await this.#handling;
    await this.#sent;
    this.#leave();
  }

  /**
   * What the client goes on sending is read and dropped until it has seen our end and closed as well: a socket that is closed with bytes
   * unread takes away the replies that the client has not read yet.
   */
  #leave(): void {
    if (this.#socket.destroyed) return;
    const cancel = this.#host.clock.schedule(LINGER_MS, () => this.destroy());
    this.#socket.once("close", cancel);
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #handling: Promise<void> = Promise.resolve();

  #received(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#activeAt = this.#host.clock.monotonic();
    this.#frames.push(chunk);
    if (this.#isHandling) {
      if (this.#frames.bufferedBytes > READ_AHEAD_BYTES) this.#socket.pause();
    } else {
      this.#handling = this.#handleAll();
    }
  }

  async #handleAll(): Promise<void> {
    this.#isHandling = true;
    try {
      for (let frame = this.#next(); frame; frame = this.#next()) {
        await this.#reply(await this.#host.dispatch(frame, this));
        this.#activeAt = this.#host.clock.monotonic();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isHandling = false;
    if (!this.isEnding) this.#socket.resume();
  }

  #next(): Uint8Array | undefined {
    return this.#isOver ? undefined : this.#frames.next();
  }

  async #reply(reply: Reply | Later<Reply>): Promise<void> {
    const before = this.#sent;
    if (!(reply instanceof Later)) {
      await before;
      return this.#write(reply);
    }
    this.#laterCount++;
    reply.value.catch(() => {});
    this.#sent = before
      .then(async () => this.#write(await reply.value))
      .catch((error) => this.#fail(error))
      .finally(() => this.#laterCount--);
    if (this.#laterCount >= MAX_LATER) await this.#sent;
  }

  /** Resolves when the socket takes more. */
  async #write(reply: Reply): Promise<void> {
    const socket = this.#socket;
    if (reply === undefined || socket.destroyed || socket.writableEnded) return;
    socket.cork();
    let isDrained = true;
    for (const chunk of reply) isDrained = socket.write(chunk);
    socket.uncork();
    if (!isDrained && socket.writableNeedDrain) await drained(socket);
  }

  #fail(error: unknown): void {
    if (!this.#socket.destroyed) this.#host.failed(error, this);
    this.destroy();
  }

  #end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    for (const fn of [...this.#onEnding]) fn();
  }

  #closed(): void {
    this.#cancelIdle();
    this.fetchSession = undefined;
    this.#end();
    this.#host.closed(this);
  }

  /** A request in hand, such as a join that waits for the others, is no silence; a client that does not read is. */
  #watchIdle(ms: number): void {
    this.#cancelIdle = this.#host.clock.schedule(ms, () => {
      const { clock, idleTimeoutMs } = this.#host;
      const left = this.#activeAt + idleTimeoutMs - clock.monotonic();
      const isWaitingForUs = this.#isHandling && !this.#socket.writableNeedDrain;
      if (left > 0 || isWaitingForUs) this.#watchIdle(left > 0 ? left : idleTimeoutMs);
      else this.destroy();
    });
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
