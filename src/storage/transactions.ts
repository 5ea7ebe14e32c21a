/**
 * Which transactions of a log were aborted.
 *
 * The truth is the markers in the log. Before a reader is told what to leave out, the segments concerned are walked, once
 * each, from the nearest producer snapshot on; a `.txnindex` is not asked, since nothing in it is checksummed.
 *
 * Damage may have swallowed a marker. One with a single flipped bit can be read all the same, by its checksum: see
 * damaged-marker.ts. Of other damage that is more than one batch of data nobody knows what it ended: every transaction that
 * was open there is left out.
 */
import { VarveError } from "../errors.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import { readDamaged } from "./damaged-marker.ts";
import { type LogState, structureIn } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import type { CompletedTransaction, ProducerState } from "./producer-state.ts";
import { type Damage, isDamage, walkBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { listSnapshots, nearestSnapshot, removeSnapshot, writeSnapshot } from "./snapshot-files.ts";

/** What a walk over a segment tells. */
interface Gathered {
  aborted: AbortedTransaction[];
  /** Where the earliest transaction began that is open at its end; undefined while the segment grows. */
  openFrom: number | undefined;
}

export class AbortedTransactions {
  readonly #state: LogState;
  #bySegment: Map<Segment, Gathered> | undefined;

  constructor(state: LogState) {
    this.#state = state;
  }

  /** Those with a record in [from, to), in the order of their markers. */
  between(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (const segment of this.#state.segments.from(from)) {
      const { aborted, openFrom } = this.#in(segment);
      for (const one of aborted) if (one.lastOffset >= from && one.firstOffset < to) found.push(one);
      // The markers of what is open may lie in any segment behind.
      if (openFrom !== undefined && openFrom >= to && segment.endOffset >= to) break;
    }
    return found;
  }

  /** A marker was appended. */
  note(segment: Segment, completed: CompletedTransaction): void {
    if (!completed.isAborted) return;
    segment.transactionIndex.append(completed, segment.baseOffset);
    this.#bySegment?.get(segment)?.aborted.push(completed);
  }

  forget(): void {
    this.#bySegment = undefined;
  }

  #in(segment: Segment): Gathered {
    this.#bySegment ??= new Map();
    const isActive = segment === this.#state.segments.active;
    let gathered = this.#bySegment.get(segment);
    if (gathered === undefined || (gathered.openFrom === undefined && !isActive)) {
      gathered = gatherNow(this.#state, segment);
      if (isActive) gathered.openFrom = undefined;
      this.#bySegment.set(segment, gathered);
    }
    return gathered;
  }
}

/** Yields after each batch, so that the caller can pause. */
function* gather(state: LogState, segment: Segment): Generator<void, Gathered> {
  const aborted: AbortedTransaction[] = [];
  const { producers, offset } = nearestSnapshot(state, segment.baseOffset);
  const end = state.segments.after(segment)?.baseOffset ?? state.endOffset;
  for (const completed of replay(state, producers, offset, end)) {
    if (completed?.isAborted && completed.lastOffset >= segment.baseOffset) aborted.push(completed);
    yield;
  }
  return { aborted, openFrom: producers.firstUnstableOffset ?? Number.POSITIVE_INFINITY };
}

function gatherNow(state: LogState, segment: Segment): Gathered {
  const gathering = gather(state, segment);
  for (;;) {
    const step = gathering.next();
    if (step.done) return step.value;
  }
}

/** Makes the `.txnindex` of a segment anew. */
export function rebuildTransactionIndex(state: LogState, segment: Segment): void {
  replaceIfPossible(segment, gatherNow(state, segment));
}

/** The same for segments that were walked: one whose end was cut may have entries of what is gone. */
export async function mendTransactionIndexes(state: LogState, walked: readonly Segment[], pacer: Pacer): Promise<void> {
  for (const segment of walked) {
    if (segment.isClosed || !(segment.transactionIndex.isStale || segment.transactionIndex.isThere)) continue;
    const gathering = gather(state, segment);
    for (;;) {
      const step = gathering.next();
      if (step.done) {
        replaceIfPossible(segment, step.value);
        break;
      }
      if (pacer.isDue) await pacer.rest();
    }
  }
}

/** A disk that refuses leaves it stale, and nothing else wrong. */
function replaceIfPossible(segment: Segment, { aborted }: Gathered): void {
  try {
    segment.transactionIndex.replace(aborted);
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
  }
}

/** The producers as of the end of the log, which has moved back. */
export function reloadProducers(state: LogState): void {
  const { files, folder, endOffset } = state;
  for (const offset of listSnapshots(files, folder)) if (offset > endOffset) removeSnapshot(state, offset);
  const { producers, offset } = nearestSnapshot(state, endOffset);
  for (const _ of replay(state, producers, offset, endOffset));
  state.producers = producers;
}

/** The log goes on at `offset`, and all before is dropped: sequences stand, as when records are deleted, and no transaction is open. */
export function keepProducers(state: LogState, offset: number): void {
  for (const producerId of state.producers.openProducers) state.producers.forgetTransaction(producerId);
  writeSnapshot(state, offset);
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
    for (const scanned of walkBatches(segment.log, segment.size, structure)) {
      if (isDamage(scanned)) {
        if (scanned.from >= from) yield* settle(segment, scanned, producers);
      } else if (scanned.baseOffset >= to) {
        return;
      } else if (scanned.baseOffset >= from) {
        yield producers.update(scanned);
      }
    }
  }
}

/** Ends the transactions whose marker is, or may be, among the damaged bytes. */
function* settle(
  segment: Segment,
  damage: Damage,
  producers: ProducerState,
): Generator<CompletedTransaction | undefined> {
  const end = damage.resume?.position ?? segment.size;
  const read = readDamaged(segment.log, damage.position, end, damage.from);
  if (read === "data") return;
  if (read !== "unknown") {
    yield producers.update(read);
    return;
  }
  for (const producerId of producers.openProducers) {
    const firstOffset = producers.openSince(producerId)!;
    producers.forgetTransaction(producerId);
    const lastOffset = Math.max(damage.from, firstOffset);
    const lastStableOffset = producers.firstUnstableOffset ?? lastOffset + 1;
    yield { producerId, firstOffset, lastOffset, isAborted: true, lastStableOffset };
  }
}
