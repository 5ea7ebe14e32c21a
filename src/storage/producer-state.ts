/**
 * What a partition knows of its producers: the last sequence of each (so that a retry is recognised) and the transaction each
 * has open (so that the last stable offset is known). Built from the batches, in the order they stand in the log; written
 * as a `.snapshot` at each roll and close, so that it need not be built from the beginning.
 */
import { VarveError } from "../errors.ts";
import {
  ATTRIBUTES,
  BASE_SEQUENCE,
  Batch,
  CONTROL,
  lastSequence,
  MAX_TIMESTAMP,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  PRODUCER_EPOCH,
  PRODUCER_ID,
  TRANSACTIONAL,
} from "../format/batch.ts";
import { readInt16, readInt32, readInt64 } from "../format/integers.ts";
import { KEY_AT, KEY_LENGTH, type RecordTable, VALUE_AT, VALUE_LENGTH } from "../format/record.ts";
import { type ProducerSnapshotEntry, readProducerSnapshot, writeProducerSnapshot } from "../format/snapshots.ts";
import {
  judgeSequence,
  REMEMBERED_BATCHES,
  type SequenceVerdict,
  type StoredSequence,
  storedSequences,
} from "./sequences.ts";

/** What the records of a control batch may unfold to. */
const MAX_MARKER_BYTES = 1024;
const NO_TRANSACTION = -1;
const NONE: readonly OpenTransaction[] = [];

const NOTHING: readonly StoredSequence[] = [];
const NO_BATCH: StoredSequence = {
  baseSequence: NO_SEQUENCE,
  lastSequence: NO_SEQUENCE,
  baseOffset: -1,
  lastOffset: -1,
  timestamp: -1,
};

const NEW_PRODUCER: ProducerSnapshotEntry = {
  producerId: NO_PRODUCER_ID,
  epoch: -1,
  lastSequence: NO_SEQUENCE,
  lastOffset: -1,
  offsetDelta: 0,
  timestamp: -1,
  coordinatorEpoch: -1,
  currentTxnFirstOffset: NO_TRANSACTION,
};

/** What a control batch says. */
export interface ControlMarker {
  /** "unknown" for the types of other versions (leader change, snapshots of the controller's log …). */
  type: "commit" | "abort" | "unknown";
  coordinatorEpoch: number;
}

export interface CompletedTransaction {
  producerId: number;
  firstOffset: number;
  /** Of the marker. */
  lastOffset: number;
  isAborted: boolean;
  /** Once this marker is in the log. */
  lastStableOffset: number;
}

/** One that has begun in a partition, and has no marker there. */
export interface OpenTransaction {
  producerId: number;
  producerEpoch: number;
  firstOffset: number;
}

export class ProducerState {
  readonly #producers = new Map<number, ProducerSnapshotEntry>();
  // The rest is made on first use: of ten thousand partitions most are never written to again.

  /** The last batches of each that has written since the snapshot, by which a retry is recognised. */
  #recent: Map<number, StoredSequence[]> | undefined;
  /** Producers with an open transaction → where that began. Transactions begin in the order of the log, so the first is the earliest. */
  #open: Map<number, number> | undefined;
  /** Who has written since the last `restartWatch`. */
  #written: Set<number> | undefined;

