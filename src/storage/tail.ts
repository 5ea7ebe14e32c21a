/**
 * The batches that a log was given last, for who waits at its end: what wakes a reader need not come from the file.
 *
 * Only what was written is copied, only while somebody waits, and never more than MAX_BYTES: who is further behind reads the file.
 * Every reader gets memory of its own, as with any other read. The bytes have not left memory since they were given their checksum,
 * so it is not computed again.
 */
import { Batch, claimedSize, LAST_OFFSET_DELTA } from "../format/batch.ts";
import type { SealedBatch } from "../format/batch-builder.ts";
import { readInt32, readInt64 } from "../format/integers.ts";
import type { Native } from "../native.ts";
import { type ChunkMemory, FRESH_MEMORY } from "./chunk.ts";

/** A full batch of a producer that lingers, and the next one. */
const MAX_BYTES = 40 * 1024;

/** Thousands of partitions may have somebody waiting: more than this is let go when less will do. */
const SMALL_BYTES = 1024;

const EMPTY = new Uint8Array(0);

export class Tail {
  /** What is appended next is to be noted. */
  isWanted = false;
  /** One batch behind the other. */
  #bytes = EMPTY;
  #length = 0;
  /** Where they begin in the segment's file. */
  #position = 0;
  #baseOffset = 0;
  #nextOffset = 0;
  /** The first reader has been given all; a slower one has time until the next append. */
  #isRead = true;

  /** A reader has come to `offset`, and waits for what is appended there. */
  want(offset: number): void {
    if (offset < this.#nextOffset) return;
    this.isWanted = true;
    this.#isRead = true;
  }

  /** Takes a batch that was written at `position`. */
  note({ bytes, start, end }: SealedBatch, position: number, baseOffset: number): void {
    const isNext = position === this.#position + this.#length && baseOffset === this.#nextOffset;
    if (this.#isRead || !isNext) this.#begin(position, baseOffset, end - start);
    const length = this.#length + end - start;
    if (length > MAX_BYTES) {
      this.forget();
      return;
    }
    this.#makeRoom(length);
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    this.#length = length;
    this.#nextOffset = baseOffset + readInt32(bytes, start + LAST_OFFSET_DELTA) + 1;
  }

  /** See LogReader.read; undefined when what holds `offset` is not here. */
  read(offset: number, maxBytes: number, limit: number, memory = FRESH_MEMORY, native?: Native): Batch[] | undefined {
    if (!(offset >= this.#baseOffset && offset < this.#nextOffset)) return undefined;
    const from = this.#find(offset);
    const to =
      limit < this.#nextOffset || this.#length - from > maxBytes ? this.#cut(from, maxBytes, limit) : this.#length;
    return this.#copy(from, to, memory, native);
  }

  /** Something was cut or deleted, or there is too much. */
  forget(): void {
    this.isWanted = false;
    this.#bytes = EMPTY;
    this.#length = 0;
    this.#baseOffset = 0;
    this.#nextOffset = 0;
  }

  #begin(position: number, baseOffset: number, size: number): void {
    this.#isRead = false;
    this.#position = position;
    this.#baseOffset = baseOffset;
    this.#length = 0;
    if (size <= SMALL_BYTES && this.#bytes.length > SMALL_BYTES) this.#bytes = EMPTY;
  }

  #makeRoom(length: number): void {
    if (this.#bytes.length >= length) return;
    const grown = Buffer.allocUnsafeSlow(length <= SMALL_BYTES ? SMALL_BYTES : Math.min(2 * length, MAX_BYTES));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  /** Where the batch stands that holds `offset`. */
  #find(offset: number): number {
    let at = 0;
    while (this.#lastOffsetAt(at) < offset) at += this.#sizeAt(at);
    return at;
  }

  /** Where a reader stops who has begun at `from`. */
  #cut(from: number, maxBytes: number, limit: number): number {
    let at = from + this.#sizeAt(from);
    while (at < this.#length && at - from < maxBytes && readInt64(this.#bytes, at) < limit) at += this.#sizeAt(at);
    return at;
  }

  #copy(from: number, to: number, memory: ChunkMemory, native: Native | undefined): Batch[] {
    const bytes = memory.take(to - from);
    bytes.set(this.#bytes.subarray(from, to));
    const batches: Batch[] = [];
    for (let at = 0; at < to - from; ) {
      const batch = new Batch(bytes, at, native);
      batch.position = this.#position + from + at;
      batches.push(batch);
      at += batch.sizeInBytes;
    }
    return batches;
  }

  #sizeAt(at: number): number {
    return claimedSize(this.#bytes, at);
  }

  #lastOffsetAt(at: number): number {
    return readInt64(this.#bytes, at) + readInt32(this.#bytes, at + LAST_OFFSET_DELTA);
  }
}
