/**
 * Which transactions of a log were aborted.
 *
 * The truth is the markers in the log. Before a reader is told what to leave out, the segments concerned are walked, once
 * each, from the nearest producer snapshot on; a `.txnindex` is a witness, not the source, since nothing in it is checksummed.
 *
 * Damage may have swallowed a marker. Then its transaction is left out unless two witnesses say that it was committed: the
 * marker's own type, as far as it can be read, and a transaction index without an entry for it.
 */
import { ATTRIBUTES, BATCH_LENGTH, CONTROL, HEADER_BYTES, LOG_OVERHEAD, PRODUCER_ID } from "../format/batch.ts";
import { readInt16, readInt32, readInt64 } from "../format/integers.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import * as transactionIndex from "../format/transaction-index.ts";
import { type LogState, structureIn } from "./log-state.ts";
import { join, segmentFile } from "./paths.ts";
import type { CompletedTransaction, ProducerState } from "./producer-state.ts";
import { type Damage, isDamage, scanBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { nearestSnapshot } from "./snapshot-files.ts";

/** A marker without its header: one record with a key of 4 bytes and a value of 6. */
const MARKER_BYTES = HEADER_BYTES + 17;
/** Where the type stands in a marker: behind the record's length, attributes, two deltas, the key's length and its version. */
const MARKER_TYPE = HEADER_BYTES + 5 + 2;
const COMMIT = 1;

export class AbortedTransactions {
  readonly #state: LogState;
  readonly #bySegment = new Map<Segment, AbortedTransaction[]>();

  constructor(state: LogState) {
    this.#state = state;
  }

  /** Those with a record in [from, to), in the order of their markers. */
  between(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (const segment of this.#state.segments.from(from)) {
      for (const aborted of this.#in(segment)) {
        if (aborted.lastOffset >= from && aborted.firstOffset < to) found.push(aborted);
        if (aborted.lastStableOffset >= to) return found;
      }
    }
    return found;
  }

  /** A marker was appended. */
  note(segment: Segment, completed: CompletedTransaction): void {
    if (completed.isAborted) this.#bySegment.get(segment)?.push(completed);
  }

  forget(): void {
    this.#bySegment.clear();
  }

  #in(segment: Segment): AbortedTransaction[] {
    let aborted = this.#bySegment.get(segment);
    if (aborted === undefined) {
      aborted = this.#gather(segment);
      this.#bySegment.set(segment, aborted);
    }
    return aborted;
  }

  #gather(segment: Segment): AbortedTransaction[] {
    const aborted: AbortedTransaction[] = [];
    const { producers, offset } = nearestSnapshot(this.#state, segment.baseOffset);
    const end = this.#state.segments.after(segment)?.baseOffset ?? this.#state.endOffset;
    for (const completed of replay(this.#state, producers, offset, end)) {
      if (completed?.isAborted && completed.lastOffset >= segment.baseOffset) aborted.push(completed);
    }
    return aborted;
  }
}

/**
 * Brings `producers`, the state as of `from`, up to `to`. Yields after each batch, with the transaction that it completed if it
 * did, so that the caller can pause.
 */
export function* replay(
  state: LogState,
  producers: ProducerState,
  from: number,
  to: number,
): Generator<CompletedTransaction | undefined> {
  for (const segment of state.segments.from(from)) {
    if (segment.baseOffset >= to) return;
    const structure = structureIn(state, segment, segment.baseOffset);
    for (const scanned of scanBatches(segment.log, 0, segment.size, structure)) {
      if (isDamage(scanned)) {
        if (scanned.from >= from) yield* settle(state, segment, scanned, producers);
      } else if (scanned.baseOffset >= to) {
        return;
      } else if (scanned.baseOffset >= from) {
        yield producers.update(scanned);
      }
    }
  }
}

/** Ends the transactions whose marker may have been among the damaged bytes. */
function* settle(
  state: LogState,
  segment: Segment,
  damage: Damage,
  producers: ProducerState,
): Generator<CompletedTransaction> {
  const marker = readDamagedMarker(segment, damage);
  if (marker === undefined) return;
  const named = producers.openProducers.filter((producerId) => producerId === marker.producerId);
  const wasCommitted = marker.type === COMMIT && !hasIndexEntry(state, segment, damage.from);
  for (const producerId of named.length > 0 ? named : producers.openProducers) {
    const firstOffset = producers.openSince(producerId)!;
    producers.forgetTransaction(producerId);
    const lastOffset = damage.from;
    const lastStableOffset = producers.firstUnstableOffset ?? lastOffset + 1;
    yield { producerId, firstOffset, lastOffset, isAborted: !wasCommitted, lastStableOffset };
  }
}

/** What can still be read of a marker that damage may have hit; undefined when it was a batch of data. */
function readDamagedMarker(segment: Segment, damage: Damage): { producerId: number; type: number } | undefined {
  const size = (damage.resume?.position ?? segment.size) - damage.position;
  const bytes = new Uint8Array(MARKER_BYTES);
  const available = segment.log.read(bytes, 0, MARKER_BYTES, damage.position);
  const isWhole = LOG_OVERHEAD + readInt32(bytes, BATCH_LENGTH) === size;
  const isControl = (readInt16(bytes, ATTRIBUTES) & CONTROL) !== 0;
  if (available < MARKER_BYTES || (isWhole && size !== MARKER_BYTES && !isControl)) return undefined;
  return { producerId: readInt64(bytes, PRODUCER_ID), type: readInt16(bytes, MARKER_TYPE) };
}

function hasIndexEntry(state: LogState, segment: Segment, markerOffset: number): boolean {
  const bytes = state.files.read(join(state.folder, segmentFile(segment.baseOffset, "txnindex")));
  const count = Math.floor((bytes?.length ?? 0) / transactionIndex.ENTRY_BYTES);
  for (let i = 0; i < count; i++) if (transactionIndex.lastOffsetAt(bytes!, i) === markerOffset) return true;
  return false;
}
