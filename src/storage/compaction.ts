/**
 * Compacts a log: of each key the latest record stays, as Kafka's LogCleaner has it. Offsets never change.
 *
 *   1  the dirty part is read, and the latest offset of each key noted       offset-map.ts
 *   2  everything from the start up to there is copied without what goes     record-retention.ts, cleaned-segment.ts
 *   3  the copies take the place of their sources, group by group            segment-swap.ts
 *
 * With more keys than the map may hold, the three are done again from where it was full. Appends and reads go on meanwhile; the
 * work is done in slices. Where a source is damaged nothing is compacted: what is left of it is for a human to look at.
 */
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, KEY_LENGTH, OFFSET_DELTA, type RecordTable } from "../format/record.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import { type Cleanable, type CompactionLimits, findCleanable } from "./cleanable.ts";
import { CleanedSegment } from "./cleaned-segment.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { type KeyFingerprints, loadKeyFingerprints } from "./key-fingerprints.ts";
import { corruptError, type LogState, structureIn } from "./log-state.ts";
import type { LogSync } from "./log-sync.ts";
import { OffsetMap } from "./offset-map.ts";
import { Pacer } from "./pacer.ts";
import { join, parseSegmentFile } from "./paths.ts";
import { RecordRetention, type Verdict } from "./record-retention.ts";
import { rollSegment } from "./roll.ts";
import { isDamage, walkBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { groupSegments } from "./segment-groups.ts";
import { SegmentSwap } from "./segment-swap.ts";
import { nearestSnapshot } from "./snapshot-files.ts";
import { replay } from "./transactions.ts";

export interface CompactionSettings extends CompactionLimits {
  deleteRetentionMs: number;
  /** Ends the active segment first, which is never compacted, if something was appended to it since the log was opened. */
  endsActive?: boolean;
  /** Nobody knows what time it is: nothing goes for its age. */
  isClockOff?: boolean;
  /** How many keys are held in memory at once, at 24 bytes and more each. */
  mostKeys?: number;
}

/** What a compaction did, to the segments that it went through. */
export interface Compacted {
  /** Up to where the log is compacted now. */
  cleanedOffset: number;
  recordsBefore: number;
  recordsAfter: number;
  bytesBefore: number;
  bytesAfter: number;
}

/** In a table of 2²¹ slots: 48 MiB. */
const MOST_KEYS = 1.5 * 2 ** 20;
const RECORDS_PER_SLICE = 512;
/** How much is done between two looks at the clock. */
const BYTES_PER_SLICE = 64 * 1024;
/** What a look-up, and a batch whose size is not known, count for. */
const BYTES_PER_RECORD = 128;
const BYTES_PER_BATCH = 4 * 1024;

/** The compaction of one log; one run at a time. */
export class Compaction {
  readonly #state: LogState;
  readonly #sync: LogSync;
  /** Segments were replaced: remembered places are gone. */
  readonly #replaced: () => void;
  readonly #openedEnd: number;
  #run: CompactionRun | undefined;
  #running: Promise<Compacted> | undefined;
  /** Replaced in memory, but not yet in the folder. */
  #unfinished: SegmentSwap | undefined;

  constructor(state: LogState, sync: LogSync, replaced: () => void) {
    this.#state = state;
    this.#sync = sync;
    this.#replaced = replaced;
    this.#openedEnd = state.endOffset;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  cleanable(limits: CompactionLimits): Promise<Cleanable> {
    return findCleanable(this.#state, limits, new Pacer(this.#state.clock));
  }

  /** Who calls while a run is under way gets that one. */
  start(settings: CompactionSettings): Promise<Compacted> {
    this.#running ??= this.#start(settings).finally(() => {
      this.#running = undefined;
      this.#run = undefined;
    });
    return this.#running;
  }

  /** Segments are about to go, or to be cut: what is half made of them goes too, at once. The run ends as it stands. */
  cancel(): void {
    this.#run?.cancel();
  }

  /** Cancels, and waits until nothing is half done. */
  async stop(): Promise<void> {
    this.cancel();
    await this.#running?.catch(() => {});
    // What cannot be finished now, the next open finishes.
    await this.#unfinished?.finish().catch(() => {});
  }

  /** The files are no longer ours. */
  abandon(): void {
    this.#run?.abandon();
  }

  async #start(settings: CompactionSettings): Promise<Compacted> {
    await this.#unfinished?.finish();
    this.#unfinished = undefined;
    const { segments, endOffset } = this.#state;
    if (settings.endsActive && endOffset > this.#openedEnd && segments.active.size > 0)
      rollSegment(this.#state, this.#sync);
    this.#run = new CompactionRun(this.#state, this.#sync, settings, (swap) => this.#finish(swap));
    return this.#run.run();
  }

  async #finish(swap: SegmentSwap): Promise<void> {
    this.#unfinished = swap;
    swap.replace();
    this.#replaced();
    await swap.finish();
    this.#unfinished = undefined;
  }
}

