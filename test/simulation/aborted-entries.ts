/**
 * The `.txnindex` files of a directory, held against the logs beside them. This log itself goes by the markers; a broker that
 * takes a folder over goes by these.
 *
 * An abort marker whose transaction has batches left must have its entry. That begins at the first of these or before, yet
 * behind the producer's marker before it, or committed records would be left out. Of a transaction that has none left an
 * entry may be there or not: whoever appended its marker, or compacted the segment, knew the batches that are gone; a walk
 * over what is left does not. A search for what was aborted below an offset ends at the first entry whose last stable offset
 * is as high: that may lie before what was open at the marker, never behind it.
 */
import { Batch } from "../../src/format/batch.ts";
import { type AbortedTransaction, ENTRY_BYTES, readEntry } from "../../src/format/transaction-index.ts";
import { parentOf } from "../../src/storage/paths.ts";
import { readMarker } from "../../src/storage/producer-state.ts";

/** What is wrong with the first that is; undefined when none is. Takes what `partitionBytes` gives. */
export function wrongAbortedEntry(files: ReadonlyMap<string, string>): string | undefined {
  const logs = [...files.keys()].filter((path) => path.endsWith(".log")).sort();
  for (const folder of new Set(logs.map(parentOf))) {
    const partition = new LeftTransactions();
    for (const log of logs.filter((path) => parentOf(path) === folder)) {
      const index = log.replace(/log$/, "txnindex");
      const wrong = partition.wrongIn(batchesOf(files.get(log)!), entriesOf(files.get(index) ?? ""));
      if (wrong) return `${index} ${wrong}`;
    }
  }
  return undefined;
}

/** What is left of the transactions of a partition, as its segments are gone through. */
class LeftTransactions {
  /** Producers with an open transaction → the first batch that is left of it. */
  readonly #open = new Map<number, number>();
  /** Producers → their last marker. */
  readonly #ended = new Map<number, number>();

  wrongIn(batches: Iterable<Batch>, entries: readonly AbortedTransaction[]): string | undefined {
    const byMarker = new Map(entries.map((entry) => [entry.lastOffset, entry]));
    if (byMarker.size < entries.length) return "has two entries of one marker";
    for (const batch of batches) {
      if (batch.isControl) {
        const wrong = this.#wrongAt(batch, byMarker);
        if (wrong) return wrong;
      } else if (batch.isTransactional && !this.#open.has(batch.producerId)) {
        this.#open.set(batch.producerId, batch.baseOffset);
      }
    }
    const [stray] = byMarker.values();
    return stray && `has ${JSON.stringify(stray)}, but no abort marker is there`;
  }

  /** Takes the entry of the marker out of `byMarker`. */
  #wrongAt(marker: Batch, byMarker: Map<number, AbortedTransaction>): string | undefined {
    const { producerId, baseOffset } = marker;
    const { type } = readMarker(marker);
    if (type === "unknown") return undefined;
    const first = this.#open.get(producerId);
    const before = this.#ended.get(producerId) ?? -1;
    this.#open.delete(producerId);
    this.#ended.set(producerId, baseOffset);
    if (type === "commit") return undefined;
    const entry = byMarker.get(baseOffset);
    byMarker.delete(baseOffset);
    if (entry === undefined) {
      return first === undefined ? undefined : `lacks producer ${producerId}, ${first} to ${baseOffset}`;
    }
    const lastStable = Math.min(baseOffset + 1, ...this.#open.values());
    const isRight =
      entry.producerId === producerId &&
      entry.firstOffset > before &&
      entry.firstOffset <= (first ?? baseOffset) &&
      entry.lastStableOffset <= lastStable;
    if (isRight) return undefined;
    const truth = JSON.stringify({ producerId, before, first, lastStable });
    return `has ${JSON.stringify(entry)}, and the log ${truth}`;
  }
}

function* batchesOf(text: string): Generator<Batch> {
  const log = Buffer.from(text, "latin1");
  for (let position = 0; position < log.length; ) {
    const batch = new Batch(log, position);
    yield batch;
    position += batch.sizeInBytes;
  }
}

function entriesOf(text: string): AbortedTransaction[] {
  const bytes = Buffer.from(text, "latin1");
  return Array.from({ length: Math.ceil(bytes.length / ENTRY_BYTES) }, (_, index) => readEntry(bytes, index));
}
