/**
 * A broker for the tests of an application: a log, in memory unless a folder is given, that Kafka's clients can dial.
 *
 *   const broker = await startBroker();
 *   const kafka = new Kafka({ brokers: [broker.address] });       // kafkajs, or any other client
 *   …
 *   await broker.caughtUp("billing");                             // the group has committed everything
 *   console.log(await broker.log.topic("orders").all());          // the same log, in this process
 *   await broker.close();
 *   broker.leaks().isClean;                                       // true: every client had disconnected
 *
 * Time passes by itself, since clients live in it; with `clock: new TestClock()` that of the log moves when the test says so.
 */
import { type OpenOptions, openAs } from "../client/open.ts";
import { VarveLog } from "../client/varve-log.ts";
import { systemClock } from "../storage/clock.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { absolutePath } from "../storage/paths.ts";
import { type Listener, type ListenOptions, listen } from "../wire/index.ts";
import type { TestClock } from "./clock.ts";
import { FaultyFiles } from "./faults.ts";
import { type LeakReport, reportLeaks } from "./leaks.ts";

/** Those of `listen`; but the port is a free one, and topics come into being when clients ask for them, unless said otherwise. */
export interface TestBrokerOptions extends ListenOptions, Pick<OpenOptions, "durability" | "logger"> {
  /** A folder for the log. In memory when not given. */
  dir?: string;
  /** Moves when the test says so. Time passes by itself when not given. */
  clock?: TestClock;
  /** Makes `close` reject when something was left open. False when not given: `leaks()` tells. */
  failOnLeaks?: boolean;
}

interface World {
  clock: TestClock | undefined;
  faults: FaultyFiles;
  failOnLeaks: boolean;
}

const PATH = "/log";

/** How long a connection may take to end after its client is through with it. */
const LINGER_MS = 200;
const LOOK_AGAIN_MS = 5;

class BrokerLog extends VarveLog {
  override openClients(): string[] {
    return super.openClients();
  }
}

/** A log and a listener on it, for tests with Kafka's clients. */
export class TestBroker {
  /** The log that clients see. */
  readonly log: VarveLog;
  readonly #log: BrokerLog;
  readonly #listener: Listener;
  readonly #world: World;
  #closing: Promise<void> | undefined;
  #leaks: LeakReport | undefined;

  /** Brokers are made by `startBroker()`. @internal */
  constructor(log: BrokerLog, listener: Listener, world: World) {
    this.log = log;
    this.#log = log;
    this.#listener = listener;
    this.#world = world;
  }

  /** "127.0.0.1:41234": the bootstrap server of clients. */
  get address(): string {
    return this.#listener.address;
  }
  /** Where it listens. */
  get host(): string {
    return this.#listener.host;
  }
  /** The one taken. */
  get port(): number {
    return this.#listener.port;
  }
  /** The clock of the test, if it gave one. */
  get clock(): TestClock | undefined {
    return this.#world.clock;
  }
  /** The disk: `fail(...)`, `shortWrites(...)`, `holdSyncs()`, `clear()`. */
  get faults(): FaultyFiles {
    return this.#world.faults;
  }

  /** Resolves when the group has committed everything that there is to read, in the topics given or in all of its own. */
  caughtUp(group: string, topics?: readonly string[]): Promise<void> {
    return this.log.group(group).caughtUp(topics);
  }

  /** What was left open at `close`; before it, what is open now. */
  leaks(): LeakReport {
    const { faults, clock } = this.#world;
    return this.#leaks ?? reportLeaks(this.#openClients(), faults, clock);
  }

  /** Closes the listener and the log. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const until = systemClock.monotonic() + LINGER_MS;
    while (this.#listener.connectionCount > 0 && systemClock.monotonic() < until) await pause(LOOK_AGAIN_MS);
    const clients = this.#openClients();
    await this.log.close();
    const { faults, clock, failOnLeaks } = this.#world;
    this.#leaks = reportLeaks(clients, faults, clock);
    if (failOnLeaks && !this.#leaks.isClean) throw new Error(this.#leaks.text);
  }

  #openClients(): string[] {
    const { connectionCount: count } = this.#listener;
    const clients = this.#log.openClients();
    return count === 0 ? clients : [...clients, count === 1 ? "a connection" : `${count} connections`];
  }
}

/** Resolves when clients can connect. */
export async function startBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { dir, clock, failOnLeaks = false, durability, logger, ...listening } = options;
  const path = dir === undefined ? PATH : absolutePath(dir);
  const faults = new FaultyFiles(
    dir === undefined ? new MemoryFiles({ clock: clock ?? systemClock }) : new DiskFiles({ root: path }),
  );
  const surroundings = { files: faults, ...(clock && { clock }) };
  const log = await openAs(path, { durability, logger, surroundings }, (...parts) => new BrokerLog(...parts));
  try {
    const listener = await listen(log, { port: 0, autoCreateTopics: true, ...listening });
    return new TestBroker(log, listener, { clock, faults, failOnLeaks });
  } catch (error) {
    await log.close();
    throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.schedule(ms, resolve));
}
