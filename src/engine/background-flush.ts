/**
 * Syncs what was appended at "process" within `flushMs`: one timer for all partitions, set by the first append after a run.
 * Syncs go a few at a time, so that those that somebody waits for find a free thread.
 */
import type { Clock } from "../storage/clock.ts";
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

  /** Syncs everything now. Rejects with the first failure, after all were tried. */
  async flush(): Promise<void> {
    const partitions = [...this.#touched];
    this.#touched = new Set();
    const failures: unknown[] = [];
    const next = async () => {
      for (let partition = partitions.pop(); partition; partition = partitions.pop()) {
        await partition.flush().catch((error) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_SYNCS }, next));
    if (failures.length > 0) throw failures[0];
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.#cancel = undefined;
    // A failure has poisoned its partition, which tells everybody who should know.
    this.flush().catch(() => {});
  }
}
