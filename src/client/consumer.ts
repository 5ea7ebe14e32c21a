/**
 * Reads records of one or more topics: bounded or live, with or without a group that remembers how far it came.
 *
 * **Processed** means that the next record (or batch) was asked for. Auto-commit commits up to what is processed; leaving the
 * loop, by break or by throw, commits up to, not including, the record in hand, and puts that record back; `commit()` inside
 * the body includes it. How records are handed out is told in consumer-loop.ts; here is where it starts, moves and ends.
 */
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import { Assignment } from "./assignment.ts";
import { CaughtUp } from "./caught-up.ts";
import { type ConsumerEvents, ConsumerReports } from "./consumer-events.ts";
import { ConsumerLoop, type Mark } from "./consumer-loop.ts";
import type { Client, ClientContext } from "./context.ts";
import type { Fetcher, FetchOptions } from "./fetcher.ts";
import { GroupCommits } from "./group-commits.ts";
import { GroupPartitions } from "./group-partitions.ts";
import { commitBatch, commitHandedOut, offsetsInHand } from "./handed-out.ts";
import {
  type BatchesOptions,
  type CheckedConsumerOptions,
  type ConsumerOptions,
  checkBatchesOptions,
  checkConsumerOptions,
  invalidOption,
} from "./options.ts";
import { AllPartitions, type PartitionSource } from "./partition-source.ts";
import { PollWatch } from "./poll-watch.ts";
import type { ConsumerRecord } from "./record.ts";
import type { RecordBatch } from "./record-batch.ts";
import { MAX_BATCH_BYTES } from "./sealing.ts";
import { kindOf, serdeFor } from "./serde.ts";
import { isByPartition, isOffset, type TopicPartition, type TopicPartitionOffset } from "./start-positions.ts";
import { Subscription } from "./subscription.ts";
import type { OffsetsInHand } from "./transaction.ts";

/** How far a consumer is from the end of a partition. */
export interface PartitionLag extends TopicPartition {
  /** How many offsets lie between the position and the end of what may be read. */
  lag: number;
}

/** As much as one read asks for: large enough to make its cost vanish, small enough to stay in the processor's cache. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Reads topics, alone or as a member of a group: `for await (const record of consumer)`, or `consumer.batches()`.
 * A record is processed when the next one is asked for. One loop at a time.
 */
