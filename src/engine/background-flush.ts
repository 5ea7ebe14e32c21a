/**
 * Syncs what was appended at "process" within `flushMs`: one timer for all partitions, set by the first append after a run.
 * Syncs go a few at a time, so that those that somebody waits for find a free thread.
 */
import type { Clock } from "../storage/clock.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { Partition } from "./partition.ts";

/** Node has four threads for files. */
const CONCURRENT_SYNCS = 2;

export class BackgroundFlush {
  readonly #clock: Clock;
  readonly #flushMs: number;
  #touched = new Set<Partition>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, flushMs: number) {
    this.#clock = clock;
    this.#flushMs = flushMs;
  }

  touched(partition: Partition): void {
    this.#touched.add(partition);
    this.#cancel ??= this.#clock.schedule(this.#flushMs, () => this.#run());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.#cancel = undefined;
    const partitions = this.#touched;
    this.#touched = new Set();
    // A failure has poisoned its partition, which tells everybody who should know.
    forEachAtOnce(CONCURRENT_SYNCS, partitions, (partition) => partition.flush().catch(() => {}));
  }
}
