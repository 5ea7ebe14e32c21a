/**
 * A log for the tests of an application: in memory, on a clock that the test moves, on a disk that fails when the test says
 * so, with a report of what was left open.
 *
 *   const log = await createTestLog();
 *   const orders = await log.createTopic("orders", { retentionMs: 60_000 });
 *   await orders.send({ key: "a", value: 1 });
 *   log.clock.advance(1_000);                                     // a second passes, and timers run
 *   log.faults.fail({ on: "write", code: "VARVE_NO_SPACE" });     // the next write finds the disk full
 *   const again = await log.restart();                            // closed, and opened on the same files
 *   await again.close();
 *   again.leaks().isClean;                                        // true
 *
 * Time stands still until the test moves it. So what waits for time (`lingerMs`, `maxWaitMs`, the auto-commit interval)
 * waits for `clock.advance`.
 */
import { type OpenOptions, openAs } from "../client/open.ts";
import { VarveLog } from "../client/varve-log.ts";
import { chooseEngine } from "../storage/engine-choice.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { TestClock } from "./clock.ts";
import { FaultyFiles } from "./faults.ts";
import { type LeakReport, reportLeaks } from "./leaks.ts";

/** What `createTestLog` takes: options of `open`, and those of the test's world. */
export interface TestLogOptions extends Omit<OpenOptions, "surroundings" | "readOnly" | "create" | "takeover"> {
  /** What the wall clock shows at first. 2024-01-01 00:00 UTC when not given. */
  now?: number;
  /** The size of the disk in bytes. Beyond it writes fail with VARVE_NO_SPACE. Without a bound when not given. */
  capacity?: number;
  /** Makes `close` reject when something was left open. False when not given: `leaks()` tells. */
  failOnLeaks?: boolean;
}

/** Its place in the file system in memory. */
const PATH = "/log";

interface World {
  clock: TestClock;
  faults: FaultyFiles;
  options: OpenOptions;
  failOnLeaks: boolean;
}

/** A log in memory, with a clock and a disk in the hand of the test. */
export class TestLog extends VarveLog {
  readonly #world: World;
  #leaks: LeakReport | undefined;

  /** Test logs are made by `createTestLog()`. @internal */
  constructor(world: World, ...parts: ConstructorParameters<typeof VarveLog>) {
    super(...parts);
    this.#world = world;
  }

  /** Time: `advance(ms)` lets it pass, `jump(ms)` sets the wall clock. */
  get clock(): TestClock {
    return this.#world.clock;
  }

  /** The disk: `fail(...)`, `shortWrites(...)`, `holdSyncs()`, `clear()`. */
  get faults(): FaultyFiles {
    return this.#world.faults;
  }

  /** Closes the log and opens it again on the same files: what an application finds after a restart. */
  async restart(): Promise<TestLog> {
    await this.close();
    return openIn(this.#world);
  }

  override async close(options?: Parameters<VarveLog["close"]>[0]): Promise<void> {
    const clients = this.#leaks?.clients ?? this.openClients();
    await super.close(options);
    this.#leaks ??= reportLeaks(clients, this.#world.faults, this.#world.clock);
    if (this.#world.failOnLeaks && !this.#leaks.isClean) throw new Error(this.#leaks.text);
  }

  /** What was left open at `close`; before it, what is open now. */
  leaks(): LeakReport {
    return this.#leaks ?? reportLeaks(this.openClients(), this.#world.faults, this.#world.clock);
  }
}

/** Opens an empty log in memory. */
export function createTestLog(options: TestLogOptions = {}): Promise<TestLog> {
  const { now, capacity, failOnLeaks = false, ...rest } = options;
  const clock = new TestClock({ now });
  const { native = null } = chooseEngine(options.engine, options.nativeBinding);
  const faults = new FaultyFiles(new MemoryFiles({ clock, capacity, native }));
  return openIn({ clock, faults, failOnLeaks, options: { ...rest, surroundings: { files: faults, clock } } });
}

function openIn(world: World): Promise<TestLog> {
  return openAs(PATH, world.options, (...parts) => new TestLog(world, ...parts));
}
