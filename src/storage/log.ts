/**
 * One partition on disk: an append-only log of batches in segments.
 *
 * Appends and reads are synchronous and go to the page cache; `flush` makes them durable off the event loop. Offsets are given
 * here, one after the other, and never twice for the same epoch. An append that fails leaves nothing behind.
 */
import { VarveError } from "../errors.ts";
import { Batch, PRODUCER_ID, placeBatch } from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import * as offsetIndex from "../format/offset-index.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import type { LeaderEpochEnd } from "./leader-epochs.ts";
import { type LogOptions, loadLog } from "./log-loader.ts";
import { LogReader } from "./log-reader.ts";
import type { LogConfig, LogState } from "./log-state.ts";
import { structureIn } from "./log-state.ts";
import { LogSync } from "./log-sync.ts";
import { join, SEGMENT_FILES, segmentFile } from "./paths.ts";
import { expiredSegments } from "./retention.ts";
import { isDamage, scanBatches } from "./scan.ts";
import { MAX_SEGMENT_BYTES, Segment } from "./segment.ts";
import { markIndexed, rebuildIndexes } from "./segment-index.ts";
import type { SequenceVerdict } from "./sequences.ts";
import { listSnapshots, nearestSnapshot, removeSnapshot, writeSnapshot } from "./snapshot-files.ts";
import { AbortedTransactions, replay } from "./transactions.ts";

export type { LogOptions } from "./log-loader.ts";
export type { LastClose, LogConfig, LogEvent } from "./log-state.ts";

export class Log {
  readonly #state: LogState;
  readonly #reader: LogReader;
  readonly #sync: LogSync;
  readonly #aborted: AbortedTransactions;
  #isClosed = false;

  /** Opens the folder, recovering what the last owner left; makes it when it is missing. */
  static async open(options: LogOptions): Promise<Log> {
    const state = await loadLog(options);
    const durableOffset =
      options.lastClose === "clean" ? state.endOffset : Math.min(options.recoveryPoint, state.endOffset);
    return new Log(state, durableOffset);
  }

  private constructor(state: LogState, durableOffset: number) {
    this.#state = state;
    this.#reader = new LogReader(state);
    this.#aborted = new AbortedTransactions(state);
    this.#sync = new LogSync(state, durableOffset);
    if (!state.readOnly && durableOffset < state.endOffset) {
      for (const segment of state.segments.from(durableOffset)) if (segment.size > 0) this.#sync.touch(segment);
      this.#sync.touchFolder();
    }
  }

