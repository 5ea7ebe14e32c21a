/**
 * One partition of a topic: its log, the bounds up to which readers may go, and who waits for them to move.
 *
 * The log is opened on first use (`ready`), so that a directory of ten thousand partitions opens at once. Everything else is
 * synchronous afterwards. What an acknowledgement means is decided here: at "process" an append has it as soon as it
 * returns, at "power" once a sync has passed its end; concurrent ones share that sync.
 */

import type { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import type { RecordCopies } from "../format/record-copies.ts";
import type { ProducerSnapshotEntry } from "../format/snapshots.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import type { ChunkMemory } from "../storage/chunk.ts";
import type { Cleanable } from "../storage/cleanable.ts";
import type { Compacted } from "../storage/compaction.ts";
import type { Files } from "../storage/files.ts";
import type { LeaderEpochEnd } from "../storage/leader-epochs.ts";
import { Log } from "../storage/log.ts";
import type { OpenTransaction } from "../storage/producer-state.ts";
import { checkOutsideTransaction, offsetOfDuplicate, transactionalProducerOf } from "./admission.ts";
import { logConfigOf, type TopicConfig } from "./config.ts";
import { closed, deleted, outOfRange, placeOf, readOnly } from "./partition-errors.ts";
import type { PartitionPlace, PartitionSurroundings, TopicOfPartition } from "./partition-place.ts";
import { sizeInFolder, sizeOnDisk } from "./partition-size.ts";
import { startAfterLoss } from "./start-after-loss.ts";
import { type CompactionWish, cleanableIn, compactLog, retainSegments } from "./upkeep.ts";
import { Watchers } from "./watchers.ts";

export type { ChunkMemory } from "../storage/chunk.ts";
export type { Counters, PartitionPlace, TopicOfPartition } from "./partition-place.ts";

/** Whether a reader sees open and aborted transactions. */
export type Isolation = "read_committed" | "read_uncommitted";

/** What a partition asks of the data directory it lies in. */
export interface PartitionHost extends PartitionSurroundings {
  /** The partition has bytes that were not synced yet. */
  touched(partition: Partition): void;
  /** Makes it known for good that the partition starts at that offset. */
  recordStart(partition: Partition, offset: number): Promise<void>;
  /** Throws unless the producer is in a transaction that the partition was added to. */
  checkTransaction(partition: Partition, producerId: number, producerEpoch: number): void;
  /** Its log is open. */
  opened(partition: Partition): void;
}

export class Partition {
  readonly topic: TopicOfPartition;
  readonly index: number;
  readonly folder: string;
  /** Why the log could not be opened; the next `ready` tries again. */
  failure: VarveError | undefined;
  readonly #host: PartitionHost;
  readonly #place: PartitionPlace;
  #log: Log | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #isLetGo = false;
  #isDirty = false;
  /** How many bytes of the space are counted for this partition. */
  #countedBytes = 0;
  readonly #watchers = new Watchers();

  constructor(topic: TopicOfPartition, index: number, place: PartitionPlace, host: PartitionHost) {
    this.topic = topic;
    this.index = index;
    this.folder = place.folder;
    this.#place = place;
    this.#host = host;
  }

  /** Opens the log. Append, read and the rest want this to have happened once. */
  ready(): Promise<void> {
    if (this.#log) return READY;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  get isReady(): boolean {
    return this.#log !== undefined;
  }

  /** Whether the bounds are known without opening the log: it was closed in order, and the checkpoint has it. */
  get isKnown(): boolean {
    return this.isReady || (this.#place.lastClose === "clean" && this.#place.recoveryPoint !== undefined);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  // ---- bounds; of a log that is not open yet, as the checkpoints have them

  get startOffset(): number {
    return this.#log?.startOffset ?? this.#place.startOffset;
  }

  get endOffset(): number {
    return this.#log?.endOffset ?? Math.max(this.#place.startOffset, this.#place.recoveryPoint ?? 0);
  }

  get durableOffset(): number {
    return this.#log?.durableOffset ?? this.endOffset;
  }

  /** What no reader passes. */
  get highWatermark(): number {
    return this.topic.durability === "power" && !this.#host.readOnly ? this.durableOffset : this.endOffset;
  }

  get lastStableOffset(): number {
    return Math.min(this.#log?.lastStableOffset ?? this.endOffset, this.highWatermark);
  }

  /** Everything before it need not be looked at after a crash. */
  get recoveryPoint(): number {
    return this.#log?.durableOffset ?? this.#place.recoveryPoint ?? 0;
  }

  /** What works on its batches; undefined: TypeScript. */
  get native(): Files["native"] {
    return this.#host.files.native;
  }

  /** Up to where the log is compacted; 0 when it never was. */
  get cleanedOffset(): number {
    return this.#log?.cleanedOffset ?? this.#place.cleanedOffset;
  }

  get leaderEpoch(): number {
    return this.#log?.leaderEpoch ?? 0;
  }

  get sizeInBytes(): number {
    return this.#log?.sizeInBytes ?? this.measure();
  }

  get segmentCount(): number {
    return this.#log?.segmentCount ?? 0;
  }

  get poisoned(): VarveError | undefined {
    return this.#log?.poisoned;
  }

  get segmentSizes(): Map<string, number> {
    return this.#opened().segmentSizes;
  }

  /** Where a reader stops. */
  bound(isolation: Isolation, durable: boolean): number {
    const bound = isolation === "read_committed" ? this.lastStableOffset : this.highWatermark;
    return durable ? Math.min(bound, this.durableOffset) : bound;
  }

  // ---- writing

  /**
   * Returns the batch's base offset; of one that an idempotent producer sends again, that of the first. Who watches is called before
   * it returns. A batch of a transaction that the partition was not added to is refused (VARVE_TRANSACTION_STATE, VARVE_FENCED).
   */
  append(batch: SealedBatch, now = this.#host.clock.now()): number {
    const log = this.#writable();
    // Before all else: what is sent again was taken once, and its transaction may have ended since.
    const present = offsetOfDuplicate(log, batch, this.topic.isInternal);
    if (present !== undefined) return present;
    const producer = transactionalProducerOf(batch);
    if (producer) this.#host.checkTransaction(this, producer.producerId, producer.producerEpoch);
    else checkOutsideTransaction(log, batch);
    return this.#store(log, batch, false, now);
  }

  /** For the coordinator of transactions: the end of one. */
  appendMarker(batch: SealedBatch): number {
    return this.#store(this.#writable(), batch, true, this.#host.clock.now());
  }

  #store(log: Log, batch: SealedBatch, isMarker: boolean, now: number): number {
    const size = batch.end - batch.start;
    this.#host.space.check(size);
    const segments = log.segmentCount;
    const offset = isMarker ? log.appendMarker(batch) : log.append(batch, now);
    this.#count(this.#countedBytes + sizeOnDisk(size, log.segmentCount - segments));
    const { counters } = this.#host;
    counters.appendedBatches++;
    counters.appendedRecords += batch.recordCount;
    counters.appendedBytes += size;
    this.#touch();
    this.#watchers.wake();
    return offset;
  }

  /** Undefined when everything before `nextOffset` has its level already; else resolves when it has, or rejects. */
  acknowledged(nextOffset: number): Promise<void> | undefined {
    if (this.topic.durability === "process") return undefined;
    return this.#opened().durableOffset >= nextOffset ? undefined : this.flush();
  }

  /** What was appended before the call is on the disk afterwards. */
  async flush(): Promise<void> {
    const log = this.#log;
    if (!log) return;
    const before = log.durableOffset;
    this.#isDirty = false;
    try {
      await log.flush();
    } finally {
      if (log.durableOffset !== before || log.poisoned) this.#synced();
    }
  }

  /** The same at once, on the calling thread. */
  flushNow(): void {
    if (!this.#log) return;
    this.#isDirty = false;
    try {
      this.#log.flushNow();
    } finally {
      this.#synced();
    }
  }

  /** Empties the partition. Its offsets go on where they are. */
  async truncate(): Promise<void> {
    const log = this.#writable();
    const end = log.endOffset;
    await this.#moveStart(log, end);
    // What was appended meanwhile is not the caller's to lose.
    if (log.endOffset === end) log.truncateFullyAndStartAt(end);
    else log.deleteRecordsBefore(end);
    this.#changed(log);
  }

  /** Raises the start to `offset`, at most to the high watermark. Returns the new start. */
  async deleteRecordsBefore(offset: number): Promise<number> {
    const log = this.#writable();
    const last = this.highWatermark;
    if (!(Number.isSafeInteger(offset) && offset >= 0 && offset <= last)) throw outOfRange(this, offset, last);
    if (offset > log.startOffset) {
      await this.#moveStart(log, offset);
      log.deleteRecordsBefore(offset);
      this.#changed(log);
    }
    return log.startOffset;
  }

  /** A piece of a retention pass: deletes up to `limit` segments whose time has come. Returns how many. */
  async retain(limit: number): Promise<number> {
    const { retentionMs, retentionBytes } = this.topic.config;
    if (this.#isClosed || this.#host.readOnly || (retentionMs < 0 && retentionBytes < 0)) return 0;
    await this.ready();
    const count = this.#log ? await retainSegments(this.#log, limit, () => this.#isClosed) : 0;
    if (count > 0) this.#changed(this.#log!);
    return count;
  }

  expireProducers(expirationMs: number): void {
    if (!this.#isClosed && !this.poisoned) this.#log?.expireProducers(expirationMs);
  }

  /** How much there is to compact; undefined of a log that is not compacted, or not open. */
  async cleanable(): Promise<Cleanable | undefined> {
    return this.#isClosed || this.#host.readOnly ? undefined : cleanableIn(this.#log, this.topic.config);
  }

  async compact(wish: CompactionWish): Promise<Compacted> {
    const log = this.#writable();
    const compacted = await compactLog(log, this.topic.config, this.#host.counters, wish);
    if (!this.#isClosed) this.#changed(log);
    return compacted;
  }

  cancelCompaction(): void {
    this.#log?.compaction.cancel();
  }

  /** The topic's configuration has changed. */
  updateConfig(config: TopicConfig): void {
    this.#log?.updateConfig(logConfigOf(config, this.topic.durability));
    this.#watchers.wake();
  }

  // ---- reading

  /** Whole checked batches, in `memory` if given; the first holds `offset`, none begins at or past `limit`. */
  read(offset: number, maxBytes: number, limit: number, memory?: ChunkMemory): Batch[] {
    return this.#opened().read(offset, maxBytes, limit, memory);
  }

  /** The record at `offset`, which may be a marker: the last one of the copies. A batch is decompressed to at most `maxBytes`. */
  copyRecord(offset: number, maxBytes: number): RecordCopies | undefined {
    return this.#opened().copyRecord(offset, maxBytes);
  }

  offsetForTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    return this.#opened().offsetForTimestamp(timestamp);
  }

  offsetOfMaxTimestamp(): { offset: number; timestamp: number } | undefined {
    return this.#opened().offsetOfMaxTimestamp();
  }

  leaderEpochAt(offset: number): number {
    return this.#opened().leaderEpochAt(offset);
  }

  /** Where the records of a leader epoch end; undefined for one to come. */
  endOfLeaderEpoch(epoch: number): LeaderEpochEnd | undefined {
    return this.#opened().endOfLeaderEpoch(epoch);
  }

  abortedTransactions(from: number, to: number): AbortedTransaction[] {
    return this.#opened().abortedTransactions(from, to);
  }

  /** Who has written here, and how far each one is. */
  get producers(): readonly ProducerSnapshotEntry[] {
    return this.#opened().producers;
  }

  /** Those whose transaction is open here, in the order in which these began. */
  get openTransactions(): readonly OpenTransaction[] {
    return this.#log?.openTransactions ?? [];
  }

  /** Where the open transaction of a producer began here. */
  openSince(producerId: number): number | undefined {
    return this.#log?.openSince(producerId);
  }

  /** Calls `fn`, at once and often, whenever a bound may have moved or the partition is gone. Returns the call that ends it. */
  watch(fn: () => void): () => void {
    return this.#watchers.add(fn);
  }

  // ---- the end

  /** Syncs and closes the log. Appends are refused from the call on. */
  async close(): Promise<void> {
    await this.#shut();
    await this.#log?.close();
  }

  /** Lets go of the files and nothing else, as a killed process would. */
  closeNow(): void {
    this.#isClosed = true;
    this.#isLetGo = true;
    this.#log?.closeNow();
    this.#watchers.wake();
  }

  /** Gives its bytes back to the space; its files are gone. */
  forget(): void {
    this.#host.space.add(-this.#countedBytes);
    this.#countedBytes = 0;
  }

  /** Counts what the folder holds, for a log that need not be opened for it. */
  measure(): number {
    if (this.#log) return this.#log.sizeInBytes;
    const { size, segments } = sizeInFolder(this.#host.files, this.folder);
    this.#count(sizeOnDisk(size, segments));
    return size;
  }

  async #shut(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    this.#watchers.wake();
  }

  async #open(): Promise<void> {
    this.#check();
    const { files, clock, readOnly, report } = this.#host;
    const { name: topic, id: topicId } = this.topic;
    const config = logConfigOf(this.topic.config, this.topic.durability);
    try {
      const { folder, lastClose, recoveryPoint = 0, cleanedOffset } = this.#place;
      const startOffset = startAfterLoss(placeOf(this), this.#place, this.#host);
      const place = { partition: this.index, folder, lastClose, recoveryPoint, cleanedOffset, startOffset };
      const log = await Log.open({ files, clock, readOnly, topic, topicId, config, report, ...place });
      if (this.#isLetGo) log.closeNow();
      this.#log = log;
      this.failure = undefined;
      this.#count(sizeOnDisk(log.sizeInBytes, log.segmentCount));
      if (!this.#isClosed) this.#host.opened(this);
    } catch (error) {
      this.failure = error as VarveError;
      throw error;
    }
  }

  /**
   * The start may only be recorded where everything before it is durable: else a power cut could set the end before it. The
   * segment that the log will begin with must be as well: else a younger one could be all that is left.
   */
  async #moveStart(log: Log, offset: number): Promise<void> {
    if (offset === log.endOffset) log.roll();
    await this.flush();
    await this.#host.recordStart(this, offset);
    this.#check();
  }

  #count(bytes: number): void {
    this.#host.space.add(bytes - this.#countedBytes);
    this.#countedBytes = bytes;
  }

  #changed(log: Log): void {
    this.#count(sizeOnDisk(log.sizeInBytes, log.segmentCount));
    this.#touch();
    this.#watchers.wake();
  }

  #touch(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#host.touched(this);
  }

  #synced(): void {
    this.#host.counters.syncs++;
    this.#watchers.wake();
  }

  #writable(): Log {
    if (this.#host.readOnly) throw readOnly(this);
    return this.#opened();
  }

  #opened(): Log {
    this.#check();
    if (this.#log) return this.#log;
    if (this.failure) throw this.failure;
    throw new Error(`${this.topic.name}-${this.index} was used before it was ready`);
  }

  #check(): void {
    if (this.topic.isDeleted) throw deleted(this);
    if (this.#isClosed) throw closed(this);
  }
}

const READY = Promise.resolve();
