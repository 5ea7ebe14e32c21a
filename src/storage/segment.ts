/**
 * One segment of a partition: a `.log` file of batches and its two sparse indexes.
 *
 * The index rule is Kafka's: before a batch, when more than `indexIntervalBytes` have been written since the last entry, add
 * (last offset of the batch, its position), then a time entry (largest timestamp so far, last offset of the batch that
 * holds it). A final time entry closes the segment.
 *
 * A segment that compaction has written is dense: its index names every batch, the first one too, at position 0, which the
 * rule above never does. By that it is known, and by that its base offsets, which no checksum covers, have a witness.
 *
 * The segment keeps to its own bytes: it appends where its good bytes end, cuts a failed write back to there, and finds
 * where to start reading. What to do about damage is decided above it.
 */
import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import * as offsetIndex from "../format/offset-index.ts";
import * as timeIndex from "../format/time-index.ts";
import { type Chunk, type ChunkMemory, readChunk, sizeOfBatchAt } from "./chunk.ts";
import type { File, Files } from "./files.ts";
import { IndexFile } from "./index-file.ts";
import { join, SEGMENT_FILES, type SegmentFileKind, segmentFile, withState } from "./paths.ts";
import { sizeWithRoom } from "./preallocation.ts";
import { TransactionIndexFile } from "./transaction-index-file.ts";

/** Positions and relative offsets in the indexes have 31 bits. */
export const MAX_SEGMENT_BYTES = 0x7fffffff;

const NO_TIMESTAMP = -1;

/** What is written ahead at a time. */
const ZEROS = new Uint8Array(1024 * 1024);

/** What its files are called: "cleaned" while compaction writes it, "swap" until it is in its place. */
export type SegmentState = "live" | "cleaned" | "swap";

/** The files that go with a segment; a snapshot stands for itself. */
const OWN_FILES = SEGMENT_FILES.filter((kind) => kind !== "snapshot");

export class Segment {
  readonly baseOffset: number;
  /** The good bytes: everything behind is not there. */
  size = 0;
  /** The offset behind the last good batch. */
  endOffset: number;
  maxTimestamp = NO_TIMESTAMP;
  /** When it got its first record, wall clock; what `segmentMs` counts from. */
  startedMs = 0;
  /** The indexes are in memory, and complete. */
  isIndexed = false;
  /** `maxTimestamp` is that of the log itself, not just what an index says. */
  isTimeKnown = false;
  readonly offsetIndex: IndexFile;
  readonly timeIndex: IndexFile;
  readonly transactionIndex: TransactionIndexFile;
  readonly #files: Files;
  readonly #folder: string;
  readonly #writable: boolean;
  #state: SegmentState;
  /** Whether the offset index names every batch. Undefined: not looked at. */
  #isDense: boolean | undefined;
  #log: File | undefined;
  #maxTimestampOffset: number;
  #bytesSinceEntry = 0;
  /** A failed write may have left bytes behind `size` that could not be cut yet. */
  #hasTail = false;
  /** The file has been made so long, with zeros behind `size`; 0 when it ends there. */
  #sizeWithRoom = 0;
  /** Where there is none it is not asked for again in this segment. */
  #isRoomRefused = false;
  /** Up to here zeros were written to the room. */
  #zerosEnd = 0;
  #isClosed = false;

  constructor(files: Files, folder: string, baseOffset: number, writable: boolean, state: SegmentState = "live") {
    this.#files = files;
    this.#folder = folder;
    this.#writable = writable;
    this.#state = state;
    this.baseOffset = baseOffset;
    this.endOffset = baseOffset;
    this.#maxTimestampOffset = baseOffset;
    if (state === "cleaned") this.#isDense = true;
    this.offsetIndex = new IndexFile(files, this.pathOf("index"), offsetIndex.ENTRY_BYTES);
    this.timeIndex = new IndexFile(files, this.pathOf("timeindex"), timeIndex.ENTRY_BYTES);
    this.transactionIndex = new TransactionIndexFile(files, this.pathOf("txnindex"));
  }

  /** Of the `.log`. */
  get path(): string {
    return this.pathOf("log");
  }

  get state(): SegmentState {
    return this.#state;
  }