class CompactionRun {
  readonly #state: LogState;
  readonly #sync: LogSync;
  readonly #settings: CompactionSettings;
  readonly #finish: (swap: SegmentSwap) => Promise<void>;
  readonly #pacer: Pacer;
  readonly #report: Compacted;
  #bytesSinceRest = 0;
  /** Not replaced yet. */
  #swap: SegmentSwap | undefined;
  #aborted: AbortedTransaction[] | undefined;
  #isCancelled = false;
  #isAbandoned = false;

  constructor(
    state: LogState,
    sync: LogSync,
    settings: CompactionSettings,
    finish: (swap: SegmentSwap) => Promise<void>,
  ) {
    this.#state = state;
    this.#sync = sync;
    this.#settings = settings;
    this.#finish = finish;
    this.#pacer = new Pacer(state.clock);
    const nothing = { recordsBefore: 0, recordsAfter: 0, bytesBefore: 0, bytesAfter: 0 };
    this.#report = { cleanedOffset: state.cleanedOffset, ...nothing };
  }

  cancel(): void {
    this.#isCancelled = true;
    const swap = this.#swap;
    this.#swap = undefined;
    swap?.cancel();
  }

  abandon(): void {
    this.#isCancelled = true;
    this.#isAbandoned = true;
  }

  async run(): Promise<Compacted> {
    try {
      await this.#passes();
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
    }
    return this.#report;
  }

  async #passes(): Promise<void> {
    const state = this.#state;
    const { firstDirtyOffset, endOffset } = await findCleanable(state, this.#settings, this.#pacer);
    if (firstDirtyOffset >= endOffset) return;
    this.#removeStale();
    // What is copied is on the disk: no new segment may reach further than its sources did.
    await this.#sync.flush();
    const fingerprints = await loadKeyFingerprints();
    this.#check();
    for (let from = firstDirtyOffset; from < endOffset; from = state.cleanedOffset) {
      const map = await this.#readKeys(fingerprints, from, endOffset);
      await this.#clean(map);
      state.cleanedOffset = map.latestOffset + 1;
      this.#report.cleanedOffset = state.cleanedOffset;
    }
  }

  // ---- the keys

