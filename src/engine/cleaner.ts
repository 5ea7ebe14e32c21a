/**
 * Compacts the logs of a data directory, one after the other: the dirtiest first, as Kafka's cleaner does, or those that
 * somebody names.
 *
 * A log is due when the share of its bytes that was never compacted is above `minCleanableDirtyRatio`, or when the oldest of
 * them have waited for `maxCompactionLagMs`. Only logs that are open are looked at: others have not grown. One in which damage
 * was found is left alone from then on, until the directory is opened again.
 */
import { hasCode, VarveError } from "../errors.ts";
import type { Compacted } from "../storage/compaction.ts";
import type { Partition } from "./partition.ts";
import type { CompactionWish } from "./upkeep.ts";

export interface CleanerOptions {
  partitions: () => Iterable<Partition>;
  /** Up to where logs are compacted has changed. */
  checkpoint: () => Promise<void>;
  warn: (message: string) => void;
}

interface Dirty {
  partition: Partition;
  ratio: number;
}

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #damaged = new WeakSet<Partition>();
  #current: Partition | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** Compacts what is due, until nothing is, or `mayGoOn` says no. */
  async cleanDue(mayGoOn: () => boolean): Promise<void> {
    const tried = new Set<Partition>();
    while (mayGoOn() && !this.#isStopped) {
      const partition = await this.exclusively(() => this.#cleanDirtiest(tried));
      if (partition === undefined) return;
      tried.add(partition);
    }
  }

  /** Compacts the log of a partition now, up to its end if that has grown since it was opened. */
  async compact(partition: Partition, isClockOff: boolean): Promise<Compacted> {
    return this.exclusively(async () => {
      const compacted = await this.#clean(partition, { endsActive: true, isClockOff });
      await this.#options.checkpoint();
      if (this.#isStopped) throw new VarveError("VARVE_CLOSED", "the log was closed before the compaction had ended");
      return compacted;
    });
  }

  /** Nothing is compacted while `fn` runs. */
  exclusively<T>(fn: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(fn);
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** What runs ends soon. */
  stop(): void {
    this.#isStopped = true;
    this.#current?.cancelCompaction();
  }

  /** Undefined when nothing is due. A log that cannot be compacted now is tried again in the next round. */
  async #cleanDirtiest(tried: ReadonlySet<Partition>): Promise<Partition | undefined> {
    const dirtiest = await this.#dirtiest(tried);
    if (dirtiest === undefined || this.#isStopped) return undefined;
    try {
      await this.#clean(dirtiest, { endsActive: false, isClockOff: false });
      await this.#options.checkpoint();
    } catch (error) {
      if (dirtiest.isClosed) return dirtiest;
      if (hasCode(error, "VARVE_CORRUPT")) this.#damaged.add(dirtiest);
      const { topic, index } = dirtiest;
      this.#options.warn(`the compaction of ${topic.name}-${index} failed: ${(error as Error).message}`);
    }
    return dirtiest;
  }

  async #dirtiest(tried: ReadonlySet<Partition>): Promise<Partition | undefined> {
    let dirtiest: Dirty | undefined;
    for (const partition of [...this.#options.partitions()]) {
      if (this.#isStopped || tried.has(partition) || this.#damaged.has(partition)) continue;
      const ratio = await this.#ratioOf(partition);
      if (ratio > (dirtiest?.ratio ?? 0)) dirtiest = { partition, ratio };
    }
    return dirtiest?.partition;
  }

  /** The share of bytes that were never compacted; 0 where it is not due. */
  async #ratioOf(partition: Partition): Promise<number> {
    try {
      const cleanable = await partition.cleanable();
      if (cleanable === undefined || cleanable.dirtyBytes === 0) return 0;
      const { cleanBytes, dirtyBytes, isOverdue } = cleanable;
      const ratio = dirtyBytes / (cleanBytes + dirtyBytes);
      return isOverdue || ratio > partition.topic.config.minCleanableDirtyRatio ? ratio : 0;
    } catch (error) {
      const { topic, index, isClosed } = partition;
      if (!isClosed) this.#options.warn(`${topic.name}-${index} cannot be looked at: ${(error as Error).message}`);
      return 0;
    }
  }

  async #clean(partition: Partition, wish: CompactionWish): Promise<Compacted> {
    this.#current = partition;
    try {
      return await partition.compact(wish);
    } finally {
      this.#current = undefined;
    }
  }
}
