/** How a consumer commits for its group: what to commit, when, and only what is new. */
import type { OffsetCommit, OffsetStore, TopicPartition } from "../engine/offsets.ts";
import { hasCode } from "../errors.ts";
import type { Clock } from "../storage/clock.ts";
import type { Fetcher } from "./fetcher.ts";
import { holdProcess, releaseProcess } from "./keep-alive.ts";

export interface GroupCommitsOptions {
  store: OffsetStore;
  clock: Clock;
  group: string;
  autoCommit: boolean;
  intervalMs: number;
  /** The partitions to commit for. */
  fetchers(): Iterable<Fetcher>;
  /** A commit by the clock has failed. */
  failed(error: unknown): void;
}

export class GroupCommits {
  readonly #options: GroupCommitsOptions;
  #cancelTimer: (() => void) | undefined;
  #isCommitting = false;
  #mayCommit: () => Promise<void> = async () => {};
  /** Those who wait for the end of a transaction, to be let go. */
  readonly #waiting = new Set<() => void>();

  constructor(options: GroupCommitsOptions) {
    this.#options = options;
  }

  /** Asked before each commit; throws where another one commits by now. */
  guard(mayCommit: () => Promise<void>): void {
    this.#mayCommit = mayCommit;
  }

  committed(topic: string, partition: number): number | undefined {
    return this.#options.store.committed(this.#options.group, topic, partition)?.offset;
  }

  /**
   * Undefined when what is committed stands. While a transaction is open that has committed for the partition, it resolves at the end
   * of that: to begin at what was committed before could be to repeat what that transaction has done.
   */
  settled(topic: string, partition: number): Promise<void> | undefined {
    const { store, group } = this.#options;
    if (!store.isPending(group, topic, partition)) return undefined;
    holdProcess();
    return new Promise((resolve) => {
      const end = () => {
        unwatch();
        this.#waiting.delete(end);
        releaseProcess();
        resolve();
      };
      const unwatch = store.watch((changed) => {
        if (changed === group && !store.isPending(group, topic, partition)) end();
      });
      this.#waiting.add(end);
    });
  }

  /** Nobody needs to wait any more. */
  giveUpWaiting(): void {
    for (const end of this.#waiting) end();
  }

  /** Something was handed out: there will be something to commit. */
  arm(): void {
    if (!this.#options.autoCommit || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#options.clock.schedule(this.#options.intervalMs, () => {
      this.#cancelTimer = undefined;
      this.#commitByClock();
    });
  }

  /** Up to what is processed; nothing unless the consumer commits by itself. */
  async commitProcessed(): Promise<void> {
    if (this.#options.autoCommit) await this.#commitUnlessFenced((fetcher) => fetcher.processed);
  }

  /** For whoever gets these partitions next: also where it is only that reading began there. */
  async commitLast(partitions: readonly TopicPartition[]): Promise<void> {
    if (!this.#options.autoCommit) return;
    const isGoing = ({ topic, partition }: Fetcher) => {
      return partitions.some((one) => one.topic === topic.name && one.partition === partition.index);
    };
    for (const fetcher of this.#options.fetchers()) {
      const { topic, partition } = fetcher;
      if (isGoing(fetcher) && this.committed(topic.name, partition.index) === undefined) fetcher.committed = Number.NaN;
    }
    await this.#commitUnlessFenced((fetcher) => (isGoing(fetcher) ? fetcher.processed : undefined));
  }

  /** Commits for each partition what is given for it, where that differs from what is committed. */
  async commit(offsetOf: (fetcher: Fetcher) => number | undefined): Promise<void> {
    const commits: { fetcher: Fetcher; offset: number }[] = [];
    for (const fetcher of this.#options.fetchers()) {
      const offset = fetcher.topic.isDeleted ? undefined : offsetOf(fetcher);
      if (offset !== undefined && offset !== fetcher.committed) commits.push({ fetcher, offset });
    }
    if (commits.length === 0) return;
    for (const { fetcher, offset } of commits) fetcher.committed = offset;
    try {
      await this.#mayCommit();
      await this.#options.store.commit(this.#options.group, commits.map(entryOf));
    } catch (error) {
      // Unknown again, so that the next commit does not take it for done.
      for (const { fetcher, offset } of commits) if (fetcher.committed === offset) fetcher.committed = Number.NaN;
      throw error;
    }
  }

  /** The position of each, where it is not what is committed already. */
  entriesFor(fetchers: readonly Fetcher[]): OffsetCommit[] {
    return fetchers
      .filter(({ topic, position, committed }) => !topic.isDeleted && position !== committed)
      .map((fetcher) => entryOf({ fetcher, offset: fetcher.position }));
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Where its partitions belong to others by now, those commit. */
  async #commitUnlessFenced(offsetOf: (fetcher: Fetcher) => number | undefined): Promise<void> {
    try {
      await this.commit(offsetOf);
    } catch (error) {
      if (!hasCode(error, "VARVE_FENCED")) throw error;
    }
  }

  async #commitByClock(): Promise<void> {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    try {
      await this.commitProcessed();
      for (const fetcher of this.#options.fetchers()) if (fetcher.position !== fetcher.committed) this.arm();
    } catch (error) {
      this.#options.failed(error);
    } finally {
      this.#isCommitting = false;
    }
  }
}

function entryOf({ fetcher, offset }: { fetcher: Fetcher; offset: number }): OffsetCommit {
  const { topic, partition, leaderEpoch } = fetcher;
  return { topic: topic.name, partition: partition.index, offset, leaderEpoch };
}
