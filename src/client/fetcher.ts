/**
 * Reads one partition for a consumer: from its position, chunk by chunk, batch by batch.
 *
 * It hands out what a reader may see and nothing else: no control batches, no aborted transactions (read_committed), no
 * record before the position or at and past `until`, nothing beyond the bound of its isolation level. It reads when it is
 * asked, never ahead: what is fetched and not consumed is one chunk.
 *
 *   processed ≤ position: between them lies what the application has in hand
 */
import type { ChunkMemory, Isolation, Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import { hasCode, VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import { RecordSource } from "./record.ts";
import type { KeyCodec, Serde } from "./serde.ts";

/** Where a reader goes on whose position the log does not have. */
export type OutOfRange = "earliest" | "latest" | "throw";
/** What a reader does at a damaged batch. */
export type OnCorrupt = "throw" | "skip";

/** A range that a consumer passed over because the log no longer, or not yet, has it. */
export interface SkippedEvent {
  topic: string;
  partition: number;
  /** The position, and where reading goes on. */
  from: number;
  to: number;
}

export interface FetchOptions {
  isolation: Isolation;
  durable: boolean;
  serde: Serde;
  keyCodec: KeyCodec;
  /** How much one read asks for. */
  chunkBytes: number;
  /** How much one batch may decompress to. */
  maxBatchBytes: number;
  onCorrupt: OnCorrupt;
  outOfRange: OutOfRange;
  /** Where it reads to; undefined: fresh memory. */
  memory(fetcher: Fetcher): ChunkMemory | undefined;
  fetched(batches: readonly Batch[]): void;
  skipped(event: SkippedEvent): void;
  corrupt(error: VarveError): void;
}

export class Fetcher {
  readonly topic: Topic;
  readonly partition: Partition;
  /** The next offset to hand out. */
  position = 0;
  /** Everything before it is processed: what auto-commit commits. */
  processed = 0;
  /** What the group has committed; where reading began, when nothing is committed yet. */
  committed = 0;
  /** Reading ends before this offset. */
  until = Number.POSITIVE_INFINITY;
  isPaused = false;
  /** Counts the seeks: what was handed out before one has no say in what is processed after it. */
  seeks = 0;
  leaderEpoch = -1;
  /** The batch at hand, and which of its records are still to be handed out: [index, end). */
  source: RecordSource | undefined;
  index = 0;
  end = 0;
  readonly #options: FetchOptions;
  #batches: readonly Batch[] = [];
  #next = 0;
  /** Somebody has looked into a batch: so they will into the next ones. */
  #isTableWanted = false;
  #aborted: readonly AbortedTransaction[] = [];

  constructor(topic: Topic, partition: Partition, options: FetchOptions) {
    this.topic = topic;
    this.partition = partition;
    this.#options = options;
  }

  /** Where a reader must stop for now. */
  get bound(): number {
    return this.partition.bound(this.#options.isolation, this.#options.durable);
  }

  get lag(): number {
    return Math.max(0, Math.min(this.bound, this.until) - this.position);
  }

  get isFinished(): boolean {
    return this.position >= this.until;
  }

  /** Whether all of the fetched chunk is handed out: the moment to give way to another partition. */
  get isChunkDone(): boolean {
    return this.index >= this.end && this.#next >= this.#batches.length;
  }

  /** The log is open: reading may begin, at `offset` unless somebody has sought another one before. */
  begin(offset: number, until: number): void {
    this.committed = offset;
    this.until = until;
    if (this.seeks === 0) this.seek(offset);
  }

  seek(offset: number): void {
    this.drop();
    this.position = offset;
    this.processed = offset;
    this.seeks++;
  }

  /** Puts back what is in hand. */
  rewind(): void {
    if (this.position === this.processed) return;
    this.drop();
    this.position = this.processed;
  }

  /** Forgets what was fetched. */
  drop(): void {
    this.source = undefined;
    this.index = 0;
    this.end = 0;
    this.#batches = [];
    this.#next = 0;
  }

  /** Whether records that are still to be handed out lie in these bytes. */
  isAtHand(bytes: Uint8Array): boolean {
    if (this.index < this.end && this.source?.bytes === bytes) return true;
    for (let i = this.#next; i < this.#batches.length; i++) if (this.#batches[i].bytes === bytes) return true;
    return false;
  }

  /** Finds the next records: true when [index, end) of `source` holds some, false when there are none now. */
  fill(): boolean {
    if (this.index < this.end) return true;
    this.#leaveSource();
    while (!this.isFinished) {
      if (this.#next === this.#batches.length && !this.#fetch()) break;
      if (this.#next < this.#batches.length && this.#enter(this.#batches[this.#next++])) return true;
    }
    this.drop();
    return false;
  }

  /** The batch is done; it may end in offsets without a record (compaction), which are passed too. */
  #leaveSource(): void {
    const { source } = this;
    if (source === undefined) return;
    this.#isTableWanted ||= source.isTabled;
    this.source = undefined;
    this.#pass(source.nextOffset);
  }

  #pass(offset: number): void {
    this.position = Math.max(this.position, Math.min(offset, this.until));
  }

  /** Makes the batch the one at hand, unless there is nothing in it for the reader. */
  #enter(batch: Batch): boolean {
    if (batch.nextOffset <= this.position) return false;
    if (batch.isControl || this.#isAborted(batch)) {
      this.#pass(batch.nextOffset);
      return false;
    }
    const source = this.#open(batch);
    if (source === undefined) return false;
    const index = batch.baseOffset < this.position ? source.indexOf(this.position) : 0;
    const end = batch.lastOffset >= this.until ? source.indexOf(this.until) : source.count;
    if (index >= end) {
      this.#pass(batch.nextOffset);
      return false;
    }
    this.source = source;
    this.index = index;
    this.end = end;
    this.leaderEpoch = batch.leaderEpoch;
    return true;
  }

  #isAborted(batch: Batch): boolean {
    if (!batch.isTransactional || this.#options.isolation !== "read_committed") return false;
    return isAborted(batch, this.#aborted);
  }

  /** Checks the batch's records. One that cannot be read is handled as damage is. */
  #open(batch: Batch): RecordSource | undefined {
    const { serde, keyCodec, maxBatchBytes } = this.#options;
    try {
      const records = batch.checkedRecords(maxBatchBytes, this.#isTableWanted);
      return new RecordSource(this.topic.name, this.partition.index, batch, records, serde, keyCodec);
    } catch (cause) {
      if (!hasCode(cause, "VARVE_CORRUPT")) throw cause;
      const { topic, partition } = this;
      const { baseOffset: from, nextOffset: to } = batch;
      const message = `the batch of ${topic.name}-${partition.index} at offset ${from} is damaged: ${cause.message}`;
      const place = { topic: topic.name, partition: partition.index, from, to, position: batch.position, cause };
      this.#damaged(new VarveError("VARVE_CORRUPT", message, place));
      return undefined;
    }
  }

  /** Reads the next chunk; false when there is nothing to read now. */
  #fetch(): boolean {
    const { topic, partition, position } = this;
    if (topic.isDeleted) {
      throw new VarveError("VARVE_UNKNOWN_TOPIC", `topic ${topic.name} has been deleted`, { topic: topic.name });
    }
    if (position < partition.startOffset || position > partition.endOffset) {
      this.#outOfRange();
      return this.position !== position && this.#fetch();
    }
    const limit = Math.min(this.bound, this.until);
    if (position >= limit) {
      // It gives nothing, but the log then keeps at hand what comes next.
      if (!partition.isClosed) partition.read(position, 1, limit);
      return false;
    }
    try {
      this.#batches = partition.read(position, this.#options.chunkBytes, limit, this.#options.memory(this));
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT")) throw error;
      this.#damaged(error);
      return true;
    }
    this.#next = 0;
    this.#options.fetched(this.#batches);
    this.#aborted = this.#abortedAmong(this.#batches);
    if (this.#batches.length === 0) this.#passGap(limit);
    return true;
  }

  /** Nothing is left of the offsets up to `limit`. Before `until` that is compaction's doing; before the end it is odd. */
  #passGap(limit: number): void {
    const { position: from, topic, partition } = this;
    this.#pass(limit);
    if (limit < this.until) this.#options.skipped({ topic: topic.name, partition: partition.index, from, to: limit });
  }

  #abortedAmong(batches: readonly Batch[]): readonly AbortedTransaction[] {
    if (this.#options.isolation !== "read_committed" || !batches.some((batch) => batch.isTransactional)) return [];
    return this.partition.abortedTransactions(batches[0].baseOffset, batches[batches.length - 1].nextOffset);
  }

  #damaged(error: VarveError): void {
    const { to } = error;
    this.drop();
    if (this.#options.onCorrupt === "throw" || to === undefined || to <= this.position) throw error;
    this.#pass(to);
    this.#options.corrupt(error);
  }

  #outOfRange(): void {
    const { position, topic, partition } = this;
    const { outOfRange } = this.#options;
    const { startOffset, endOffset } = partition;
    if (outOfRange === "throw") {
      throw new VarveError(
        "VARVE_OFFSET_OUT_OF_RANGE",
        `${topic.name}-${partition.index} has no offset ${position}: it holds ${startOffset} to ${endOffset - 1}`,
        { topic: topic.name, partition: partition.index, offset: position },
      );
    }
    const to = outOfRange === "earliest" ? startOffset : this.bound;
    this.drop();
    this.position = to;
    this.processed = Math.min(this.processed, to);
    this.#options.skipped({ topic: topic.name, partition: partition.index, from: position, to });
  }
}

/** Whether the batch belongs to one of these transactions. */
export function isAborted(
  { producerId, baseOffset }: Pick<Batch, "producerId" | "baseOffset">,
  transactions: readonly AbortedTransaction[],
): boolean {
  return transactions.some(
    (aborted) =>
      aborted.producerId === producerId && aborted.firstOffset <= baseOffset && baseOffset <= aborted.lastOffset,
  );
}