  async #readKeys(fingerprints: KeyFingerprints, from: number, endOffset: number): Promise<OffsetMap> {
    const mostKeys = this.#settings.mostKeys ?? MOST_KEYS;
    const map = new OffsetMap(fingerprints, from, endOffset, mostKeys, this.#state.files.native);
    const transactions = new CleanedTransactions();
    const dirty = this.#state.segments.from(from).filter((segment) => segment.baseOffset < endOffset);
    for (const segment of dirty) {
      for (const batch of this.#batchesIn(segment)) {
        if (transactions.isInTheDark(batch)) transactions.learn(await this.#gatherAborted(), dirty[0].baseOffset);
        if (batch.isControl) transactions.isIdle(batch);
        else if (!transactions.isAborted(batch) && batch.lastOffset >= from) {
          const table = batch.records(MAX_UNPACKED_BYTES);
          for (let at = 0; at < table.count; at += RECORDS_PER_SLICE) {
            const to = Math.min(at + RECORDS_PER_SLICE, table.count);
            if (!putSlice(map, batch, table, at, to)) return map;
            const rest = this.#pace((to - at) * BYTES_PER_RECORD);
            if (rest) await rest;
          }
        }
        map.latestOffset = Math.max(map.latestOffset, batch.lastOffset);
        const rest = this.#pace(batch.sizeInBytes);
        if (rest) await rest;
      }
      map.latestOffset = Math.max(map.latestOffset, Math.min(segment.endOffset, endOffset) - 1);
    }
    return map;
  }

  /** Walks the log, once, and only one that has transactions. */
  async #gatherAborted(): Promise<AbortedTransaction[]> {
    if (this.#aborted !== undefined) return this.#aborted;
    const aborted: AbortedTransaction[] = [];
    const { producers, offset } = nearestSnapshot(this.#state, this.#state.segments.first.baseOffset);
    for (const completed of replay(this.#state, producers, offset, this.#state.endOffset)) {
      if (completed?.isAborted) aborted.push(completed);
      const rest = this.#pace(BYTES_PER_BATCH);
      if (rest) await rest;
    }
    this.#aborted = aborted;
    return aborted;
  }

  // ---- the copies

  async #clean(map: OffsetMap): Promise<void> {
    const { segments, config, clock } = this.#state;
    const { deleteRetentionMs, isClockOff } = this.#settings;
    const rules = { nowMs: isClockOff ? Number.NEGATIVE_INFINITY : clock.now(), deleteRetentionMs };
    const transactions = new CleanedTransactions();
    const retention = new RecordRetention(this.#state, map, transactions, rules);
    const upTo = segments.all.filter(({ baseOffset }) => baseOffset <= map.latestOffset);
    for (const sources of groupSegments(upTo, config.segmentBytes)) {
      // An empty one alone says nothing shorter.
      if (sources.length === 1 && sources[0].size === 0) continue;
      const cleaned = await this.#copyGroup(sources, transactions, retention);
      if (cleaned !== undefined) await this.#replace(sources, cleaned);
    }
  }

  /** Undefined when it comes out as it was. */
  async #copyGroup(
    sources: readonly Segment[],
    transactions: CleanedTransactions,
    retention: RecordRetention,
  ): Promise<CleanedSegment | undefined> {
    const cleaned = new CleanedSegment(this.#state, sources[0].baseOffset);
    try {
      const isSame = await this.#copyBatches(sources, transactions, retention, cleaned);
      const aborted = transactions.retained.splice(0);
      if (!isSame) await cleaned.finish(aborted);
      else cleaned.discard();
      this.#check();
      return isSame ? undefined : cleaned;
    } catch (error) {
      if (this.#isAbandoned) cleaned.segment.close();
      else discardQuietly(cleaned);
      throw error;
    }
  }

  async #copyBatches(
    sources: readonly Segment[],
    transactions: CleanedTransactions,
    retention: RecordRetention,
    cleaned: CleanedSegment,
  ): Promise<boolean> {
    const last = sources.findLast(({ size }) => size > 0);
    let isSame = sources.length === 1 && sources[0].isDense;
    let records = 0;
    for (const source of sources) {
      for (const batch of this.#batchesIn(source)) {
        if (transactions.isInTheDark(batch)) transactions.learn(await this.#gatherAborted(), 0);
        if (retention.begin(batch)) {
          for (let from = 0; from < batch.recordCount; from += RECORDS_PER_SLICE) {
            const to = Math.min(from + RECORDS_PER_SLICE, batch.recordCount);
            retention.choose(from, to);
            const rest = this.#pace((to - from) * BYTES_PER_RECORD);
            if (rest) await rest;
          }
        }
        const isLast = source === last && batch.position + batch.sizeInBytes === source.size;
        if (!copyBatch(batch, retention, retention.verdict(isLast), cleaned)) isSame = false;
        records += batch.recordCount;
        const rest = this.#pace(batch.sizeInBytes);
        if (rest) await rest;
      }
    }
    this.#note(sources, records, cleaned);
    return isSame;
  }

  async #replace(sources: readonly Segment[], { segment }: CleanedSegment): Promise<void> {
    const swap = new SegmentSwap(this.#state, this.#sync, segment, sources);
    this.#swap = swap;
    try {
      await swap.prepare();
      this.#check();
    } catch (error) {
      // Once it is cancelled, or poisoned, there is nothing to undo.
      if (this.#isCancelled || this.#sync.poisoned) segment.close();
      else cancelQuietly(swap);
      throw error;
    } finally {
      this.#swap = undefined;
    }
    await this.#finish(swap);
    // Segments may have gone, or been cut, while it waited for the disk: also those that come next, and what counts as clean.
    this.#check();
    segment.releaseIndexes();
  }

  #note(sources: readonly Segment[], records: number, cleaned: CleanedSegment): void {
    const report = this.#report;
    report.recordsBefore += records;
    report.recordsAfter += cleaned.recordCount;
    report.bytesBefore += sources.reduce((sum, { size }) => sum + size, 0);
    report.bytesAfter += cleaned.sizeInBytes;
  }

  // ---- both

  *#batchesIn(segment: Segment): Generator<Batch> {
    const structure = structureIn(this.#state, segment, segment.baseOffset);
    for (const scanned of walkBatches(segment.log, segment.size, structure)) {
      if (!isDamage(scanned)) {
        yield scanned;
        continue;
      }
      const { from, position, reason, resume } = scanned;
      throw corruptError(this.#state, segment, { from, to: resume?.offset ?? segment.endOffset, position, reason });
    }
  }

  /** Half-made files of a run that failed, and could not remove them. */
  #removeStale(): void {
    const { files, folder, segments } = this.#state;
    for (const name of files.list(folder) ?? []) {
      const file = parseSegmentFile(name);
      const isOurs = segments.all.some(({ state, baseOffset }) => state === "swap" && baseOffset === file?.baseOffset);
      if (file?.state === "cleaned" || (file?.state === "swap" && !isOurs)) files.remove(join(folder, name));
    }
  }

  /** Counts work; what it returns, if anything, is to be awaited: then the slice is used up. */
  #pace(bytes: number): Promise<void> | undefined {
    this.#bytesSinceRest += bytes;
    if (this.#bytesSinceRest < BYTES_PER_SLICE) return undefined;
    this.#bytesSinceRest = 0;
    return this.#pacer.isDue ? this.#rest() : undefined;
  }

  async #rest(): Promise<void> {
    await this.#pacer.rest();
    this.#check();
  }

  #check(): void {
    if (this.#isCancelled) throw new Cancelled();
    if (this.#sync.poisoned) throw this.#sync.poisoned;
  }
}

/** Ends a run from within, and goes no further. */
class Cancelled extends Error {}

/** False when the map is full. */
function putSlice(map: OffsetMap, batch: Batch, { bytes, rows }: RecordTable, from: number, to: number): boolean {
  map.take(bytes, rows.subarray(from * COLUMNS, to * COLUMNS));
  for (let i = from, row = from * COLUMNS; i < to; i++, row += COLUMNS) {
    const offset = batch.baseOffset + rows[row + OFFSET_DELTA];
    if (rows[row + KEY_LENGTH] < 0 || offset < map.firstOffset) continue;
    if (map.isFull) return false;
    map.put(i - from, offset);
  }
  return true;
}

/** True when the batch stands in the copy as it was. */
function copyBatch(batch: Batch, retention: RecordRetention, verdict: Verdict, cleaned: CleanedSegment): boolean {
  if (verdict === "whole") cleaned.addWhole(batch);
  else if (verdict === "filter") cleaned.addFiltered(batch, retention);
  else if (verdict === "empty") cleaned.addEmpty(batch);
  return verdict === "whole" || (verdict === "empty" && batch.recordCount === 0);
}

function discardQuietly(cleaned: CleanedSegment): void {
  try {
    cleaned.discard();
  } catch {
    // The next run removes it first.
  }
}

function cancelQuietly(swap: SegmentSwap): void {
  try {
    swap.cancel();
  } catch {
    // The next run removes what is left; what has happened before is the error that counts.
  }
}
