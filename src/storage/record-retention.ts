/**
 * What stays of a batch: Kafka's rules, from LogCleaner and its CleanedTransactionMetadata.
 *
 *   a record     stays when it has a key, none later with that key was taken in, and it has a value; without a value (a
 *                tombstone) until its batch's delete horizon has passed
 *   aborted      records go
 *   a marker     stays until all of its transaction is gone and its delete horizon has passed
 *   a batch      stays, empty if it must, when it is the last of a producer, whose sequences it tells, and at the end of what
 *                is cleaned, so that the file shows how far it reaches
 *
 * The delete horizon is set when a batch that holds a tombstone, or an idle marker, is met for the first time.
 */
import type { Batch } from "../format/batch.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, type RecordTable, VALUE_LENGTH } from "../format/record.ts";
import type { CleanedTransactions } from "./cleaned-transactions.ts";
import type { LogState } from "./log-state.ts";
import type { OffsetMap } from "./offset-map.ts";

export interface RetentionRules {
  /** Minus infinity: no delete horizon has passed, and none is set. */
  nowMs: number;
  deleteRetentionMs: number;
}

/** "filter": the records that `keep` marks, under `deleteHorizonMs`. */
export type Verdict = "whole" | "filter" | "empty" | "drop";

export class RecordRetention {
  /** Of the batch judged last, where the verdict is "filter". */
  table!: RecordTable;
  keep = new Uint8Array(1024);
  deleteHorizonMs: number | undefined;
  /** How many records of it stay. */
  keptRecords = 0;
  readonly #state: LogState;
  readonly #map: OffsetMap;
  readonly #transactions: CleanedTransactions;
  readonly #rules: RetentionRules;
  #batch!: Batch;
  /** Aborted data, or a marker without anything to end. */
  #isIdle = false;
  #dropsTombstones = false;
  #hasTombstones = false;

  constructor(state: LogState, map: OffsetMap, transactions: CleanedTransactions, rules: RetentionRules) {
    this.#state = state;
    this.#map = map;
    this.#transactions = transactions;
    this.#rules = rules;
  }

  /** Takes in the next batch, in the order of the log. True: `choose` must see its records, in as many pieces as it likes. */
  begin(batch: Batch): boolean {
    this.#batch = batch;
    this.#isIdle = batch.isControl ? this.#transactions.isIdle(batch) : this.#transactions.isAborted(batch);
    const isPast = this.#isPast(batch.deleteHorizonMs);
    const goes = this.#isIdle && (!batch.isControl || isPast);
    this.keptRecords = goes || !batch.isControl ? 0 : batch.recordCount;
    this.#dropsTombstones = isPast;
    this.#hasTombstones = false;
    if (goes || batch.recordCount === 0) return false;
    if (this.keep.length < batch.recordCount) this.keep = new Uint8Array(batch.recordCount * 2);
    if (batch.isControl) this.keep.fill(1, 0, batch.recordCount);
    this.table = batch.records(MAX_UNPACKED_BYTES);
    return !batch.isControl;
  }

  /** Looks at the records [from, to) of the batch. */
  choose(from: number, to: number): void {
    const { rows, bytes } = this.table;
    const { baseOffset } = this.#batch;
    const map = this.#map;
    for (let i = from, row = from * COLUMNS; i < to; i++, row += COLUMNS) {
      const offset = baseOffset + rows[row + OFFSET_DELTA];
      const isTombstone = rows[row + VALUE_LENGTH] < 0;
      const keyLength = rows[row + KEY_LENGTH];
      const stays =
        offset > map.latestOffset ||
        (keyLength >= 0 &&
          !(isTombstone && this.#dropsTombstones) &&
          !map.isSuperseded(bytes, rows[row + KEY_AT], keyLength, offset));
      this.keep[i] = stays ? 1 : 0;
      if (!stays) continue;
      this.keptRecords++;
      this.#hasTombstones ||= isTombstone;
    }
  }

  /** `isLast`: nothing that goes into the same segment comes behind it. */
  verdict(isLast: boolean): Verdict {
    const batch = this.#batch;
    if (this.keptRecords === 0) return isLast || this.#isLastOfProducer(batch) ? "empty" : "drop";
    const isIdleMarker = batch.isControl && this.#isIdle;
    const needsHorizon = batch.deleteHorizonMs === undefined && (this.#hasTombstones || isIdleMarker);
    this.deleteHorizonMs = needsHorizon ? this.#newHorizon(batch) : batch.deleteHorizonMs;
    const isChanged = this.keptRecords < batch.recordCount || this.deleteHorizonMs !== batch.deleteHorizonMs;
    return isChanged ? "filter" : "whole";
  }

  #isPast(deleteHorizonMs: number | undefined): boolean {
    return deleteHorizonMs !== undefined && this.#rules.nowMs >= deleteHorizonMs;
  }

  /** None for a batch whose timestamps no delta could tell from there. */
  #newHorizon({ maxTimestamp, baseTimestamp }: Batch): number | undefined {
    const horizon = this.#rules.nowMs + this.#rules.deleteRetentionMs;
    const isSafe = [horizon, maxTimestamp - horizon, baseTimestamp - horizon].every(Number.isSafeInteger);
    return isSafe ? horizon : undefined;
  }

  #isLastOfProducer(batch: Batch): boolean {
    const last = this.#state.producers.lastOf(batch.producerId);
    if (last === undefined) return false;
    if (last.lastOffset >= 0) return batch.lastOffset === last.lastOffset;
    return batch.isControl && batch.producerEpoch === last.epoch;
  }
}
