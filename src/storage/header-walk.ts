/**
 * Walks the headers of a segment one after the other and leaves the records alone: a thousandth of the bytes where batches are large.
 * What a header says is not checked, so whoever believes it holds it against something else: the header behind it, an index, or
 * the batch as a whole.
 */
import { Batch, claimedSize, HEADER_BYTES, MAGIC, MAX_TIMESTAMP, RECORD_COUNT } from "../format/batch.ts";
import { readInt32, readInt64 } from "../format/integers.ts";
import type { File } from "./files.ts";

/** Batches smaller than this are read together: a call for each would cost more than the bytes between the headers. */
const SMALL_BYTES = 4096;
const WINDOW_BYTES = 64 * 1024;

export class HeaderWalk {
  /** Where the next header stands. */
  position: number;
  readonly #file: File;
  readonly #end: number;
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES);
  #windowAt = 0;
  #windowEnd = 0;
  #lastSize = 0;

  constructor(file: File, position: number, end: number) {
    this.#file = file;
    this.position = position;
    this.#end = end;
  }

  /** Every header up to the end was walked; false also where one was none. */
  get isAtEnd(): boolean {
    return this.position === this.#end;
  }

  /** Valid until the next call. Undefined at the end, and where no header of a batch that ends in time stands. */
  next(): Batch | undefined {
    const { position } = this;
    const at = this.#step();
    if (at < 0) return undefined;
    const batch = new Batch(this.#window, at);
    batch.position = position;
    const { baseOffset, lastOffset, recordCount } = batch;
    const isPlausible = baseOffset >= 0 && recordCount >= 0 && recordCount <= lastOffset - baseOffset + 1;
    if (isPlausible && lastOffset >= baseOffset) return batch;
    this.position = position;
    return undefined;
  }

  /** The largest timestamp of the next `limit` batches, −1 when none has one. */
  largestTimestamp(limit: number): number {
    const window = this.#window;
    let largest = -1;
    for (let count = 0; count < limit; count++) {
      const at = this.#step();
      if (at < 0) break;
      const timestamp = readInt64(window, at + MAX_TIMESTAMP);
      if (timestamp > largest && Number.isSafeInteger(timestamp) && readInt32(window, at + RECORD_COUNT) > 0)
        largest = timestamp;
    }
    return largest;
  }

  /** Where the next header lies in the window, and past it; −1 when there is none. */
  #step(): number {
    const { position } = this;
    const end = this.#end;
    if (position + HEADER_BYTES > end || !this.#holds(position)) return -1;
    const at = position - this.#windowAt;
    const size = claimedSize(this.#window, at);
    if (size < HEADER_BYTES || position + size > end || this.#window[at + MAGIC] !== 2) return -1;
    this.position = position + size;
    this.#lastSize = size;
    return at;
  }

  #holds(position: number): boolean {
    if (position >= this.#windowAt && position + HEADER_BYTES <= this.#windowEnd) return true;
    const want = this.#lastSize < SMALL_BYTES ? WINDOW_BYTES : HEADER_BYTES;
    this.#windowAt = position;
    this.#windowEnd = position + this.#file.read(this.#window, 0, Math.min(want, this.#end - position), position);
    return position + HEADER_BYTES <= this.#windowEnd;
  }
}