  get topic(): string {
    return this.#state.topic;
  }
  get partition(): number {
    return this.#state.partition;
  }
  get folder(): string {
    return this.#state.folder;
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
  /** No open transaction begins before it. */
  get lastStableOffset(): number {
    return this.#state.producers.firstUnstableOffset ?? this.#state.endOffset;
  }
  get leaderEpoch(): number {
    return this.#state.epochs.latest;
  }
  get sizeInBytes(): number {
    return this.#state.segments.sizeInBytes;
  }
  get segmentCount(): number {
    return this.#state.segments.all.length;
  }
  get poisoned(): VarveError | undefined {
    return this.#sync.poisoned;
  }

  /** From the next roll, retention pass or append on. */
  updateConfig(config: LogConfig): void {
    this.#state.config = config;
  }

  /** Gives the batch its offsets and writes it. Returns its base offset. */
  append(batch: SealedBatch): number {
    this.#checkWritable();
    const { bytes, start, end, recordCount, maxTimestamp } = batch;
    const state = this.#state;
    const size = end - start;
    if (size > state.config.maxMessageBytes) throw this.#tooLarge(size);
    const baseOffset = state.endOffset;
    const lastOffset = baseOffset + recordCount - 1;
    const segment = this.#segmentFor(size, lastOffset);
    if (segment.size === 0) this.#begin(segment);
    placeBatch(bytes, start, baseOffset, state.epochs.latest);
    segment.append(bytes, start, size, lastOffset, maxTimestamp, state.config.indexIntervalBytes);
    this.#sync.touch(segment);
    state.endOffset = lastOffset + 1;
    // A producer id of −1 begins with a set bit; other ids are never negative.
    if (bytes[start + PRODUCER_ID] < 0x80) this.#noteProducer(segment, bytes, start);
    return baseOffset;
  }

  /** See LogReader.read. */
  read(offset: number, maxBytes: number, limit: number): Batch[] {
    this.#checkOpen();
    return this.#reader.read(offset, maxBytes, limit);
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

  /** Whether a batch with a producer id comes next, or came before. */
  judgeSequence(batch: Batch): SequenceVerdict {
    return this.#state.producers.judge(batch);
  }

  abortedTransactions(from: number, to: number): AbortedTransaction[] {
    this.#checkOpen();
    return this.#aborted.between(from, to);
  }

  /** What was appended before the call is durable when it resolves. Concurrent callers share one sync. */
  flush(): Promise<void> {
    return this.#sync.flush();
  }

  flushNow(): void {
    this.#checkWritable();
    this.#sync.flushNow();
  }

  /** Begins a new segment, unless the active one is empty. */
  roll(): void {
    this.#checkWritable();
    if (this.#state.segments.active.size > 0) this.#roll();
  }

  /**
   * Cuts the log back to the batch boundary at or before `offset`: the batch that holds it goes, and all behind. Returns the
   * new end.
   */
  truncateTo(offset: number): number {
    this.#checkWritable();
    const state = this.#state;
    if (offset >= state.endOffset) return state.endOffset;
    const last = state.segments.floor(Math.max(offset, state.segments.first.baseOffset));
    for (const segment of [...state.segments.all].reverse()) {
      if (segment === last) break;
      this.#delete(segment);
    }
    this.#cut(last, offset);
    state.endOffset = last.endOffset;
    state.startOffset = Math.min(state.startOffset, state.endOffset);
    this.#reloadProducers();
    this.#forget();
    return state.endOffset;
  }

  /** Drops everything; the log goes on at `offset`. */
  truncateFullyAndStartAt(offset: number): void {
    this.#checkWritable();
    const state = this.#state;
    for (const segment of [...state.segments.all].reverse()) this.#delete(segment);
    for (const at of listSnapshots(state.files, state.folder)) removeSnapshot(state, at);
    this.#add(offset);
    state.startOffset = offset;
    state.endOffset = offset;
    this.#reloadProducers();
    this.#forget();
  }

  /** Raises the log start to `offset` and deletes the segments that lie wholly before it. Returns the new start. */
  deleteRecordsBefore(offset: number): number {
    this.#checkWritable();
    const state = this.#state;
    if (offset > state.endOffset || offset < 0) throw this.#outOfRange(offset);
    if (offset <= state.startOffset) return state.startOffset;
    if (offset === state.endOffset) this.roll();
    state.startOffset = offset;
    for (const segment of [...state.segments.all]) {
      if (segment === state.segments.active || segment.endOffset > offset) break;
      this.#delete(segment);
    }
    this.#forget();
    return offset;
  }

  /** One retention pass. Returns how many segments it deleted; `limit` bounds them, since each takes the disk a while. */
  retain(limit = Number.POSITIVE_INFINITY): number {
    this.#checkWritable();
    let count = 0;
    for (const segment of expiredSegments(this.#state)) {
      if (count >= limit) break;
      this.deleteRecordsBefore(segment.endOffset);
      count++;
    }
    return count;
  }

  /** Makes all durable and leaves the folder as Kafka's tools expect it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const state = this.#state;
    if (!state.readOnly && this.poisoned === undefined) {
      await this.flush();
      await this.#finish();
    }
    this.closeNow();
  }

  /** Lets go of the files and leaves them as they are, as the death of the process would. */
  closeNow(): void {
    this.#isClosed = true;
    for (const segment of this.#state.segments.all) segment.close();
  }

  async #finish(): Promise<void> {
    const state = this.#state;
    const { active } = state.segments;
    if (active.size === 0 && state.endOffset === 0) return;
    if (active.size === 0) this.#begin(active);
    active.seal();
    active.writeIndexes();
    await active.syncIndexes();
    writeSnapshot(state, state.endOffset);
    this.#removeStraySnapshots();
    await state.files.syncFolder(state.folder);
  }

  #segmentFor(size: number, lastOffset: number): Segment {
    const { active } = this.#state.segments;
    return active.size > 0 && this.#isRollDue(active, size, lastOffset) ? this.#roll() : active;
  }

  #isRollDue(active: Segment, size: number, lastOffset: number): boolean {
    const { segmentBytes, segmentMs, segmentIndexBytes } = this.#state.config;
    return (
      active.size + size > Math.min(segmentBytes, MAX_SEGMENT_BYTES) ||
      active.indexBytes >= segmentIndexBytes ||
      lastOffset - active.baseOffset > offsetIndex.MAX_RELATIVE ||
      this.#state.clock.now() - active.startedMs >= segmentMs
    );
  }

  /** Seals the active segment and begins the next one. Nothing is lost if a step fails: the next append tries again. */
  #roll(): Segment {
    const state = this.#state;
    const { active } = state.segments;
    const next = new Segment(state.files, state.folder, state.endOffset, true);
    this.#begin(next);
    active.seal();
    active.writeIndexes();
    writeSnapshot(state, state.endOffset);
    state.segments.add(next);
    markIndexed(next);
    return next;
  }

  #add(baseOffset: number): Segment {
    const segment = new Segment(this.#state.files, this.#state.folder, baseOffset, true);
    this.#begin(segment);
    this.#state.segments.add(segment);
    markIndexed(segment);
    return segment;
  }

  /** The segment gets its file. */
  #begin(segment: Segment): void {
    segment.log.size();
    segment.startedMs = this.#state.clock.now();
    this.#sync.touchFolder();
  }

