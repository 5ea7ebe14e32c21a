/**
 * The partitions that a consumer reads, and the queue of those with something to read.
 *
 * A partition enters the queue when its bound moves, which its log says (`watch`), and leaves it when nothing is left; after
 * each chunk it goes to the end, so that none waits for more than a chunk of each other.
 */
import type { Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import { keyOf } from "./context.ts";
import { Fetcher, type FetchOptions } from "./fetcher.ts";
import { endOf, type From, startOf, type TopicPartition, type Until } from "./start-positions.ts";
import type { Subscription } from "./subscription.ts";

export interface AssignmentOptions {
  subscription: Subscription;
  /** All that there are. */
  topics(): Iterable<Topic>;
  from: From;
  until: Until | undefined;
  /** Never beyond the end at the call, wherever `until` is. */
  isClamped: boolean;
  /** Resolves when `committed` may be asked; undefined without a group. */
  offsetsReady: Promise<void> | undefined;
  /** Undefined when `committed` stands; else resolves when no open transaction can change it any more. */
  settled(topic: string, partition: number): Promise<void> | undefined;
  /** Where the group goes on; undefined when it has committed nothing. */
  committed(topic: string, partition: number): number | undefined;
  fetchOptions(topic: Topic): FetchOptions;
  /** A partition has come further without a record. */
  passed(): void;
  /** There may be something to read. Called within appends: it must be quick. */
  wake(): void;
}

export class Assignment {
  readonly #options: AssignmentOptions;
  readonly #fetchers = new Map<string, Fetcher>();
  readonly #unwatch = new Map<Fetcher, () => void>();
  /** In the order in which they take turns. */
  readonly #queue = new Set<Fetcher>();
  #isClosed = false;

  constructor(options: AssignmentOptions) {
    this.#options = options;
  }

  get fetchers(): Iterable<Fetcher> {
    return this.#fetchers.values();
  }

  get partitions(): TopicPartition[] {
    return Array.from(this.#fetchers.values(), ({ topic, partition }) => ({
      topic: topic.name,
      partition: partition.index,
    }));
  }

  get isFinished(): boolean {
    if (this.#options.until === undefined) return false;
    for (const fetcher of this.#fetchers.values()) if (!fetcher.isFinished) return false;
    return true;
  }

  fetcher(topic: string, partition: number): Fetcher {
    const fetcher = this.#fetchers.get(keyOf(topic, partition));
    if (fetcher) return fetcher;
    throw new VarveError("VARVE_UNKNOWN_PARTITION", `${topic}-${partition} is not assigned to this consumer`, {
      topic,
      partition,
    });
  }

  /** Adds what the subscription matches and is not there yet; resolves with it when its start is known. */
  async add(topics: Iterable<Topic>, isFirst: boolean): Promise<TopicPartition[]> {
    const { subscription } = this.#options;
    const matching = subscription.topicsAmong(topics);
    return this.#add(
      matching.flatMap((topic) => subscription.partitionsOf(topic).map((index) => ({ topic, index, isFirst }))),
    );
  }

  /** Adds those of the given partitions that are not there yet. `isFirst`: of topics that are no news to the consumer. */
  async addPartitions(given: readonly TopicPartition[], isFirst: (topic: Topic) => boolean): Promise<TopicPartition[]> {
    const { subscription, topics } = this.#options;
    const byName = new Map(subscription.topicsAmong(topics()).map((topic) => [topic.name, topic]));
    return this.#add(
      given.flatMap(({ topic: name, partition: index }) => {
        const topic = byName.get(name);
        return topic ? [{ topic, index, isFirst: isFirst(topic) }] : [];
      }),
    );
  }

  remove(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const key = keyOf(topic, partition);
      const fetcher = this.#fetchers.get(key);
      this.#fetchers.delete(key);
      if (fetcher) this.#release(fetcher);
    }
  }

  async #add(wanted: readonly { topic: Topic; index: number; isFirst: boolean }[]): Promise<TopicPartition[]> {
    const added: TopicPartition[] = [];
    const starts: Promise<void>[] = [];
    for (const { topic, index, isFirst } of wanted) {
      const key = keyOf(topic.name, index);
      const partition = topic.partitions[index];
      if (topic.isDeleted || partition === undefined || this.#fetchers.get(key)?.topic === topic) continue;
      const fetcher = new Fetcher(topic, partition, this.#options.fetchOptions(topic));
      this.#fetchers.set(key, fetcher);
      added.push({ topic: topic.name, partition: index });
      starts.push(this.#open(fetcher, isFirst));
    }
    await Promise.all(starts);
    return added;
  }

  /**
   * Takes out the partitions of deleted topics that only a pattern asked for. Those of topics that were named stay, and
   * fail when they are read: whoever named them must hear of it.
   */
  removeDeleted(): TopicPartition[] {
    const removed: TopicPartition[] = [];
    for (const [key, fetcher] of this.#fetchers) {
      const { topic, partition } = fetcher;
      if (!topic.isDeleted) continue;
      if (this.#options.subscription.isNamed(topic)) {
        this.#queue.add(fetcher);
        continue;
      }
      this.#fetchers.delete(key);
      this.#release(fetcher);
      removed.push({ topic: topic.name, partition: partition.index });
    }
    return removed;
  }

  /** The next partition with records at hand. */
  next(): Fetcher | undefined {
    for (const fetcher of this.#queue) {
      if (!fetcher.isPaused && fetcher.fill()) return fetcher;
      if (!fetcher.isPaused) this.#pass(fetcher);
      this.#queue.delete(fetcher);
    }
    return undefined;
  }

  /** There may be something to read in it (again). */
  enqueue(fetcher: Fetcher): void {
    this.#queue.add(fetcher);
  }

  /** Its chunk is done: the others first. */
  giveWay(fetcher: Fetcher): void {
    if (this.#queue.size > 1 && this.#queue.delete(fetcher)) this.#queue.add(fetcher);
  }

  close(): void {
    this.#isClosed = true;
    for (const fetcher of this.#fetchers.values()) this.#release(fetcher);
  }

  /** Where the log is open, start and end are those of the call: nothing is awaited before. */
  async #open(fetcher: Fetcher, isFirst: boolean): Promise<void> {
    const { topic, partition } = fetcher;
    const { until, isClamped, committed, offsetsReady, wake } = this.#options;
    if (!partition.isReady) await partition.ready();
    const start = this.#startOf(topic, partition, fetcher.bound, isFirst);
    const end = endOf(until, partition, topic.name, fetcher.bound, isClamped);
    if (offsetsReady !== undefined) await offsetsReady;
    const settled = this.#options.settled(topic.name, partition.index);
    if (settled !== undefined) await settled;
    if (this.#isClosed || this.#fetchers.get(keyOf(topic.name, partition.index)) !== fetcher) return;
    fetcher.begin(committed(topic.name, partition.index) ?? start, end);
    const unwatch = partition.watch(() => {
      this.#queue.add(fetcher);
      wake();
    });
    this.#unwatch.set(fetcher, unwatch);
    this.#queue.add(fetcher);
    wake();
  }

  /** What is made after the consumer began has no record that "latest" could mean to leave out. */
  #startOf(topic: Topic, partition: Partition, bound: number, isFirst: boolean): number {
    const from = this.#options.from === "latest" && !isFirst ? "earliest" : this.#options.from;
    return startOf(from, partition, topic.name, bound);
  }

  /** What was passed over, markers and what was aborted, is as good as processed. */
  #pass(fetcher: Fetcher): void {
    if (fetcher.processed === fetcher.position) return;
    fetcher.processed = fetcher.position;
    this.#options.passed();
  }

  #release(fetcher: Fetcher): void {
    this.#unwatch.get(fetcher)?.();
    this.#unwatch.delete(fetcher);
    this.#queue.delete(fetcher);
    fetcher.drop();
  }
}
