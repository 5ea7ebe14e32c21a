/**
 * The end of a transaction in a partition: a control batch of one record, without a sequence.
 *
 *    0  batch header          attributes: transactional, control; the producer of the transaction; sequence −1
 *   61  record length         varint = 16
 *   62  attributes            int8
 *   63  timestamp delta       varint = 0
 *   64  offset delta          varint = 0
 *   65  key length            varint = 4
 *   66  key                   version int16 = 0 | type int16 (0 abort, 1 commit)
 *   70  value length          varint = 6
 *   71  value                 version int16 = 0 | coordinator epoch int32
 *   77  header count          varint = 0
 */
import { CONTROL, HEADER_BYTES, NO_SEQUENCE, sealBatch, TRANSACTIONAL } from "./batch.ts";
import type { SealedBatch } from "./batch-builder.ts";
import { writeInt16, writeInt32 } from "./integers.ts";
import { writeVarint } from "./varint.ts";

export type TransactionOutcome = "commit" | "abort";

/** All other bytes of the record are 0. */
const LENGTH_AT = HEADER_BYTES;
const KEY_LENGTH_AT = LENGTH_AT + 4;
const TYPE_AT = KEY_LENGTH_AT + 1 + 2;
const VALUE_LENGTH_AT = TYPE_AT + 2;
const COORDINATOR_EPOCH_AT = VALUE_LENGTH_AT + 1 + 2;
const HEADER_COUNT_AT = COORDINATOR_EPOCH_AT + 4;
export const MARKER_BYTES = HEADER_COUNT_AT + 1;

const KEY_BYTES = 4;
const VALUE_BYTES = 6;
const RECORD_BYTES = MARKER_BYTES - LENGTH_AT - 1;

const ABORT = 0;
const COMMIT = 1;

export interface TransactionMarker {
  outcome: TransactionOutcome;
  producerId: number;
  producerEpoch: number;
  coordinatorEpoch: number;
  timestamp: number;
}

/** Writes the marker into the first MARKER_BYTES of `bytes`. */
export function writeMarker(bytes: Uint8Array, marker: TransactionMarker): SealedBatch {
  const { outcome, producerId, producerEpoch, coordinatorEpoch, timestamp } = marker;
  bytes.fill(0, LENGTH_AT, MARKER_BYTES);
  writeVarint(bytes, LENGTH_AT, RECORD_BYTES);
  writeVarint(bytes, KEY_LENGTH_AT, KEY_BYTES);
  writeInt16(bytes, TYPE_AT, outcome === "commit" ? COMMIT : ABORT);
  writeVarint(bytes, VALUE_LENGTH_AT, VALUE_BYTES);
  writeInt32(bytes, COORDINATOR_EPOCH_AT, coordinatorEpoch);
  sealBatch(bytes, 0, MARKER_BYTES, {
    attributes: TRANSACTIONAL | CONTROL,
    lastOffsetDelta: 0,
    baseTimestamp: timestamp,
    maxTimestamp: timestamp,
    producerId,
    producerEpoch,
    baseSequence: NO_SEQUENCE,
    recordCount: 1,
  });
  return { bytes, start: 0, end: MARKER_BYTES, recordCount: 1, maxTimestamp: timestamp };
}
