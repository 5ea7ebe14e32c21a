/**
 * Writes the segment that takes the place of others (`.cleaned`), through a buffer: whole batches as they are, filtered ones built
 * in place. Its index names every batch. Nothing of it counts before it was synced and renamed: see segment-swap.ts.
 */
import { type Batch, HEADER_BYTES, MAX_TIMESTAMP } from "../format/batch.ts";
import { filteredRoom, writeEmpty, writeFiltered } from "../format/filtered-batch.ts";
import { readInt64 } from "../format/integers.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import type { LogState } from "./log-state.ts";
import type { RecordRetention } from "./record-retention.ts";
import { Segment } from "./segment.ts";

const NO_TIMESTAMP = -1;
const BUFFER_BYTES = 256 * 1024;

export class CleanedSegment {
  readonly segment: Segment;
  recordCount = 0;
  readonly #state: LogState;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  #flushed = 0;

  /** What an earlier attempt has left is written over. */
  constructor(state: LogState, baseOffset: number) {
    this.#state = state;
    this.segment = new Segment(state.files, state.folder, baseOffset, true, "cleaned");
    this.segment.removeFiles();
  }

  get sizeInBytes(): number {
    return this.segment.size;
  }

  addWhole(batch: Batch): void {
    const { bytes, at, sizeInBytes } = batch;
    this.#reserve(sizeInBytes);
    this.#buffer.set(bytes.subarray(at, at + sizeInBytes), this.#buffered);
    this.#added(batch, this.#buffered + sizeInBytes, batch.recordCount);
  }

  addFiltered(batch: Batch, { table, keep, keptRecords, deleteHorizonMs }: RecordRetention): void {
    this.#reserve(filteredRoom(table));
    const end = writeFiltered(
      batch,
      table,
      keep,
      deleteHorizonMs,
      this.#buffer,
      this.#buffered,
      this.#state.files.native,
    );
    this.#added(batch, end, keptRecords);
  }

  addEmpty(batch: Batch): void {
    this.#reserve(HEADER_BYTES);
    this.#added(batch, writeEmpty(batch, this.#buffer, this.#buffered), 0);
  }

  /** Its files are on the disk afterwards, though not yet their names. */
  async finish(aborted: readonly AbortedTransaction[]): Promise<void> {
    const { segment } = this;
    this.#flush();
    segment.log.size();
    segment.seal();
    segment.isIndexed = true;
    segment.isTimeKnown = true;
    segment.writeIndexes();
    segment.transactionIndex.replace(aborted);
    await segment.log.sync();
    await segment.syncIndexes();
  }

  /** Nothing of it stays. */
  discard(): void {
    this.segment.close();
    this.segment.removeFiles();
  }

  #reserve(bytes: number): void {
    if (this.#buffered + bytes <= this.#buffer.length) return;
    this.#flush();
    if (bytes > this.#buffer.length) this.#buffer = new Uint8Array(bytes);
  }

  #added({ lastOffset }: Batch, end: number, records: number): void {
    const maxTimestamp = records === 0 ? NO_TIMESTAMP : readInt64(this.#buffer, this.#buffered + MAX_TIMESTAMP);
    const { segment } = this;
    const interval = this.#state.config.indexIntervalBytes;
    segment.note(segment.size, end - this.#buffered, lastOffset, maxTimestamp, interval);
    this.#buffered = end;
    this.recordCount += records;
  }

  #flush(): void {
    if (this.#buffered > 0) this.segment.log.write(this.#buffer, 0, this.#buffered, this.#flushed);
    this.#flushed += this.#buffered;
    this.#buffered = 0;
  }
}