  pathOf(kind: SegmentFileKind, state = this.#state): string {
    const path = join(this.#folder, segmentFile(this.baseOffset, kind));
    return state === "live" ? path : withState(path, state);
  }

  /** Closed for good: the log is, or the segment was deleted. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether its offset index names every batch, because compaction wrote it. */
  get isDense(): boolean {
    this.#isDense ??= this.#looksDense();
    return this.#isDense;
  }

  /** What the index of a dense segment has for the batch at a position. It stays as it is when the index is made anew. */
  witness(): DenseIndex | undefined {
    if (!this.isDense || (this.offsetIndex.count === 0 && !this.loadIndexes())) return undefined;
    return new DenseIndex(this.offsetIndex.bytes, this.offsetIndex.count, this.baseOffset);
  }

  get log(): File {
    if (this.#isClosed) throw new VarveError("VARVE_CLOSED", `the segment ${this.path} is closed`, { file: this.path });
    this.#log ??= this.#files.open(this.path, this.#writable ? "write" : "read");
    return this.#log;
  }

  /**
   * Writes a placed batch behind the last one. When that fails, no byte of it stays. The file gets room for others in advance, up to
   * `roomBytes` at the most.
   */
  append(batch: SealedBatch, lastOffset: number, interval: number, roomBytes = 0): void {
    const { bytes, start, end, maxTimestamp } = batch;
    const size = end - start;
    if (this.#hasTail) this.trim();
    try {
      if (this.size + size > this.#sizeWithRoom) this.#makeRoom(this.size + size, roomBytes);
      if (batch.lacksChecksum) this.log.writeSealed(bytes, start, size, this.size);
      else this.log.write(bytes, start, size, this.size);
    } catch (error) {
      this.#hasTail = true;
      try {
        this.trim();
      } catch {
        // The next append tries again first, and fails when it can't: the write's own error is the one to report.
      }
      throw error;
    }
    this.note(this.size, size, lastOffset, maxTimestamp, interval);
  }

  /**
   * Blocks that were never written to cost the sync that covers them a note of the file system's: twice the time (ext4). So zeros go to
   * the room before the batches do, a part of it at a time.
   */
  writeZerosAhead(): void {
    if (this.size <= this.#zerosEnd || this.size >= this.#sizeWithRoom) return;
    const end = Math.min(this.size + ZEROS.length, this.#sizeWithRoom);
    this.#zerosEnd = end;
    try {
      this.log.write(ZEROS, 0, end - this.size, this.size);
    } catch {
      // There are zeros already. What is wrong with the disk the next append, or the sync, will tell.
    }
  }

  /** Takes a batch that stands in the log into account: size, end, timestamps and, when due, an index entry. */
  note(position: number, size: number, lastOffset: number, maxTimestamp: number, interval: number): void {
    if (maxTimestamp > this.maxTimestamp && Number.isSafeInteger(maxTimestamp)) {
      this.maxTimestamp = maxTimestamp;
      this.#maxTimestampOffset = lastOffset;
    }
    const isDue = this.#bytesSinceEntry > interval;
    if (isDue || this.#isDense) this.#addOffsetEntry(lastOffset, position);
    if (isDue) {
      this.#addTimeEntry();
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += size;
    this.size = position + size;
    this.endOffset = lastOffset + 1;
  }

  /** Forgets what `note` has gathered, to gather it again from the start. */
  forget(): void {
    this.isIndexed = false;
    this.isTimeKnown = false;
    this.size = 0;
    this.endOffset = this.baseOffset;
    this.maxTimestamp = NO_TIMESTAMP;
    this.#maxTimestampOffset = this.baseOffset;
    this.#bytesSinceEntry = 0;
    this.offsetIndex.clear();
    this.timeIndex.clear();
  }

  /** Takes the entries of the index files that can be true. False when one is missing. */
  loadIndexes(): boolean {
    const { baseOffset, size } = this;
    const endOffset = this.endOffset > baseOffset ? this.endOffset : Number.POSITIVE_INFINITY;
    const hasOffsets = this.offsetIndex.load((bytes, length) =>
      offsetIndex.validPrefix(bytes, length, baseOffset, endOffset, size),
    );
    const hasTimes = this.timeIndex.load((bytes, length) =>
      timeIndex.validPrefix(bytes, length, baseOffset, endOffset),
    );
    return hasOffsets && hasTimes;
  }

  /** Takes up where the loaded indexes end. */
  restore(): void {
    const last = this.locate(Number.MAX_SAFE_INTEGER);
    this.#bytesSinceEntry = this.size - last.position;
    if (this.isTimeKnown) return;
    const time = this.locateTimestamp(Number.POSITIVE_INFINITY);
    this.maxTimestamp = time?.timestamp ?? NO_TIMESTAMP;
    this.#maxTimestampOffset = time?.offset ?? this.baseOffset;
  }

  /** How many index entries there are at the most, so that a roll comes before an index is full. */
  get indexBytes(): number {
    return Math.max(this.offsetIndex.count * offsetIndex.ENTRY_BYTES, this.timeIndex.count * timeIndex.ENTRY_BYTES);
  }

  /** The nearest known batch that ends at or before `offset`; `lastOffset` is undefined at the start of the segment. */
  locate(offset: number): { position: number; lastOffset: number | undefined } {
    const { bytes, count } = this.offsetIndex;
    const index = offsetIndex.search(bytes, count, this.baseOffset, offset);
    if (index < 0) return { position: 0, lastOffset: undefined };
    return {
      position: offsetIndex.positionAt(bytes, index),
      lastOffset: offsetIndex.offsetAt(bytes, index, this.baseOffset),
    };
  }

  /** The last time entry before `timestamp`: from its offset on a timestamp at or past that one may stand. */
  locateTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    const { bytes, count } = this.timeIndex;
    const index = timeIndex.search(bytes, count, timestamp - 1);
    if (index < 0) return undefined;
    return {
      offset: timeIndex.offsetAt(bytes, index, this.baseOffset),
      timestamp: timeIndex.timestampAt(bytes, index),
    };
  }

  /**
   * Where a search for `timestamp` may start: one entry before the last one that is too early. Should a flipped bit have moved
   * that entry on, the one behind it still says that nothing up to there is late enough.
   */
  timeBefore(timestamp: number): { offset: number; timestamp: number } | undefined {
    const last = this.locateTimestamp(timestamp);
    return last && this.locateTimestamp(last.timestamp);
  }

  read(position: number, maxBytes: number, memory?: ChunkMemory): Chunk {
    return readChunk(this.log, position, this.size, maxBytes, memory);
  }

  /** Whether a batch is the one that an index entry speaks of. */
  static confirms(entry: { position: number; lastOffset: number | undefined }, batch: Batch | undefined): boolean {
    return entry.lastOffset === undefined || batch?.lastOffset === entry.lastOffset;
  }

  /** Nothing more will be appended: the final time entry. */
  seal(): void {
    this.#addTimeEntry();
  }

  /** Cuts everything from `position` on, a batch boundary; `endOffset` is the offset that stood there. */
  truncate(position: number, endOffset: number): void {
    this.log.truncate(position);
    this.size = position;
    this.endOffset = endOffset;
    this.#hasTail = false;
    this.#sizeWithRoom = 0;
    this.#zerosEnd = 0;
    // It may be appended to from now on.
    this.#isDense = false;
  }

  /** Cuts off what is behind the good bytes: room, and what a failed write may have left. False when there is nothing. */
  trim(): boolean {
    if (!this.#hasTail && this.#sizeWithRoom <= this.size) return false;
    this.log.truncate(this.size);
    this.#hasTail = false;
    this.#sizeWithRoom = 0;
    this.#zerosEnd = 0;
    return true;
  }

  writeIndexes(): void {
    this.offsetIndex.write();
    this.timeIndex.write();
  }

  async syncIndexes(): Promise<void> {
    await this.offsetIndex.sync();
    await this.timeIndex.sync();
    await this.transactionIndex.sync();
  }

  /** A sealed segment whose index files are written needs its entries in memory no longer: a large log has many. */
  releaseIndexes(): void {
    this.isIndexed = false;
    this.offsetIndex.release();
    this.timeIndex.release();
    this.transactionIndex.close();
  }

  /** For good. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  /**
   * Renames its files, those that it has, so that what failed half-way can be tried again. The log goes last: while it is
   * not in its place, the segment is not.
   */
  moveTo(state: SegmentState): void {
    this.#letGo();
    for (const kind of [...OWN_FILES].reverse()) {
      const from = this.pathOf(kind);
      if (this.#files.stat(from) !== undefined) this.#files.rename(from, this.pathOf(kind, state));
    }
    this.#state = state;
    this.offsetIndex.path = this.pathOf("index");
    this.timeIndex.path = this.pathOf("timeindex");
    this.transactionIndex.path = this.pathOf("txnindex");
  }

  /**
   * Renames that of aborted transactions alone; `moveTo` does the rest. The other indexes are made anew where they are missing, this one
   * is not looked for: its name must be on the disk before that of the log. False when there is none.
   */
  moveTransactionIndex(state: SegmentState): boolean {
    const to = this.pathOf("txnindex", state);
    if (this.#files.stat(this.transactionIndex.path) === undefined) return this.#files.stat(to) !== undefined;
    this.transactionIndex.close();
    this.#files.rename(this.transactionIndex.path, to);
    return true;
  }

  /** Removes its files. The `.log` goes first: what is left of the others after a crash is nothing without it. */
  removeFiles(state = this.#state): void {
    for (const kind of OWN_FILES) this.#files.remove(this.pathOf(kind, state));
  }

  /** Another object for the same file: this one is closed, but the file could not be removed. */
  reopened(): Segment {
    const segment = new Segment(this.#files, this.#folder, this.baseOffset, this.#writable, this.#state);
    segment.size = this.size;
    segment.endOffset = this.endOffset;
    segment.startedMs = this.startedMs;
    segment.#sizeWithRoom = this.#sizeWithRoom;
    return segment;
  }

  #makeRoom(end: number, roomBytes: number): void {
    const size = this.#isRoomRefused ? end : sizeWithRoom(end, roomBytes);
    if (size <= end) return;
    this.#isRoomRefused = !this.log.allocate(size);
    if (!this.#isRoomRefused) this.#sizeWithRoom = size;
  }

  #letGo(): void {
    const log = this.#log;
    this.#log = undefined;
    try {
      log?.close();
    } finally {
      this.offsetIndex.close();
      this.timeIndex.close();
      this.transactionIndex.close();
    }
  }

  #looksDense(): boolean {
    if (this.size === 0 || (this.offsetIndex.count === 0 && !this.loadIndexes())) return false;
    const { bytes, count } = this.offsetIndex;
    if (count === 0 || offsetIndex.positionAt(bytes, 0) !== 0) return false;
    const last = offsetIndex.positionAt(bytes, count - 1);
    // One entry of zeros may as well be one that did not get to the disk, and says nothing of the batch.
    if (last === 0 && offsetIndex.offsetAt(bytes, 0, this.baseOffset) === this.baseOffset) return false;
    return last + sizeOfBatchAt(this.log, last) === this.size;
  }

  #addOffsetEntry(lastOffset: number, position: number): void {
    const index = this.offsetIndex;
    offsetIndex.writeEntry(index.room(), index.count, this.baseOffset, lastOffset, position);
    index.count++;
  }

  /** Only when it tells something new: both columns ascend strictly. */
  #addTimeEntry(): void {
    const index = this.timeIndex;
    if (this.maxTimestamp === NO_TIMESTAMP) return;
    if (index.count > 0 && this.maxTimestamp <= timeIndex.timestampAt(index.bytes, index.count - 1)) return;
    timeIndex.writeEntry(index.room(), index.count, this.baseOffset, this.maxTimestamp, this.#maxTimestampOffset);
    index.count++;
  }
}

/** The entries of an index that names every batch. */
export class DenseIndex {
  readonly #bytes: Uint8Array;
  readonly #count: number;
  readonly #baseOffset: number;
  /** Batches are mostly asked for one after the other. */
  #next = 0;

  constructor(bytes: Uint8Array, count: number, baseOffset: number) {
    this.#bytes = bytes;
    this.#count = count;
    this.#baseOffset = baseOffset;
  }

  /** The last offset of the batch at `position`; undefined when none is named there. */
  lastOffsetAt(position: number): number | undefined {
    if (this.#next >= this.#count || offsetIndex.positionAt(this.#bytes, this.#next) !== position) {
      this.#next = offsetIndex.searchPosition(this.#bytes, this.#count, position);
      if (this.#next < 0 || offsetIndex.positionAt(this.#bytes, this.#next) !== position) {
        this.#next = 0;
        return undefined;
      }
    }
    return offsetIndex.offsetAt(this.#bytes, this.#next++, this.#baseOffset);
  }
}
