/**
 * The records of `__transaction_state`: how far each transactional id has come. Key and value start with their version
 * (int16). Keys have version 0, other ones are "unknown" and to be left alone; values of version 0 and 1 are read, 0 is
 * written. A value of null deletes the transactional id.
 */
import {
  array,
  flexible,
  type Infer,
  type Input,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  type ReadOptions,
  string,
  struct,
  type Type,
  tagged,
} from "./schema.ts";
import { readVersioned, VersionedWriter, versionOf, writeVersioned } from "./versioned.ts";

/** By their number on disk. */
export const TRANSACTION_STATUSES = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "Dead",
  "PrepareEpochFence",
] as const;

export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number];

const KEY_VERSION = 0;
const NEWEST_VALUE_VERSION = 1;
const WRITTEN_VALUE_VERSION = 0;

const status: Type<TransactionStatus> = {
  read(from) {
    const number = int8.read(from);
    const name = TRANSACTION_STATUSES[number];
    if (name === undefined) throw from.corrupt(`no transaction status has number ${number}`);
    return name;
  },
  write(to, name) {
    const number = TRANSACTION_STATUSES.indexOf(name);
    if (number < 0) throw to.invalid(name, `one of ${TRANSACTION_STATUSES.join(", ")}`);
    int8.write(to, number);
  },
  absent: () => "Empty",
};

const Key = struct({ transactionalId: string });

const Value = flexible(
  1,
  struct({
    producerId: int64,
    previousProducerId: tagged(0, 1, int64, -1),
    nextProducerId: tagged(1, 1, int64, -1),
    producerEpoch: int16,
    nextProducerEpoch: tagged(3, 1, int16, -1),
    transactionTimeoutMs: int32,
    transactionStatus: status,
    transactionPartitions: nullableArray(struct({ topic: string, partitionIds: array(int32) })),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: tagged(2, 1, int16),
  }),
);

export type TransactionLogValue = Infer<typeof Value>;

export type TransactionKey =
  | { kind: "transaction"; version: number; transactionalId: string }
  | { kind: "unknown"; version: number };

export function readTransactionKey(bytes: Uint8Array): TransactionKey {
  const version = versionOf(bytes);
  if (version > KEY_VERSION) return { kind: "unknown", version };
  return { kind: "transaction", version, ...readVersioned("transaction log key", Key, KEY_VERSION, bytes) };
}

export function writeTransactionKey(transactionalId: string): Uint8Array {
  return writeVersioned(Key, { transactionalId }, KEY_VERSION);
}

export function readTransactionValue(bytes: Uint8Array, options?: ReadOptions): TransactionLogValue {
  return readVersioned("transaction log value", Value, NEWEST_VALUE_VERSION, bytes, options);
}

export type TransactionValueInput = Input<typeof Value>;

/** For somebody who writes many of them, and is done with one before the next. */
export function transactionValueWriter(): { write(value: TransactionValueInput): Uint8Array } {
  return new VersionedWriter(Value, WRITTEN_VALUE_VERSION);
}