export class Consumer<V = unknown, K extends string | Uint8Array = string>
  implements AsyncIterable<ConsumerRecord<V, K>>, Client
{
  /** @internal */
  readonly label: string;
  readonly #context: ClientContext;
  readonly #options: CheckedConsumerOptions;
  readonly #events: ConsumerReports;
  readonly #assignment: Assignment;
  readonly #commits: GroupCommits | undefined;
  readonly #pollWatch: PollWatch;
  readonly #caughtUp = new CaughtUp();
  readonly #loop: ConsumerLoop<V, K>;
  readonly #source: PartitionSource;
  readonly #stopWatching: (() => void)[] = [];
  readonly #started: Promise<void>;
  /** Closes itself when the first loop is over, however that ends. */
  readonly #isOnce: boolean;
  /** Set once it is over: iterators end. */
  #ended: VarveError | undefined;
  #closing: Promise<void> | undefined;

  /** Consumers are made by `log.consumer()`. @internal */
  constructor(context: ClientContext, options: ConsumerOptions<V>, isOnce = false) {
    const checked = checkConsumerOptions(options);
    this.#isOnce = isOnce;
    this.label = labelOf(checked);
    const { engine } = context;
    this.#context = context;
    this.#options = checked;
    const subscription = new Subscription(checked.topics, checked.partitions, context);
    for (const name of ["from", "until"] as const) {
      if (subscription.isSingle || !isByPartition(checked[name])) continue;
      throw invalidOption(
        name,
        `the option ${name} of the consumer must be [{ topic, partition, offset }], as there may be several topics`,
      );
    }
    this.#events = new ConsumerReports(engine.options.logger);
    this.#commits = this.#joinable(checked);
    this.#pollWatch = new PollWatch(
      engine.clock,
      checked.maxPollIntervalMs,
      () => this.#loop.inHand,
      (fetcher) => this.#stalled(fetcher),
    );
    this.#assignment = new Assignment({
      subscription,
      topics: () => engine.topics.values(),
      from: checked.from,
      until: checked.until,
      isClamped: isOnce,
      offsetsReady: this.#commits && engine.offsets.ready(),
      settled: (topic, partition) => this.#commits?.settled(topic, partition),
      committed: (topic, partition) => this.#commits?.committed(topic, partition),
      fetchOptions: (topic) => this.#fetchOptions(topic),
      passed: () => this.#commits?.arm(),
      wake: () => this.#loop.wake(),
    });
    this.#loop = new ConsumerLoop({
      clock: engine.clock,
      assignment: this.#assignment,
      commits: this.#commits,
      pollWatch: this.#pollWatch,
      caughtUp: this.#caughtUp,
      maxBytes: checked.maxBytes,
      started: () => this.#started,
      step: () => (this.#source.isDue ? this.#source.step() : undefined),
      finished: () => this.#finished(),
      left: () => this.#finished(),
      failed: async () => {
        if (isOnce) await this.close();
      },
      commitBatch: (fetcher, mark) => this.#commitBatch(fetcher, mark),
    });
    this.#source = this.#sourceOf(subscription);
    context.opened(this);
    this.#started = this.#source.start();
    this.#started.catch(() => {});
    this.#listen(checked.signal);
  }

  // ---- records

  /** The records, one by one. Ends where `until` says, or when the consumer is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<V, K>, undefined> {
    return {
      next: () => this.#loop.nextRecord(),
      return: () => this.#loop.leave(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Batches of records of one partition each. Goes through them without a wait between records. */
  batches(options?: BatchesOptions): AsyncIterableIterator<RecordBatch<V, K>, undefined> {
    const checked = checkBatchesOptions(options);
    return {
      next: () => this.#loop.nextBatch(checked),
      return: () => this.#loop.leave(),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  // ---- positions

  /** The partitions that it reads; none before it has been asked for the first record. */
  get assignment(): TopicPartition[] {
    return this.#assignment.partitions;
  }

  /** Of each partition, the next offset to be handed out. */
  position(): TopicPartitionOffset[] {
    return Array.from(this.#assignment.fetchers, ({ topic, partition, position }) => ({
      topic: topic.name,
      partition: partition.index,
      offset: position,
    }));
  }

  /** Of each partition, how far the position is from the end. */
  lag(): PartitionLag[] {
    return Array.from(this.#assignment.fetchers, ({ topic, partition, lag }) => ({
      topic: topic.name,
      partition: partition.index,
      lag,
    }));
  }

  /** Goes on at another offset. The record in hand, if it is of that partition, no longer counts. */
  seek({ topic, partition, offset }: TopicPartitionOffset): void {
    this.#checkOpen();
    if (!isOffset(offset)) {
      const message = `seek: the offset is ${offset}; a whole number from 0 was expected`;
      throw new VarveError("VARVE_INVALID_ARGUMENT", message, { topic, partition });
    }
    const fetcher = this.#assignment.fetcher(topic, partition);
    fetcher.seek(offset);
    this.#loop.takeUp(fetcher);
  }

  /** Hands out nothing more of these partitions, or of any, until `resume`. */
  pause(partitions: readonly TopicPartition[] = this.assignment): void {
    this.#checkOpen();
    this.#setPaused(partitions, true);
  }

  /** Takes back `pause`, of these partitions or of all. */
  resume(partitions: readonly TopicPartition[] = this.assignment): void {
    this.#checkOpen();
    this.#setPaused(partitions, false);
  }

  /** Resolves when everything that can be read at the call is processed. Somebody must be iterating. */
  async caughtUp(): Promise<void> {
    this.#checkOpen();
    await this.#started;
    this.#checkOpen();
    await this.#caughtUp.wait(this.#assignment.fetchers);
  }

  // ---- commits

  /** Commits, for the group, everything handed out so far: what is processed, and the record in hand. */
  async commit(): Promise<void> {
    this.#checkNotClosing();
    const commits = this.#needCommits();
    await this.#started;
    await commitHandedOut(commits, this.#assignment.fetchers);
  }

  /** What `commit` would commit, for a transaction to do it. @internal */
  offsetsInHand(): OffsetsInHand {
    this.#checkNotClosing();
    const commits = this.#needCommits();
    if (!this.#options.autoCommit) return offsetsInHand(commits, this.#assignment.fetchers, this.#source.member());
    const message = "commitOffsets: the consumer commits by itself; make it with autoCommit: false";
    throw new VarveError("VARVE_INVALID_ARGUMENT", message);
  }

  // ---- events

  /** Calls the function at each such event, until `off`. */
  on<Name extends keyof ConsumerEvents>(event: Name, listener: (event: ConsumerEvents[Name]) => void): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Takes back `on`. */
  off<Name extends keyof ConsumerEvents>(event: Name, listener: (event: ConsumerEvents[Name]) => void): this {
    this.#events.off(event, listener);
    return this;
  }

  // ---- the end

  /** Commits what is processed, if the consumer commits by itself, leaves the group, and ends the iterators. */
  close(): Promise<void> {
    this.#closing ??= this.#close(new VarveError("VARVE_CLOSED", "the consumer is closed"));
    return this.#closing;
  }

  /** For `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends at once, without a commit. @internal */
  abort(error: VarveError): void {
    this.#closing ??= Promise.resolve();
    void this.#release(error);
  }

  async #close(reason: VarveError): Promise<void> {
    this.#end(reason);
    try {
      await this.#started.catch(() => {});
      await this.#commits?.commitLast(this.assignment);
    } finally {
      await this.#release(reason);
    }
  }

  /** Iterators end from here on. */
  #end(reason: VarveError): void {
    this.#ended ??= reason;
    this.#caughtUp.reject(this.#ended);
    this.#commits?.giveUpWaiting();
    this.#source.end();
    this.#loop.end();
  }

  async #release(reason: VarveError): Promise<void> {
    this.#end(reason);
    const revoked = this.assignment;
    this.#commits?.stop();
    this.#pollWatch.stop();
    for (const stop of this.#stopWatching.splice(0)) stop();
    this.#assignment.close();
    this.#context.closed(this);
    if (revoked.length > 0) this.#events.emit("revoked", revoked);
    await this.#source.close();
  }

  // ---- start

  #sourceOf(subscription: Subscription): PartitionSource {
    const { group, maxPollIntervalMs, until } = this.#options;
    const { engine } = this.#context;
    const host = {
      engine,
      assignment: this.#assignment,
      isBounded: until !== undefined,
      assigned: (partitions: TopicPartition[]) => this.#events.emit("assigned", partitions),
      revoked: (partitions: TopicPartition[]) => this.#events.emit("revoked", partitions),
      failed: (error: unknown) => this.#loop.fail(error),
      wake: () => this.#loop.wake(),
    };
    if (group === undefined || this.#commits === undefined) return new AllPartitions(host);
    return new GroupPartitions({
      ...host,
      group,
      clientId: "varve",
      maxPollIntervalMs,
      subscription,
      commits: this.#commits,
      isInLoop: () => this.#loop.isRunning,
      interrupt: () => this.#loop.interrupt(),
    });
  }

  #listen(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const aborted = () => this.#aborted(signal);
    if (signal.aborted) {
      aborted();
      return;
    }
    signal.addEventListener("abort", aborted, { once: true });
    this.#stopWatching.push(() => signal.removeEventListener("abort", aborted));
  }

  /** With a record in hand, the loop's next step closes: asking for the next one means that this one is processed. */
  #aborted(signal: AbortSignal): void {
    const reason = new VarveError("VARVE_ABORTED", "the consumer's signal was aborted", { cause: signal.reason });
    this.#end(reason);
    if (this.#loop.isRunning) return;
    this.#closing ??= this.#close(reason);
    this.#closing.catch((error) =>
      this.#context.engine.options.logger.error?.(`a commit at the abort failed: ${error}`),
    );
  }

  #joinable({ group, autoCommit, autoCommitIntervalMs }: CheckedConsumerOptions): GroupCommits | undefined {
    if (group === undefined) return undefined;
    const { engine } = this.#context;
    if (engine.readOnly)
      throw new VarveError("VARVE_READ_ONLY", `the log was opened read-only: the group ${group} could not commit`);
    return new GroupCommits({
      store: engine.offsets,
      clock: engine.clock,
      group,
      autoCommit,
      intervalMs: autoCommitIntervalMs,
      fetchers: () => this.#assignment.fetchers,
      failed: (error) => this.#loop.fail(error),
    });
  }

  #fetchOptions(topic: Topic): FetchOptions {
    const { isolation, durable, codec, keyCodec, maxBytes, onCorrupt, outOfRange } = this.#options;
    return {
      isolation,
      durable,
      keyCodec,
      onCorrupt,
      outOfRange,
      serde: serdeFor(codec, this.#context.codecOf(topic)),
      chunkBytes: Math.min(CHUNK_BYTES, maxBytes),
      maxBatchBytes: Math.max(MAX_BATCH_BYTES, maxBytes),
      memory: (fetcher) => this.#loop.memoryFor(fetcher),
      fetched: (batches) => this.#loop.fetched(batches),
      skipped: (event) => this.#events.skipped(event),
      corrupt: (error) => this.#events.emit("corrupt", error),
    };
  }

  async #commitBatch(fetcher: Fetcher, mark: Mark): Promise<void> {
    this.#checkNotClosing();
    await commitBatch(this.#needCommits(), fetcher, mark);
  }

  // ---- the rest

  /**
   * The loop has come to an end, or was left. After an abort it is the loop that closes. After `close` that is under way
   * already, and its error is not the loop's.
   */
  async #finished(): Promise<void> {
    if (this.#isOnce) await this.close();
    else if (this.#ended === undefined) await this.#commits?.commitProcessed();
    else if (this.#closing === undefined) {
      this.#closing = this.#close(this.#ended);
      await this.#closing;
    }
  }

  #setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    if (!Array.isArray(partitions)) {
      const message = `expected an array of { topic, partition }, not ${kindOf(partitions)}`;
      throw new VarveError("VARVE_INVALID_ARGUMENT", message);
    }
    const fetchers = partitions.map(({ topic, partition }) => this.#assignment.fetcher(topic, partition));
    for (const fetcher of fetchers) {
      fetcher.isPaused = isPaused;
      if (isPaused) fetcher.drop();
      this.#loop.takeUp(fetcher);
    }
  }

  #stalled(fetcher: Fetcher): void {
    this.#source.stalled();
    this.#events.stalled(fetcher, this.#options.maxPollIntervalMs);
  }

  #needCommits(): GroupCommits {
    if (this.#commits) return this.#commits;
    throw new VarveError("VARVE_INVALID_ARGUMENT", "commit: the consumer has no group to commit for");
  }

  #checkOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  /** After an abort, what is in hand may still be committed until the loop goes on. */
  #checkNotClosing(): void {
    if (this.#closing !== undefined) throw this.#ended;
  }
}

function labelOf({ topics, group }: CheckedConsumerOptions): string {
  const names = topics.map((topic) => (typeof topic === "object" && "name" in topic ? topic.name : String(topic)));
  return `a consumer of ${names.join(", ")}${group === undefined ? "" : ` in the group ${group}`}`;
}
