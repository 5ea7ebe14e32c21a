/**
 * The periodic work of a data directory: retention passes, of committed offsets too, compaction, and checkpoints. (The background sync has its own timer, since it
 * follows the appends.)
 *
 * Work is done in slices that leave the event loop free in between. No retention pass is made while the wall clock is more
 * than an hour away from where the monotonic clock says it should be, counted from the open: an age that was measured
 * with a clock somebody has set, or that a machine asleep has not seen pass, deletes nothing until the log is reopened.
 */
import type { Clock } from "../storage/clock.ts";
import { Pacer } from "../storage/pacer.ts";
import type { Partition } from "./partition.ts";

export interface HouseholdOptions {
  clock: Clock;
  retentionCheckMs: number;
  checkpointMs: number;
  compactionCheckMs: number;
  partitions: () => Iterable<Partition>;
  checkpoint: () => Promise<void>;
  /** Compacts what is due, as long as it may go on. */
  compact: (mayGoOn: () => boolean) => Promise<void>;
  /** Forgets committed offsets that are too old. */
  expireOffsets?: () => Promise<void>;
  /** Forgets transactional ids that are not used any more. */
  expireTransactionalIds?: () => void;
  /** -1, also when not given: producers are never forgotten. */
  producerIdExpirationMs?: number;
  /** Something failed that the next round may do better. */
  warn: (message: string) => void;
}

/** A jump of the wall clock that is too large for a correction. */
const JUMP_MS = 3_600_000;
/** Kafka's offsets.retention.check.interval.ms. */
const EXPIRE_OFFSETS_MS = 600_000;
/** Kafka's transaction.remove.expired.transaction.cleanup.interval.ms. */
const EXPIRE_TRANSACTIONAL_IDS_MS = 3_600_000;
/** Kafka's producer.id.expiration.check.interval.ms. */
const EXPIRE_PRODUCERS_MS = 600_000;
/** Each takes the disk a while. */
const SEGMENTS_PER_SLICE = 4;

export class Housekeeper {
  readonly #options: HouseholdOptions;
  readonly #wallAhead: number;
  readonly #cancels = new Map<string, () => void>();
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;
  #pauses = 0;

  constructor(options: HouseholdOptions) {
    this.#options = options;
    this.#wallAhead = options.clock.now() - options.clock.monotonic();
    this.#every("retention pass", options.retentionCheckMs, () => this.retain());
    this.#every("checkpoint", options.checkpointMs, () => options.checkpoint());
    this.#every("compaction", options.compactionCheckMs, () => options.compact(() => this.#mayDelete));
    const { expireOffsets, expireTransactionalIds: expireIds } = options;
    if (expireOffsets) this.#every("retention of offsets", EXPIRE_OFFSETS_MS, () => this.#expire(expireOffsets));
    if (expireIds)
      this.#every("retention of transactional ids", EXPIRE_TRANSACTIONAL_IDS_MS, () => this.#expire(expireIds));
    const { producerIdExpirationMs: expirationMs = -1 } = options;
    if (expirationMs >= 0)
      this.#every("retention of producers", EXPIRE_PRODUCERS_MS, () =>
        this.#expire(() => this.#expireProducers(expirationMs)),
      );
  }

  /** Whether the wall clock has jumped, so that nothing is deleted for its age or size. */
  get isRetentionSuspended(): boolean {
    const { clock } = this.#options;
    return Math.abs(clock.now() - clock.monotonic() - this.#wallAhead) > JUMP_MS;
  }

  /** One retention pass over all partitions. Returns how many segments went. */
  async retain(): Promise<number> {
    const { clock, partitions, warn } = this.#options;
    const pacer = new Pacer(clock);
    let count = 0;
    for (const partition of [...partitions()]) {
      try {
        count += await this.#retainOne(partition, pacer);
      } catch (error) {
        warn(`retention of ${partition.topic.name}-${partition.index} failed: ${(error as Error).message}`);
      }
    }
    return count;
  }

  /** No retention passes until the returned call: somebody copies the files. */
  pause(): () => void {
    this.#pauses++;
    return () => {
      this.#pauses--;
    };
  }

  /** Waits for what runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    await Promise.all(this.#running);
  }

  get #mayDelete(): boolean {
    return !this.#isStopped && this.#pauses === 0 && !this.isRetentionSuspended;
  }

  async #expire(expire: () => Promise<void> | void): Promise<void> {
    if (!this.isRetentionSuspended && this.#pauses === 0) await expire();
  }

  async #expireProducers(expirationMs: number): Promise<void> {
    const pacer = new Pacer(this.#options.clock);
    for (const partition of [...this.#options.partitions()]) {
      if (this.#isStopped) return;
      partition.expireProducers(expirationMs);
      if (pacer.isDue) await pacer.rest();
    }
  }

  async #retainOne(partition: Partition, pacer: Pacer): Promise<number> {
    let total = 0;
    for (;;) {
      if (!this.#mayDelete) return total;
      const count = await partition.retain(SEGMENTS_PER_SLICE);
      total += count;
      if (pacer.isDue) await pacer.rest();
      if (count < SEGMENTS_PER_SLICE) return total;
    }
  }

  #every(name: string, ms: number, work: () => Promise<unknown>): void {
    if (this.#isStopped) return;
    const run = async () => {
      try {
        await work();
      } catch (error) {
        this.#options.warn(`the ${name} failed: ${(error as Error).message}`);
      }
      this.#every(name, ms, work);
    };
    const start = () => {
      const running = run();
      this.#running.add(running);
      running.finally(() => this.#running.delete(running));
    };
    this.#cancels.set(name, this.#options.clock.schedule(ms, start));
  }
}
