/**
 * One partition on disk: an append-only log of batches in segments.
 *
 * Appends and reads are synchronous and go to the page cache; `flush` makes them durable off the event loop. Offsets are given
 * here, one after the other, and never twice for the same epoch. An append that fails leaves nothing behind.
 */
import type { VarveError } from "../errors.ts";
import { Batch, hasProducerId, placeBatch } from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import type { RecordCopies } from "../format/record-copies.ts";
import type { ProducerSnapshotEntry } from "../format/snapshots.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import { ReaderBeside, whereItIs } from "./beside-owner.ts";
import type { ChunkMemory } from "./chunk.ts";
import { type Compacted, Compaction, type CompactionSettings } from "./compaction.ts";
import type { LeaderEpochEnd } from "./leader-epochs.ts";
import { closed, fenced, outOfRange, readOnly, tooLarge } from "./log-errors.ts";
import { type LogOptions, loadLog } from "./log-loader.ts";
import { LogReader } from "./log-reader.ts";
import { hasGaps, type LogConfig, type LogState } from "./log-state.ts";
import { LogSync } from "./log-sync.ts";
import { ProducerExpiry } from "./producer-expiry.ts";
import type { OpenTransaction } from "./producer-state.ts";
import { expiredSegments } from "./retention.ts";
import { addSegment, beginSegment, cutSegment, deleteSegment, finishLog, isRollDue, rollSegment } from "./roll.ts";
import type { Segment } from "./segment.ts";
import type { SequenceVerdict } from "./sequences.ts";
import { listSnapshots, removeSnapshot } from "./snapshot-files.ts";
import { AbortedTransactions, keepProducers, rebuildTransactionIndex, reloadProducers } from "./transactions.ts";

export type { LogOptions } from "./log-loader.ts";
export type { LastClose, LogConfig, LogEvent } from "./log-state.ts";

export class Log {
  /** What of the log may be compacted, and what goes on; `compact` does it. */
  readonly compaction: Compaction;
  readonly #state: LogState;
  readonly #reader: LogReader;
  readonly #sync: LogSync;
  readonly #aborted: AbortedTransactions;
  readonly #expiry = new ProducerExpiry();
  #isClosed = false;
  #closing: Promise<void> | undefined;
  /** The last close has left the folder as the next one must. */
  readonly #wasClean: boolean;
  /** The leader epoch has risen, and the checkpoint does not say so yet. No batch may carry it before. */
  #isEpochUnsaved = false;

  /** Opens the folder, recovering what the last owner left; makes it when it is missing. */
  static async open(options: LogOptions): Promise<Log> {
    const { state, durableOffset, isClean } = await loadLog(options);
    return new Log(state, durableOffset, isClean);
  }

