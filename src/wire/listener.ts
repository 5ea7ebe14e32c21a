/**
 * A socket that speaks Kafka's protocol for an open log.
 *
 *   const listener = await listen(log, { port: 0 });
 *   kcat -b 127.0.0.1:PORT -L
 *   await listener.close();          // or log.close(), which closes it first
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { ENGINE, type Engine } from "../engine/engine.ts";
import { checkOptions, integer } from "../engine/options.ts";
import { VarveError } from "../errors.ts";
import type { Clock } from "../storage/clock.ts";
import { Broker } from "./broker.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { dispatch, type Reply } from "./dispatch.ts";
import { type Caller, type Later, Unanswerable } from "./handler.ts";
import { type ListenOptions, type ResolvedListenOptions, resolveListenOptions } from "./listen-options.ts";
import { hasFolder, removeStaleSocket } from "./stale-socket.ts";

export type { ListenOptions } from "./listen-options.ts";

const CLOSE = { timeoutMs: integer(0, 2 ** 31 - 1) };
const CLOSE_TIMEOUT_MS = 5000;

/** `log` is an open log, or its engine. Resolves when clients can connect. */
export async function listen(log: object, options: ListenOptions = {}): Promise<Listener> {
  const engine = engineOf(log);
  engine.checkOpen();
  const listener = new Listener(engine, resolveListenOptions(options, engine));
  await listener.start();
  return listener;
}

/** A socket on which Kafka's clients reach an open log. */
export class Listener implements ConnectionHost {
  readonly #broker: Broker;
  readonly #options: ResolvedListenOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #detach: () => void = () => {};
  #closing: Promise<void> | undefined;

  /** Listeners are made by `listen()`. @internal */
  constructor(engine: Engine, options: ResolvedListenOptions) {
    this.#options = options;
    this.#broker = new Broker(engine, options);
    this.#server = createServer({ pauseOnConnect: false }, (socket) => this.#accept(socket));
  }

  /** Where it listens. */
  get host(): string {
    return this.#options.host;
  }
  /** The one taken, where 0 was asked for. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }
  /** Of a unix socket. */
  get path(): string | undefined {
    return this.#options.path;
  }
  /** What clients are given as their bootstrap server; `unix:` and the path of a unix socket. */
  get address(): string {
    if (this.path !== undefined) return `unix:${this.path}`;
    const { host, port } = this.#broker;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }
  /** How many clients are connected now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** @internal */
  async start(): Promise<void> {
    const { path, advertisedPort } = this.#options;
    try {
      await this.#listen();
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!isTaken || path === undefined || !(await removeStaleSocket(path))) throw this.#cannotListen(error as Error);
      await this.#listen().catch((second) => {
        throw this.#cannotListen(second);
      });
    }
    const { logger } = this.#broker.engine.options;
    this.#server.on("error", (error) => logger.warn?.(`the listener: ${error.message}`));
    if (path === undefined) this.#broker.port = advertisedPort ?? this.port;
    this.#detach = this.#broker.engine.beforeClose((timeoutMs) => this.#close(Math.min(timeoutMs, CLOSE_TIMEOUT_MS)));
    await this.#broker.engine.announce(this.address);
  }

  #listen(): Promise<void> {
    const { host, port, path } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(path === undefined ? { host, port } : { path }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** Takes no more connections, answers what is in hand, and closes. Ends within `timeoutMs`. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    const { timeoutMs = CLOSE_TIMEOUT_MS } = checkOptions<{ timeoutMs: number }>(options, CLOSE, "close");
    await this.#close(timeoutMs);
    await this.#broker.engine.announce(undefined);
  }

  /** For `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#drain(timeoutMs);
    return this.#closing;
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#detach();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const giveUp = () => {
      for (const connection of this.#connections) connection.destroy();
    };
    const cancel = this.clock.schedule(timeoutMs, giveUp);
    for (const connection of this.#connections) connection.drain().catch(() => connection.destroy());
    await closed;
    cancel();
    this.#broker.close();
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#options.maxConnections || this.#closing) {
      socket.destroy();
      return;
    }
    this.#connections.add(new Connection(socket, this));
  }

  #cannotListen(error: Error): VarveError {
    const { host, port, path } = this.#options;
    const where = path ?? `${host}:${port}`;
    const option = path === undefined ? "port" : "path";
    const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    const another = path === undefined ? "port (0 takes a free one)" : "path";
    const isPlace = path === undefined || hasFolder(path);
    const other = isPlace ? error.message : "there is no such folder";
    const reason = isTaken ? `somebody else does; choose another ${another}` : other;
    return new VarveError("VARVE_INVALID_OPTION", `listen: cannot listen on ${where}: ${reason}`, {
      option,
      cause: error,
    });
  }

  // ---- for connections

  get clock(): Clock {
    return this.#broker.engine.clock;
  }
  get maxRequestBytes(): number {
    return this.#options.maxRequestBytes;
  }
  get idleTimeoutMs(): number {
    return this.#options.idleTimeoutMs;
  }

  /** @internal */
  dispatch(frame: Uint8Array, caller: Caller): Promise<Reply | Later<Reply>> {
    return dispatch(frame, this.#broker, caller);
  }

  /** @internal */
  failed(error: unknown, { clientHost }: Caller): void {
    const { logger } = this.#broker.engine.options;
    const isTheirs = error instanceof Unanswerable || error instanceof VarveError;
    const message = `a connection from ${clientHost} is closed: ${(error as Error).message}`;
    if (isTheirs) logger.info?.(message);
    else logger.error?.(`${message}\n${(error as Error).stack}`);
  }

  /** @internal */
  closed(connection: Connection): void {
    this.#connections.delete(connection);
  }
}

function engineOf(log: object): Engine {
  const engine = (log as { [ENGINE]?: Engine })?.[ENGINE] ?? log;
  if (typeof (engine as Partial<Engine> | null)?.beforeClose === "function") return engine as Engine;
  throw new VarveError("VARVE_INVALID_ARGUMENT", "listen: an open log was expected");
}
