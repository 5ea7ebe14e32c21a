/**
 * `__transaction_state`: each change of a transactional id is a record, in Kafka's schema, and the last one counts.
 *
 * The record of a decision has a header of our own, which Kafka does not look at: between which offsets the transaction lies in each
 * of its partitions, two int64 in the order of the value, where it began and the end of the log; twice −1 where it has written nothing.
 * By that the next open knows which open transaction the decision is about: the epoch is the same for all of one producer.
 *
 * The topic is made by the first transactional producer. Whoever appends sees to it that a record has the durability of the
 * topic, or "power" when the transaction reaches into a partition that has it: what was decided may not be less durable than
 * what it was decided on.
 */
import { hasCode, type VarveError } from "../../errors.ts";
import type { Batch } from "../../format/batch.ts";
import { BatchBuilder } from "../../format/batch-builder.ts";
import { MAX_UNPACKED_BYTES } from "../../format/compression.ts";
import { readInt64, writeInt64 } from "../../format/integers.ts";
import { partitionForId } from "../../format/java-hash.ts";
import {
  COLUMNS,
  fieldOf,
  HEADERS_AT,
  type HeaderPairs,
  type Headers,
  KEY_AT,
  KEY_LENGTH,
  readHeaders,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../format/record.ts";
import {
  readTransactionKey,
  readTransactionValue,
  type TransactionLogValue,
  type TransactionValueInput,
  transactionValueWriter,
} from "../../format/transaction-metadata.ts";
import type { Clock } from "../../storage/clock.ts";
import { batchesOf } from "../log-batches.ts";
import type { Partition } from "../partition.ts";
import type { Topic } from "../topic.ts";
import { decided } from "./states.ts";
import type { OffsetRange, Transaction, TransactionSnapshot } from "./transaction.ts";

export interface StateLogHost {
  readonly clock: Clock;
  /** Undefined until there was a transactional producer. */
  transactionsTopic(): Topic | undefined;
  createTransactionsTopic(): Promise<Topic>;
  warn(message: string): void;
}

export interface LoadedTransaction {
  transactionalId: string;
  home: Partition;
  value: TransactionLogValue;
  /** In the order of its partitions; undefined where the record does not say so. */
  ranges: readonly OffsetRange[] | undefined;
}

interface Stored {
  home: Partition;
  value: Uint8Array;
  ranges: readonly OffsetRange[] | undefined;
}

const RANGES = "varve.offset.ranges";
const RANGE_BYTES = 16;
const NOTHING_WRITTEN: OffsetRange = { from: -1, to: -1 };

export class StateLog {
  readonly #host: StateLogHost;
  readonly #builder = new BatchBuilder(1024);
  readonly #values = transactionValueWriter();

  constructor(host: StateLogHost) {
    this.#host = host;
  }

  /** The partition that Kafka would keep the id in, open. */
  async homeOf(transactionalId: string): Promise<Partition> {
    const topic = this.#host.transactionsTopic() ?? (await this.#host.createTransactionsTopic());
    const partition = topic.partition(partitionForId(transactionalId, topic.partitionCount));
    await partition.ready();
    return partition;
  }

  /** Returns the offset behind the record. */
  append({ home, key }: Transaction, next: TransactionSnapshot): number {
    const topics = byTopic(next.partitions);
    const headers = decided(next.state) && [[RANGES, rangesOf(next.producerId, topics)] as const];
    return this.#append(home, key, this.#values.write(toValue(next, topics)), headers);
  }

  /** The transactional id is no more. */
  delete({ home, key }: Transaction): void {
    this.#append(home, key, null);
  }

  /** The last word on each transactional id. */
  async load(): Promise<LoadedTransaction[]> {
    const found = new Map<string, Stored>();
    for (const home of this.#host.transactionsTopic()?.partitions ?? []) {
      if (!home) continue;
      await home.ready();
      const lost = (reason: string) => this.#host.warn(`states of transactions are lost: ${reason}`);
      for await (const batch of batchesOf(home, lost)) {
        try {
          for (const [transactionalId, stored] of recordsOf(batch)) {
            if (stored) found.set(transactionalId, { home, ...stored });
            else found.delete(transactionalId);
          }
        } catch (error) {
          if (!isUnreadable(error)) throw error;
          lost(`the batch at offset ${batch.baseOffset} of ${home.topic.name}-${home.index}: ${error.message}`);
        }
      }
    }
    return Array.from(found).flatMap(([transactionalId, stored]) => {
      const value = this.#read(transactionalId, stored.value);
      return value ? [{ ...stored, transactionalId, value }] : [];
    });
  }

  #append(home: Partition, key: Uint8Array, value: Uint8Array | null, headers?: HeaderPairs): number {
    const builder = this.#builder;
    builder.reset();
    builder.append(key, value, headers, this.#host.clock.now());
    return home.append(builder.seal()) + 1;
  }

  #read(transactionalId: string, bytes: Uint8Array): TransactionLogValue | undefined {
    try {
      return readTransactionValue(bytes);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.#host.warn(`the state of the transactional id ${transactionalId} cannot be read: ${error.message}`);
      return undefined;
    }
  }
}

