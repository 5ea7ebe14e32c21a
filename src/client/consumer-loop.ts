/**
 * The loop of a consumer: hands out records and batches one after the other, and waits where there are none.
 *
 * Records out of a batch at hand go out at once (`nextRecord`); everything else happens between batches (`#pull`). What was
 * handed out is in hand until the next one is asked for, which means that it is processed.
 */

import type { ChunkMemory } from "../engine/partition.ts";
import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { Clock } from "../storage/clock.ts";
import type { Assignment } from "./assignment.ts";
import { BatchGathering } from "./batch-gathering.ts";
import type { CaughtUp } from "./caught-up.ts";
import type { Fetcher } from "./fetcher.ts";
import type { GroupCommits } from "./group-commits.ts";
import { holdProcess, releaseProcess } from "./keep-alive.ts";
import type { CheckedBatchesOptions } from "./options.ts";
import type { PollWatch } from "./poll-watch.ts";
import { ConsumerRecord } from "./record.ts";
import { RecordBatch } from "./record-batch.ts";
import { RecycledChunks } from "./recycled-chunks.ts";

/** How far a partition was handed out, as long as nobody seeks. */
export interface Mark {
  position: number;
  seeks: number;
}

export interface LoopParts {
  clock: Clock;
  assignment: Assignment;
  commits: GroupCommits | undefined;
  pollWatch: PollWatch;
  caughtUp: CaughtUp;
  /** What a batch may hold in memory. */
  maxBytes: number;
  /** Resolves when the first partitions are there. */
  started(): Promise<void>;
  /** What is to be done before more is handed out; undefined: nothing. */
  step(): Promise<void> | undefined;
  /** The loop has nothing more to hand out, and everything was processed. */
  finished(): Promise<void>;
  /** The loop was left. */
  left(): Promise<void>;
  /** It failed. */
  failed(): Promise<void>;
  commitBatch(fetcher: Fetcher, mark: Mark): Promise<void>;
}

/** After as much without a wait, the event loop gets a turn: a loop over records at hand would starve it. */
const BYTES_PER_TURN = 512 * 1024;

/** Takes what is to be handed out from a partition with records at hand; undefined when it changed its mind. */
type Take<T> = (fetcher: Fetcher) => T | undefined | Promise<T | undefined>;