  /** Where the last close was not clean, what recovery has walked it may have changed: cut, or given new indexes. */
  private constructor(state: LogState, durableOffset: number, isClean: boolean) {
    this.#state = state;
    this.#wasClean = isClean;
    this.#reader = state.readOnly ? new ReaderBeside(state) : new LogReader(state);
    this.#aborted = new AbortedTransactions(state);
    this.#sync = new LogSync(state, durableOffset);
    this.compaction = new Compaction(state, this.#sync, () => this.#forgetPlaces());
    state.producers.restartWatch();
    if (!state.readOnly && !isClean) {
      for (const segment of state.segments.from(durableOffset - 1)) this.#sync.touch(segment);
      if (durableOffset < state.endOffset) this.#sync.touchFolder();
    }
  }

  get topic(): string {
    return this.#state.topic;
  }
  get partition(): number {
    return this.#state.partition;
  }
  get config(): LogConfig {
    return this.#state.config;
  }
  get startOffset(): number {
    return this.#state.startOffset;
  }
  get endOffset(): number {
    return this.#state.endOffset;
  }
  get durableOffset(): number {
    return this.#sync.durableOffset;
  }
  /** No open transaction begins before it; where its first records are deleted already, the log does. */
  get lastStableOffset(): number {
    const { producers, startOffset, endOffset } = this.#state;
    const { firstUnstableOffset } = producers;
    return firstUnstableOffset === undefined ? endOffset : Math.max(firstUnstableOffset, startOffset);
  }
  get leaderEpoch(): number {
    return this.#state.epochs.latest;
  }
  get sizeInBytes(): number {
    return this.#state.segments.sizeInBytes;
  }
  /** By the paths of their logs: the file of the active one may have room behind. */
  get segmentSizes(): Map<string, number> {
    return new Map(this.#state.segments.all.map(({ path, size }) => [path, size]));
  }
  get segmentCount(): number {
    return this.#state.segments.all.length;
  }
  get poisoned(): VarveError | undefined {
    return this.#sync.poisoned;
  }
  /** Up to where the log is compacted; 0 when it never was. */
  get cleanedOffset(): number {
    return this.#state.cleanedOffset;
  }

  /** From the next roll, retention pass or append on. */
  updateConfig(config: LogConfig): void {
    this.#state.config = config;
  }

  /** Gives the batch its offsets and writes it. Returns its base offset. */
  append(batch: SealedBatch, now = this.#state.clock.now()): number {
    this.#checkWritable();
    const size = batch.end - batch.start;
    if (size > this.#state.config.maxMessageBytes) throw tooLarge(this.#state, size);
    return this.#append(batch, now);
  }

  /** The end of a transaction: refused when its producer is known with a newer epoch. No limit of size holds for it. */
  appendMarker(batch: SealedBatch): number {
    this.#checkWritable();
    const marker = new Batch(batch.bytes, batch.start);
    const known = this.#state.producers.epochOf(marker.producerId) ?? marker.producerEpoch;
    if (marker.producerEpoch < known) throw fenced(this.#state, marker, known);
    return this.#append(batch, this.#state.clock.now());
  }

  #append(batch: SealedBatch, now: number): number {
    const { bytes, start, end, recordCount } = batch;
    const state = this.#state;
    const size = end - start;
    if (this.#isEpochUnsaved) this.#saveEpoch();
    const baseOffset = state.endOffset;
    const lastOffset = baseOffset + recordCount - 1;
    const { active } = state.segments;
    const isDue = active.size > 0 && isRollDue(state, active, size, lastOffset, now);
    const segment = isDue ? rollSegment(state, this.#sync) : active;
    if (segment.size === 0) beginSegment(state, this.#sync, segment);
    placeBatch(bytes, start, baseOffset, state.epochs.latest);
    segment.append(batch, lastOffset, state.config.indexIntervalBytes, state.config.segmentBytes);
    if (state.config.durability === "power") segment.writeZerosAhead();
    this.#sync.touch(segment);
    state.endOffset = lastOffset + 1;
    if (this.#reader.tail.isWanted) this.#reader.tail.note(batch, segment.size - size, baseOffset);
    if (!hasProducerId(bytes, start)) return baseOffset;
    const completed = state.producers.appended(bytes, start, baseOffset, lastOffset);
    if (completed !== undefined) this.#aborted.note(segment, completed);
    return baseOffset;
  }

  /** See LogReader.read. */
  read(offset: number, maxBytes: number, limit: number, memory?: ChunkMemory): Batch[] {
    this.#checkOpen();
    return this.#reader.read(offset, maxBytes, limit, memory);
  }

  /** See LogReader.find. */
  find(offset: number): Batch | undefined {
    this.#checkOpen();
    return this.#reader.find(offset);
  }

  /** See LogReader.copyRecord. */
  copyRecord(offset: number, maxBytes: number): RecordCopies | undefined {
    this.#checkOpen();
    return this.#reader.copyRecord(offset, maxBytes);
  }

  offsetForTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    this.#checkOpen();
    return this.#reader.offsetForTimestamp(timestamp);
  }

  offsetOfMaxTimestamp(): { offset: number; timestamp: number } | undefined {
    this.#checkOpen();
    return this.#reader.offsetOfMaxTimestamp();
  }

  /** The epoch that the record at `offset` was written in. */
  leaderEpochAt(offset: number): number {
    return this.#state.epochs.at(offset) ?? this.leaderEpoch;
  }

  /** See LeaderEpochs.endOf. */
  endOfLeaderEpoch(epoch: number): LeaderEpochEnd | undefined {
    return this.#state.epochs.endOf(epoch, this.endOffset);
  }

  get producers(): readonly ProducerSnapshotEntry[] {
    return this.#state.producers.all;
  }

  get openTransactions(): readonly OpenTransaction[] {
    return this.#state.producers.openTransactions;
  }

  openSince(producerId: number): number | undefined {
    return this.#state.producers.openSince(producerId);
  }

  /** Whether a batch with a producer id comes next, or came before. */
  judgeSequence(batch: Batch): SequenceVerdict {
    return this.#state.producers.judge(batch);
  }

  isNextSequence(producerId: number, epoch: number, baseSequence: number): boolean {
    return this.#state.producers.isNext(producerId, epoch, baseSequence);
  }

  abortedTransactions(from: number, to: number): AbortedTransaction[] {
    this.#checkOpen();
    return whereItIs(this.#state, () => this.#aborted.between(from, to));
  }

  /** What was appended before the call is durable when it resolves. Concurrent callers share one sync. */
  flush(): Promise<void> {
    return this.#isClosed ? Promise.reject(closed(this.#state)) : this.#sync.flush();
  }

  flushNow(): void {
    this.#checkWritable();
    this.#sync.flushNow();
  }

  /** Begins a new segment, unless the active one is empty. */
  roll(): void {
    this.#checkWritable();
    if (this.#state.segments.active.size > 0) rollSegment(this.#state, this.#sync);
  }

  /**
   * Cuts the log back to the batch boundary at or before `offset`: the batch that holds it goes, and all behind. Returns the
   * new end. The leader epoch rises, so that an offset used again can be told apart. A recovery point that lies behind the new
   * end must be lowered by the caller first: after a crash the log would be found to lack its end.
   */
  truncateTo(offset: number): number {
    this.#checkWritable();
    const state = this.#state;
    const { segments, files, folder } = state;
    if (offset >= state.endOffset) return state.endOffset;
    this.compaction.cancel();
    const last = segments.floor(Math.max(offset, segments.first.baseOffset));
    const mayHaveGaps = hasGaps(state) && last !== segments.active;
    try {
      // First what speaks of the records that go, so that nothing does afterwards.
      for (const at of listSnapshots(files, folder)) if (at > offset) removeSnapshot(state, at);
      for (const segment of [...segments.all].reverse()) {
        if (segment === last) break;
        deleteSegment(this.#state, segment);
      }
      cutSegment(state, last, offset);
      this.#sync.touch(last);
    } finally {
      state.endOffset = segments.active.endOffset;
      state.startOffset = Math.min(state.startOffset, state.endOffset);
      this.#raiseEpoch();
      this.#forget();
    }
    this.#saveEpoch();
    reloadProducers(state);
    rebuildTransactionIndex(state, last);
    // No segment with gaps is ever the active one.
    if (mayHaveGaps) this.roll();
    return state.endOffset;
  }

  /** Drops everything; the log goes on at `offset`. Where that is before the end, the leader epoch rises: see truncateTo. */
  truncateFullyAndStartAt(offset: number): void {
    this.#checkWritable();
    const state = this.#state;
    const { segments, files, folder } = state;
    const isBack = offset < state.endOffset;
    this.compaction.cancel();
    const old = [...segments.all];
    try {
      for (const at of listSnapshots(files, folder)) removeSnapshot(state, at);
      if (!isBack) keepProducers(state, offset);
      // Going on, the new segment is there before the old ones go; going back, its offsets are still theirs.
      if (!isBack && segments.active.baseOffset < offset) addSegment(this.#state, this.#sync, offset);
      for (const segment of isBack ? old.reverse() : old)
        if (isBack || segment.baseOffset < offset) deleteSegment(this.#state, segment);
    } finally {
      if (segments.all.length === 0) addSegment(this.#state, this.#sync, offset);
      state.endOffset = segments.active.endOffset;
      state.startOffset = Math.min(Math.max(offset, segments.first.baseOffset), state.endOffset);
      if (isBack) this.#raiseEpoch();
      this.#forget();
    }
    if (isBack) this.#saveEpoch();
    reloadProducers(state);
  }

  /** Raises the log start to `offset` and deletes the segments that lie wholly before it. Returns the new start. */
  deleteRecordsBefore(offset: number): number {
    this.#checkWritable();
    const state = this.#state;
    if (offset > state.endOffset || offset < 0) throw outOfRange(state, offset);
    if (offset <= state.startOffset) return state.startOffset;
    if (offset === state.endOffset) this.roll();
    state.startOffset = offset;
    this.#deleteExpired();
    return offset;
  }

  /** Begins a new segment when the active one is due to be deleted, so that its successor can be made durable first. */
  rollExpired(): void {
    this.#checkWritable();
    for (const segment of expiredSegments(this.#state)) if (segment === this.#state.segments.active) this.roll();
  }

  /** One retention pass. Returns how many segments it deleted; `limit` bounds them, since each takes the disk a while. */
  retain(limit = Number.POSITIVE_INFINITY): number {
    this.#checkWritable();
    this.#deleteExpired();
    let count = 0;
    for (const segment of expiredSegments(this.#state)) {
      if (count >= limit) break;
      this.deleteRecordsBefore(segment.endOffset);
      count++;
    }
    return count;
  }

  /** See compaction.ts. When segments go or are cut meanwhile it ends early, and tells what it did until then. */
  async compact(settings: CompactionSettings): Promise<Compacted> {
    this.#checkWritable();
    const compacted = await this.compaction.start(settings);
    this.#checkOpen();
    return compacted;
  }

  /** See ProducerExpiry. */
  expireProducers(expirationMs: number): number {
    this.#checkWritable();
    return this.#expiry.pass(this.#state, expirationMs);
  }

  /**
   * Makes all durable and leaves the folder as Kafka's tools expect it. Appends and reads are refused from the call on. When it
   * rejects, the files are let go all the same, and the next open has to recover.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Lets go of the files and leaves them as they are, as the death of the process would. */
  closeNow(): void {
    this.compaction.abandon();
    this.#release();
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.compaction.stop();
    try {
      if (!this.#state.readOnly && this.poisoned === undefined) {
        await this.#sync.settle();
        if (!(this.#wasClean && this.#sync.isUntouched)) await finishLog(this.#state, this.#sync);
      }
    } catch (error) {
      this.#release();
      throw error;
    }
    const error = this.#release();
    if (error !== undefined && this.poisoned === undefined) throw error;
  }

  /** Returns the first error of a file that had one to tell. */
  #release(): unknown {
    let first: unknown;
    this.#isClosed = true;
    this.#sync.close();
    for (const segment of this.#state.segments.all) {
      try {
        segment.close();
      } catch (error) {
        first ??= error;
      }
    }
    return first;
  }

  #raiseEpoch(): void {
    this.#state.epochs.raise(this.#state.endOffset);
    this.#isEpochUnsaved = true;
  }

  #saveEpoch(): void {
    this.#state.epochs.saveNow(this.#state.files, this.#state.folder);
    this.#isEpochUnsaved = false;
  }

  #forgetPlaces(): void {
    this.#reader.forget();
    this.#aborted.forget();
  }

  #forget(): void {
    const state = this.#state;
    this.#forgetPlaces();
    state.cleanedOffset = Math.min(state.cleanedOffset, state.endOffset);
    this.#sync.forget(state.endOffset);
    this.#sync.touchFolder();
  }

  /** The segments that lie wholly before the log start; also those that an earlier owner did not get to. */
  #deleteExpired(): void {
    const { segments } = this.#state;
    const isExpired = (segment: Segment) => segment !== segments.active && segment.endOffset <= this.#state.startOffset;
    if (!isExpired(segments.first)) return;
    this.compaction.cancel();
    try {
      while (isExpired(segments.first)) deleteSegment(this.#state, segments.first);
    } finally {
      this.#forget();
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed(this.#state);
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.poisoned) throw this.poisoned;
    if (this.#state.readOnly) throw readOnly(this.#state);
  }
}