  #noteProducer(segment: Segment, bytes: Uint8Array, at: number): void {
    const completed = this.#state.producers.update(new Batch(bytes, at));
    if (completed !== undefined) this.#aborted.note(segment, completed);
  }

  #cut(segment: Segment, offset: number): void {
    const { size } = segment;
    const structure = structureIn(this.#state, segment, segment.baseOffset);
    let position = 0;
    let endOffset = segment.baseOffset;
    for (const scanned of scanBatches(segment.log, 0, size, structure)) {
      if (isDamage(scanned)) continue;
      if (scanned.lastOffset >= offset) break;
      position = scanned.position + scanned.sizeInBytes;
      endOffset = scanned.nextOffset;
    }
    segment.truncate(position, endOffset);
    rebuildIndexes(this.#state, segment);
  }

  #reloadProducers(): void {
    const state = this.#state;
    for (const at of listSnapshots(state.files, state.folder)) if (at > state.endOffset) removeSnapshot(state, at);
    const { producers, offset } = nearestSnapshot(state, state.endOffset);
    for (const _ of replay(state, producers, offset, state.endOffset));
    state.producers = producers;
  }

  #forget(): void {
    this.#reader.forget();
    this.#aborted.forget();
    this.#sync.forget(this.#state.endOffset);
    this.#sync.touchFolder();
  }

  #delete(segment: Segment): void {
    const { files, folder, segments } = this.#state;
    segments.remove(segment);
    segment.close();
    for (const kind of SEGMENT_FILES) files.remove(join(folder, segmentFile(segment.baseOffset, kind)));
  }

  /** Snapshots that no segment begins at, older than the newest: an earlier close left them. */
  #removeStraySnapshots(): void {
    const { files, folder, segments, endOffset } = this.#state;
    const bases = new Set(segments.all.map((segment) => segment.baseOffset));
    for (const offset of listSnapshots(files, folder)) {
      if (offset !== endOffset && !bases.has(offset)) removeSnapshot(this.#state, offset);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed)
      throw new VarveError("VARVE_CLOSED", `${this.topic}-${this.partition} is closed`, this.#place());
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.poisoned) throw this.poisoned;
    if (this.#state.readOnly) {
      throw new VarveError("VARVE_READ_ONLY", `${this.topic}-${this.partition} was opened read-only`, this.#place());
    }
  }

  #place(): { topic: string; partition: number } {
    return { topic: this.topic, partition: this.partition };
  }

  #tooLarge(size: number): VarveError {
    const limit = this.config.maxMessageBytes;
    const message = `${this.topic}-${this.partition}: a batch of ${size} bytes is larger than maxMessageBytes, ${limit}`;
    return new VarveError("VARVE_RECORD_TOO_LARGE", message, this.#place());
  }

  #outOfRange(offset: number): VarveError {
    const message = `${this.topic}-${this.partition} ends at ${this.endOffset}; records before ${offset} cannot be deleted`;
    return new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, { ...this.#place(), offset });
  }
}