function* recordsOf(batch: Batch): Generator<[transactionalId: string, Omit<Stored, "home"> | undefined]> {
  if (batch.isControl) return;
  const table = batch.records(MAX_UNPACKED_BYTES);
  for (let index = 0; index < table.count; index++) {
    const keyBytes = fieldOf(table, index, KEY_AT, KEY_LENGTH);
    const key = keyBytes && readTransactionKey(keyBytes);
    if (key?.kind !== "transaction") continue;
    const value = fieldOf(table, index, VALUE_AT, VALUE_LENGTH)?.slice();
    const ranges = readRanges(readHeaders(table.bytes, table.rows[index * COLUMNS + HEADERS_AT]));
    yield [key.transactionalId, value && { value, ranges }];
  }
}

function isUnreadable(error: unknown): error is VarveError {
  return hasCode(error, "VARVE_CORRUPT", "VARVE_UNSUPPORTED_VERSION", "VARVE_UNSAFE_INTEGER");
}

type Topics = { topic: string; partitionIds: number[]; partitions: Partition[] }[];

function toValue(snapshot: TransactionSnapshot, topics: Topics): TransactionValueInput {
  const { producerId, producerEpoch, timeoutMs, state, startTimestamp, lastUpdateTimestamp } = snapshot;
  return {
    producerId,
    producerEpoch,
    transactionTimeoutMs: timeoutMs,
    transactionStatus: state,
    transactionPartitions: state === "Empty" ? null : topics,
    transactionLastUpdateTimestampMs: lastUpdateTimestamp,
    transactionStartTimestampMs: startTimestamp,
  };
}

export function byTopic(partitions: Iterable<Partition>): Topics {
  const topics: Topics = [];
  for (const partition of partitions) {
    const { topic, index } = partition;
    const known = topics.find((one) => one.topic === topic.name);
    known?.partitionIds.push(index);
    known?.partitions.push(partition);
    if (!known) topics.push({ topic: topic.name, partitionIds: [index], partitions: [partition] });
  }
  return topics;
}

function rangesOf(producerId: number, topics: Topics): Uint8Array {
  const partitions = topics.flatMap((one) => one.partitions);
  const bytes = new Uint8Array(partitions.length * RANGE_BYTES);
  for (const [i, partition] of partitions.entries()) {
    const since = partition.openSince(producerId);
    const { from, to } = since === undefined ? NOTHING_WRITTEN : { from: since, to: partition.endOffset };
    writeInt64(bytes, i * RANGE_BYTES, from);
    writeInt64(bytes, i * RANGE_BYTES + 8, to);
  }
  return bytes;
}

function readRanges(headers: Headers): readonly OffsetRange[] | undefined {
  const bytes = headers.find(([name]) => name === RANGES)?.[1];
  if (!bytes) return undefined;
  return Array.from({ length: Math.floor(bytes.length / RANGE_BYTES) }, (_, index) => {
    const at = index * RANGE_BYTES;
    return { from: readInt64(bytes, at), to: readInt64(bytes, at + 8) };
  });
}
