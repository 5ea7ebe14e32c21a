/**
 * Holds the entries of a segment's indexes against its batches, as a walk over the log meets them.
 *
 * Each entry is looked at by itself, in the order of what it points at, so that a wrong one does not hide the others.
 */
import type { Batch } from "../format/batch.ts";
import * as offsetIndex from "../format/offset-index.ts";
import * as timeIndex from "../format/time-index.ts";
import { type IndexEntries, judgeEntries, positionOfEntry } from "./index-entries.ts";
import type { Verification } from "./verification.ts";

/** The entries that fit between their neighbours; the others are reported at once. */
class Entries {
  readonly path: string;
  readonly #verification: Verification;
  readonly #entries: IndexEntries;
  /** Entry indexes, ascending by what they point at. */
  readonly #order: Int32Array;
  #at = 0;

  constructor(verification: Verification, path: string, entries: IndexEntries, target: (index: number) => number) {
    this.path = path;
    this.#verification = verification;
    this.#entries = entries;
    const good: number[] = [];
    for (const { index, problem } of judgeEntries(entries)) {
      if (problem === undefined) good.push(index);
      else this.report(index, problem);
    }
    this.#order = Int32Array.from(good).sort((a, b) => target(a) - target(b));
  }

  get bytes(): Uint8Array {
    return this.#entries.bytes;
  }

  /** The entry to look at next; -1 when there is none. */
  get current(): number {
    return this.#at < this.#order.length ? this.#order[this.#at] : -1;
  }

  next(): void {
    this.#at++;
  }

  report(index: number, error: string): void {
    this.#verification.report(this.path, positionOfEntry(this.#entries, index), error);
  }
}

export class OffsetIndexCheck {
  readonly #entries: Entries;
  readonly #baseOffset: number;
  /** The most bytes that may lie between two entries, besides the batch between them; undefined: not known. */
  readonly #interval: number | undefined;
  #lastPosition = 0;
  #gapAt: number | undefined;

  constructor(verification: Verification, path: string, entries: IndexEntries, interval: number | undefined) {
    this.#baseOffset = entries.baseOffset;
    this.#interval = interval;
    this.#entries = new Entries(verification, path, entries, (index) => offsetIndex.positionAt(entries.bytes, index));
  }

  /** The next batch of the log. */
  note({ position, lastOffset }: Batch): void {
    this.#passTo(position);
    for (let index = this.#entries.current; index >= 0; index = this.#entries.current) {
      if (this.#positionAt(index) !== position) break;
      const offset = offsetIndex.offsetAt(this.#entries.bytes, index, this.#baseOffset);
      if (offset !== lastOffset)
        this.#entries.report(index, `it names offset ${offset} where the batch ends at ${lastOffset}`);
      this.#lastPosition = position;
      this.#entries.next();
    }
    if (this.#interval !== undefined && position - this.#lastPosition > this.#interval) this.#gapAt ??= position;
  }

  /** Bytes that are no batches: what points there is not to blame. */
  skip(from: number, to: number): void {
    this.#passTo(from);
    while (this.#entries.current >= 0 && this.#positionAt(this.#entries.current) < to) this.#entries.next();
    this.#lastPosition = to;
  }

  /** The log is over. `isComplete`: nobody has entries in memory that are still to be written. */
  finish(isComplete: boolean): void {
    this.#passTo(Number.POSITIVE_INFINITY);
    if (isComplete && this.#gapAt !== undefined)
      this.#entries.report(0, `entries are missing: none leads to the batch at position ${this.#gapAt}`);
  }

  #passTo(position: number): void {
    for (let index = this.#entries.current; index >= 0; index = this.#entries.current) {
      if (this.#positionAt(index) >= position) return;
      this.#entries.report(index, `no batch starts at position ${this.#positionAt(index)}`);
      this.#entries.next();
    }
  }

  #positionAt(index: number): number {
    return offsetIndex.positionAt(this.#entries.bytes, index);
  }
}

export class TimeIndexCheck {
  readonly #entries: Entries;
  readonly #baseOffset: number;
  /** Entries of brokers before 3.x may name any offset of the batch; ours name the last one. */
  readonly #isOurs: boolean;
  #maxTimestamp = -1;
  #indexed = -1;

  constructor(verification: Verification, path: string, entries: IndexEntries, isOurs: boolean) {
    const { bytes, baseOffset } = entries;
    this.#baseOffset = baseOffset;
    this.#isOurs = isOurs;
    this.#entries = new Entries(verification, path, entries, (index) => timeIndex.offsetAt(bytes, index, baseOffset));
  }

  note(batch: Batch): void {
    this.#passTo(batch.baseOffset);
    const { maxRecordTimestamp: maxTimestamp, lastOffset } = batch;
    if (Number.isSafeInteger(maxTimestamp) && maxTimestamp > this.#maxTimestamp) this.#maxTimestamp = maxTimestamp;
    for (let index = this.#entries.current; index >= 0; index = this.#entries.current) {
      const offset = this.#offsetAt(index);
      if (offset > lastOffset) return;
      const timestamp = timeIndex.timestampAt(this.#entries.bytes, index);
      if (this.#isOurs && offset !== lastOffset)
        this.#entries.report(index, `it names offset ${offset}, inside the batch that ends at ${lastOffset}`);
      else if (timestamp !== maxTimestamp)
        this.#entries.report(index, `it says ${timestamp} of the batch whose largest timestamp is ${maxTimestamp}`);
      else if (timestamp < this.#maxTimestamp)
        this.#entries.report(index, `it says ${timestamp}, but ${this.#maxTimestamp} stands before that batch`);
      this.#indexed = Math.max(this.#indexed, timestamp);
      this.#entries.next();
    }
  }

  /** Offsets that are lost: what points there is not to blame. */
  skip(from: number, to: number): void {
    this.#passTo(from);
    while (this.#entries.current >= 0 && this.#offsetAt(this.#entries.current) < to) {
      this.#indexed = Math.max(this.#indexed, timeIndex.timestampAt(this.#entries.bytes, this.#entries.current));
      this.#entries.next();
    }
  }

  finish(isComplete: boolean): void {
    this.#passTo(Number.POSITIVE_INFINITY);
    if (isComplete && this.#indexed < this.#maxTimestamp)
      this.#entries.report(0, `entries are missing: none has the largest timestamp, ${this.#maxTimestamp}`);
  }

  #passTo(offset: number): void {
    for (let index = this.#entries.current; index >= 0; index = this.#entries.current) {
      if (this.#offsetAt(index) >= offset) return;
      this.#entries.report(index, `no batch holds offset ${this.#offsetAt(index)}`);
      this.#entries.next();
    }
  }

  #offsetAt(index: number): number {
    return timeIndex.offsetAt(this.#entries.bytes, index, this.#baseOffset);
  }
}
