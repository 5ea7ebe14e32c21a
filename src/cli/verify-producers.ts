/**
 * Holds what lies beside a log about its producers against the log itself: the `.snapshot` files, and the aborted
 * transactions of the `.txnindex` files.
 *
 * The state of the producers is followed batch by batch. Once that cannot be done any more (bytes are lost, or compaction
 * has taken batches) the files are still read and checked by themselves.
 */
import type { Batch } from "../format/batch.ts";
import { type ProducerSnapshotEntry, readProducerSnapshot } from "../format/snapshots.ts";
import * as transactionIndex from "../format/transaction-index.ts";
import { join, segmentFile } from "../storage/paths.ts";
import { type CompletedTransaction, ProducerState } from "../storage/producer-state.ts";
import { judgeEntries, positionOfEntry, readEntries } from "./index-entries.ts";
import type { Verification } from "./verification.ts";

/** What of a producer's state the log alone determines. */
const FIELDS = ["epoch", "lastSequence", "lastOffset", "currentTxnFirstOffset"] as const;

export class ProducerCheck {
  readonly #verification: Verification;
  readonly #folder: string;
  /** That are still ahead, ascending. */
  readonly #snapshots: number[];
  #state: ProducerState | undefined;
  /** Of the segment that the walk is in. */
  #aborted: CompletedTransaction[] = [];

  /** `isWhole`: no batch may be missing between the log's first and its last. */
  constructor(verification: Verification, folder: string, snapshots: number[], startOffset: number, isWhole: boolean) {
    this.#verification = verification;
    this.#folder = folder;
    this.#snapshots = [...snapshots];
    if (isWhole && startOffset === 0) this.#state = new ProducerState();
    if (isWhole && startOffset > 0 && snapshots.includes(startOffset)) {
      this.#state = this.#readState(startOffset);
    }
  }

  /** The next batch of the log, which is good. */
  note(batch: Batch): void {
    this.#meetSnapshots(batch.baseOffset);
    const completed = this.#state && this.#update(batch);
    if (completed?.isAborted) this.#aborted.push(completed);
  }

  /** Bytes are lost: what they said of producers is not known. */
  loseTrack(): void {
    this.#state = undefined;
  }

  /** The walk leaves a segment. `isComplete`: nobody has entries in memory that are still to be written. */
  finishSegment(baseOffset: number, endOffset: number, isComplete: boolean): void {
    const path = join(this.#folder, segmentFile(baseOffset, "txnindex"));
    const bytes = this.#verification.read(path);
    if (bytes !== undefined || isComplete) this.#checkAborted(path, bytes ?? NONE, baseOffset, endOffset);
    this.#aborted = [];
  }

  /** The log is over. */
  finish(endOffset: number): void {
    this.#meetSnapshots(endOffset);
    for (const offset of this.#snapshots.splice(0)) {
      this.#readEntries(offset);
      this.#verification.report(this.#pathOf(offset), 0, `it is of offset ${offset}, but the log ends at ${endOffset}`);
    }
  }

  #update(batch: Batch): CompletedTransaction | undefined {
    try {
      return this.#state?.update(batch);
    } catch {
      // A marker whose record is damaged: reported with the batch.
      this.#state = undefined;
      return undefined;
    }
  }

  // ---- snapshots

  #meetSnapshots(offset: number): void {
    while (this.#snapshots.length > 0 && this.#snapshots[0] <= offset) {
      const at = this.#snapshots.shift() as number;
      const entries = this.#readEntries(at);
      if (entries && at === offset) this.#compare(at, entries);
    }
  }

  #compare(offset: number, entries: ProducerSnapshotEntry[]): void {
    if (this.#state === undefined) return;
    // Producers expire, and the log's first ones may be gone: only those that both know can be compared.
    const known = new Map(readProducerSnapshot(this.#state.toSnapshot()).map((entry) => [entry.producerId, entry]));
    for (const entry of entries) {
      const expected = known.get(entry.producerId);
      const field = expected && FIELDS.find((name) => entry[name] !== expected[name]);
      if (field === undefined) continue;
      const message = `producer ${entry.producerId} has ${field} ${entry[field]}, but the log says ${expected![field]}`;
      this.#verification.report(this.#pathOf(offset), 0, message);
    }
  }

  #readEntries(offset: number): ProducerSnapshotEntry[] | undefined {
    const path = this.#pathOf(offset);
    const bytes = this.#verification.read(path);
    return bytes && this.#verification.try(path, () => readProducerSnapshot(bytes, this.#verification.shown(path)));
  }

  #readState(offset: number): ProducerState | undefined {
    const bytes = this.#verification.files.read(this.#pathOf(offset));
    try {
      return bytes && ProducerState.fromSnapshot(bytes);
    } catch {
      return undefined;
    }
  }

  #pathOf(offset: number): string {
    return join(this.#folder, segmentFile(offset, "snapshot"));
  }

  // ---- aborted transactions

  #checkAborted(path: string, bytes: Uint8Array, baseOffset: number, endOffset: number): void {
    const entries = readEntries("txnindex", bytes, baseOffset);
    const expected = new Map(this.#aborted.map((aborted) => [aborted.lastOffset, aborted]));
    for (const { index, problem } of judgeEntries(entries)) {
      const report = (error: string) => this.#verification.report(path, positionOfEntry(entries, index), error);
      if (problem !== undefined) {
        report(problem);
        continue;
      }
      const entry = transactionIndex.readEntry(bytes, index);
      const aborted = expected.get(entry.lastOffset);
      if (entry.lastOffset >= endOffset) report(`offset ${entry.lastOffset} lies past the segment's end, ${endOffset}`);
      else if (this.#state === undefined) continue;
      else if (aborted === undefined) report(`no transaction was aborted at offset ${entry.lastOffset}`);
      else if (!isSame(entry, aborted)) report(`${JSON.stringify(entry)} is not what the log says: ${tell(aborted)}`);
      expected.delete(entry.lastOffset);
    }
    if (this.#state === undefined) return;
    for (const aborted of expected.values())
      this.#verification.report(path, bytes.length, `an aborted transaction is missing: ${tell(aborted)}`);
  }
}

const NONE = new Uint8Array(0);

function isSame(entry: transactionIndex.AbortedTransaction, aborted: CompletedTransaction): boolean {
  return (
    entry.producerId === aborted.producerId &&
    entry.firstOffset === aborted.firstOffset &&
    entry.lastStableOffset === aborted.lastStableOffset
  );
}

function tell({ isAborted: _, ...entry }: CompletedTransaction): string {
  return JSON.stringify(entry);
}