  static fromSnapshot(bytes: Uint8Array): ProducerState {
    const state = new ProducerState();
    const entries = readProducerSnapshot(bytes);
    for (const entry of entries) state.#producers.set(entry.producerId, entry);
    const open = entries.filter((entry) => entry.currentTxnFirstOffset !== NO_TRANSACTION);
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset);
    for (const { producerId, currentTxnFirstOffset } of open) state.#begin(producerId, currentTxnFirstOffset);
    return state;
  }

  toSnapshot(): Uint8Array {
    return writeProducerSnapshot([...this.#producers.values()]);
  }

  get isEmpty(): boolean {
    return this.#producers.size === 0;
  }

  get all(): readonly ProducerSnapshotEntry[] {
    return [...this.#producers.values()];
  }

  /** Undefined of a producer that is not known here. */
  epochOf(producerId: number): number | undefined {
    return this.#producers.get(producerId)?.epoch;
  }

  /** Where the earliest open transaction began; undefined when none is open. */
  get firstUnstableOffset(): number | undefined {
    return this.#open?.values().next().value;
  }

  /** In the order in which they began. */
  get openTransactions(): readonly OpenTransaction[] {
    if (this.#open === undefined || this.#open.size === 0) return NONE;
    return Array.from(this.#open, ([producerId, firstOffset]) => {
      return { producerId, producerEpoch: this.#producers.get(producerId)!.epoch, firstOffset };
    });
  }

  get openProducers(): readonly number[] {
    return this.#open ? [...this.#open.keys()] : [];
  }

  openSince(producerId: number): number | undefined {
    return this.#open?.get(producerId);
  }

  /** The last offset of a producer's data, −1 where its epoch has none, and that epoch. Undefined for one that is not known. */
  lastOf(producerId: number): { lastOffset: number; epoch: number } | undefined {
    return this.#producers.get(producerId);
  }

  /** Whether the producer has written since the last `restartWatch`. */
  hasWritten(producerId: number): boolean {
    return this.#written?.has(producerId) ?? false;
  }

  restartWatch(): void {
    this.#written = undefined;
  }

  forget(producerId: number): void {
    this.#producers.delete(producerId);
    this.#recent?.delete(producerId);
    this.#open?.delete(producerId);
  }

  /** Whether a batch that came from a producer may be appended. */
  judge(batch: Batch): SequenceVerdict {
    const { producerId } = batch;
    return judgeSequence(this.#producers.get(producerId), this.#recentOf(producerId) ?? NOTHING, batch);
  }

  /** Whether a batch follows the last one of its producer: mostly it does, and this says so cheaply. When not, `judge` it. */
  isNext(producerId: number, epoch: number, baseSequence: number): boolean {
    const entry = this.#producers.get(producerId);
    if (entry === undefined || entry.epoch !== epoch || entry.lastSequence === NO_SEQUENCE) return false;
    return baseSequence === lastSequence(entry.lastSequence, 1);
  }

  /** Takes the next batch of the log into account. Returns the transaction that it ends, if it does. */
  update(batch: Batch): CompletedTransaction | undefined {
    const { producerId } = batch;
    if (producerId === NO_PRODUCER_ID) return undefined;
    return this.appended(batch.bytes, batch.at, batch.baseOffset, batch.lastOffset);
  }

  /** The same for a batch of a producer with an id, which lies at bytes[at]: it is decoded no further than need be. */
  appended(bytes: Uint8Array, at: number, baseOffset: number, lastOffset: number): CompletedTransaction | undefined {
    // The low byte.
    const attributes = bytes[at + ATTRIBUTES + 1];
    if ((attributes & CONTROL) !== 0) return this.#end(new Batch(bytes, at));
    const producerId = readInt64(bytes, at + PRODUCER_ID);
    const epoch = readInt16(bytes, at + PRODUCER_EPOCH);
    const baseSequence = readInt32(bytes, at + BASE_SEQUENCE);
    const sequence = lastSequence(baseSequence, lastOffset - baseOffset);
    const timestamp = readInt64(bytes, at + MAX_TIMESTAMP);
    this.#watched(producerId);
    let entry = this.#producers.get(producerId);
    const stored = this.#remember(producerId, entry?.epoch === epoch);
    stored.baseSequence = baseSequence;
    stored.lastSequence = sequence;
    stored.baseOffset = baseOffset;
    stored.lastOffset = lastOffset;
    stored.timestamp = timestamp;
    if (entry === undefined) {
      entry = { ...NEW_PRODUCER, producerId };
      this.#producers.set(producerId, entry);
    }
    entry.epoch = epoch;
    entry.lastSequence = sequence;
    entry.lastOffset = lastOffset;
    entry.offsetDelta = lastOffset - baseOffset;
    entry.timestamp = timestamp;
    if ((attributes & TRANSACTIONAL) !== 0 && entry.currentTxnFirstOffset === NO_TRANSACTION) {
      entry.currentTxnFirstOffset = baseOffset;
      this.#begin(producerId, baseOffset);
    }
    return undefined;
  }

  /** The transaction of that producer is over, however it ended: its marker is among bytes that are lost. */
  forgetTransaction(producerId: number): void {
    const entry = this.#producers.get(producerId);
    if (entry) this.#producers.set(producerId, { ...entry, currentTxnFirstOffset: NO_TRANSACTION });
    this.#open?.delete(producerId);
  }

  #begin(producerId: number, firstOffset: number): void {
    this.#open ??= new Map();
    this.#open.set(producerId, firstOffset);
  }

  /** Of a producer that has not written since the snapshot it is the one batch that the snapshot tells of. */
  #recentOf(producerId: number): StoredSequence[] | undefined {
    const recent = this.#recent?.get(producerId);
    if (recent !== undefined) return recent;
    const entry = this.#producers.get(producerId);
    return entry && storedSequences(entry);
  }

  #watched(producerId: number): void {
    this.#written ??= new Set();
    this.#written.add(producerId);
  }

  /** The place for one batch more; of five the oldest one's. */
  #remember(producerId: number, isSameEpoch: boolean): StoredSequence {
    const known = isSameEpoch ? this.#recent?.get(producerId) : undefined;
    const recent = known ?? (isSameEpoch ? this.#recentOf(producerId) : undefined) ?? [];
    const stored = recent.length === REMEMBERED_BATCHES ? recent.shift()! : { ...NO_BATCH };
    recent.push(stored);
    if (recent !== known) {
      this.#recent ??= new Map();
      this.#recent.set(producerId, recent);
    }
    return stored;
  }

  /** A marker bumps the producer's epoch to its own and, where that is a new one, forgets the sequences of the old. */
  #end(batch: Batch): CompletedTransaction | undefined {
    const marker = readMarker(batch);
    this.#watched(batch.producerId);
    if (marker.type === "unknown") return undefined;
    const { producerId, producerEpoch, baseOffset } = batch;
    const before = this.#producers.get(producerId);
    const isSameEpoch = before?.epoch === producerEpoch;
    if (!isSameEpoch) this.#recent?.delete(producerId);
    this.#producers.set(producerId, {
      producerId,
      epoch: producerEpoch,
      lastSequence: isSameEpoch ? before.lastSequence : NO_SEQUENCE,
      lastOffset: isSameEpoch ? before.lastOffset : -1,
      offsetDelta: isSameEpoch ? before.offsetDelta : 0,
      timestamp: batch.maxTimestamp,
      coordinatorEpoch: marker.coordinatorEpoch,
      currentTxnFirstOffset: NO_TRANSACTION,
    });
    if (!this.#open?.delete(producerId) || before === undefined) return undefined;
    return {
      producerId,
      firstOffset: before.currentTxnFirstOffset,
      lastOffset: baseOffset,
      isAborted: marker.type === "abort",
      lastStableOffset: this.firstUnstableOffset ?? baseOffset + 1,
    };
  }
}

/**
 * The one record of a control batch.
 *
 *   key    version int16 | type int16 (0 abort, 1 commit)
 *   value  version int16 | coordinatorEpoch int32
 */
export function readMarker(batch: Batch): ControlMarker {
  const table = recordsOf(batch);
  if (table === undefined) return { type: "unknown", coordinatorEpoch: -1 };
  const { bytes, rows, count } = table;
  if (count < 1 || rows[KEY_LENGTH] < 4) return { type: "unknown", coordinatorEpoch: -1 };
  const type = readInt16(bytes, rows[KEY_AT] + 2);
  const coordinatorEpoch = rows[VALUE_LENGTH] >= 6 ? readInt32(bytes, rows[VALUE_AT] + 2) : -1;
  return { type: type === 0 ? "abort" : type === 1 ? "commit" : "unknown", coordinatorEpoch };
}

/** A control batch whose records are not what its header says tells nothing; its checksum is right, so nothing is damaged. */
function recordsOf(batch: Batch): RecordTable | undefined {
  try {
    return batch.records(MAX_MARKER_BYTES);
  } catch (error) {
    if (error instanceof VarveError) return undefined;
    throw error;
  }
}