export class ConsumerLoop<V, K extends string | Uint8Array> {
  readonly #parts: LoopParts;
  /** Where the record in hand is from, while more of its batch are at hand: the short way of `nextRecord`. */
  #current: Fetcher | undefined;
  /** Where the record or batch in hand is from. */
  #inHand: Fetcher | undefined;
  #isPulling = false;
  #hasEnded = false;
  #wake: (() => void) | undefined;
  #failure: { error: unknown } | undefined;
  #bytesSinceTurn = 0;
  /** While batches are asked for whose memory is used again. */
  #recycled: RecycledChunks | undefined;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  get inHand(): Fetcher | undefined {
    return this.#inHand;
  }

  /** Whether somebody is in the loop, and will take its next step. */
  get isRunning(): boolean {
    return this.#isPulling || this.#inHand !== undefined;
  }

  nextRecord(): Promise<IteratorResult<ConsumerRecord<V, K>, undefined>> {
    const fetcher = this.#current;
    if (fetcher !== undefined && fetcher.index < fetcher.end) {
      fetcher.processed = fetcher.position;
      return Promise.resolve({ done: false, value: this.#takeRecord(fetcher) });
    }
    this.#process();
    return this.#pull(this.#takeCurrent, false);
  }

  nextBatch(options: CheckedBatchesOptions): Promise<IteratorResult<RecordBatch<V, K>, undefined>> {
    this.#process();
    return this.#pull((fetcher) => this.#takeBatch(fetcher, options), options.reuse);
  }

  /** The loop was left: the record in hand is not processed, so it goes back. */
  async leave(): Promise<IteratorReturnResult<undefined>> {
    const fetcher = this.#inHand;
    this.#inHand = undefined;
    this.#current = undefined;
    if (fetcher !== undefined) {
      fetcher.rewind();
      this.#parts.assignment.enqueue(fetcher);
    }
    await this.#parts.left();
    return DONE;
  }

  /** From here on there is nothing to hand out. */
  end(): void {
    this.#hasEnded = true;
    this.#current = undefined;
    this.wake();
  }

  /** The next step of the loop throws it. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#current = undefined;
    this.wake();
  }

  /** Something about the partition has changed: the short way ends, and the queue decides. */
  takeUp(fetcher: Fetcher): void {
    if (this.#current === fetcher) this.#current = undefined;
    this.#parts.assignment.enqueue(fetcher);
    this.wake();
  }

  /** The next record goes the long way. */
  interrupt(): void {
    this.#current = undefined;
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    this.#wake?.();
  }

  /** Where a fetcher reads to; undefined: fresh memory. */
  memoryFor(fetcher: Fetcher): ChunkMemory | undefined {
    return this.#recycled?.for(fetcher);
  }

  fetched(batches: readonly Batch[]): void {
    for (const { sizeInBytes } of batches) this.#bytesSinceTurn += sizeInBytes;
  }

  readonly #takeCurrent: Take<ConsumerRecord<V, K>> = (fetcher) => {
    this.#current = fetcher;
    return this.#takeRecord(fetcher);
  };

  #takeRecord(fetcher: Fetcher): ConsumerRecord<V, K> {
    const record = new ConsumerRecord<V, K>(fetcher.source!, fetcher.index++);
    fetcher.position = record.offset + 1;
    return record;
  }

  /** The next one is asked for: what is in hand is processed. */
  #process(): void {
    const fetcher = this.#inHand;
    this.#current = undefined;
    if (fetcher === undefined) return;
    this.#inHand = undefined;
    fetcher.processed = fetcher.position;
    if (fetcher.isChunkDone) this.#parts.assignment.giveWay(fetcher);
  }

  async #pull<T>(take: Take<T>, reuse: boolean): Promise<IteratorResult<T, undefined>> {
    if (this.#isPulling) {
      throw new VarveError(
        "VARVE_INVALID_ARGUMENT",
        "the next record was asked for before the last request was answered",
      );
    }
    this.#isPulling = true;
    this.#recycled?.recall();
    this.#recycled = reuse ? (this.#recycled ?? new RecycledChunks()) : undefined;
    try {
      await this.#parts.started();
      while (!this.#hasEnded) {
        this.#throwFailure();
        if (this.#bytesSinceTurn > BYTES_PER_TURN) await this.#turn();
        const step = this.#parts.step();
        if (step !== undefined) {
          await step;
          continue;
        }
        const fetcher = this.#parts.assignment.next();
        this.#parts.caughtUp.check();
        if (fetcher !== undefined) {
          const handed = this.#handOut(fetcher, take);
          const value = handed instanceof Promise ? await handed : handed;
          if (value !== undefined) return { done: false, value };
        } else if (this.#parts.assignment.isFinished) {
          break;
        } else {
          await this.#wait();
        }
      }
      await this.#parts.finished();
      return DONE;
    } catch (error) {
      await this.#parts.failed();
      throw error;
    } finally {
      this.#isPulling = false;
    }
  }

  #handOut<T>(fetcher: Fetcher, take: Take<T>): T | undefined | Promise<T | undefined> {
    this.#inHand = fetcher;
    const value = take(fetcher);
    this.#parts.commits?.arm();
    this.#parts.pollWatch.arm();
    return value;
  }

  #takeBatch(fetcher: Fetcher, options: CheckedBatchesOptions): Gathered<V, K> {
    const { maxRecords, maxWaitMs, reuse } = options;
    const gathering = new BatchGathering(fetcher, maxRecords, this.#parts.maxBytes, reuse);
    gathering.take();
    if (maxWaitMs > 0 && !gathering.isFull) return this.#takeMore(fetcher, gathering, maxWaitMs);
    return this.#batchOf(fetcher, gathering);
  }

  /** Waits for the rest of a batch. What was taken goes back when it may no longer be handed out. */
  async #takeMore(
    fetcher: Fetcher,
    gathering: BatchGathering,
    maxWaitMs: number,
  ): Promise<RecordBatch<V, K> | undefined> {
    const { seeks } = fetcher;
    const mayGoOn = () => !this.#hasEnded && !fetcher.isPaused && fetcher.seeks === seeks;
    let isOver = false;
    const cancel = this.#parts.clock.schedule(maxWaitMs, () => {
      isOver = true;
      this.wake();
    });
    while (!isOver && mayGoOn() && !gathering.isFull && !fetcher.isFinished) {
      await this.#wait();
      if (mayGoOn()) gathering.take();
    }
    cancel();
    if (mayGoOn()) return this.#batchOf(fetcher, gathering);
    this.#inHand = undefined;
    if (fetcher.seeks === seeks) fetcher.rewind();
    return undefined;
  }

  #batchOf(fetcher: Fetcher, { slices, nextOffset }: BatchGathering): RecordBatch<V, K> {
    const { seeks } = fetcher;
    this.#recycled?.lend(slices);
    return new RecordBatch<V, K>(slices, () => this.#parts.commitBatch(fetcher, { position: nextOffset, seeks }));
  }

  /** Until somebody wakes it. Meanwhile the process stays alive. */
  #wait(): Promise<void> {
    holdProcess();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        releaseProcess();
        resolve();
      };
    });
  }

  /** Lets timers, I/O and signals have their turn. */
  #turn(): Promise<void> {
    this.#bytesSinceTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }
}

type Gathered<V, K extends string | Uint8Array> = RecordBatch<V, K> | Promise<RecordBatch<V, K> | undefined>;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
