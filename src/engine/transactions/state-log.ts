/**
 * `__transaction_state`: each change of a transactional id is a record, in Kafka's schema, and the last one counts.
 *
 * The topic is made by the first transactional producer. Whoever appends sees to it that a record has the durability of the
 * topic, or "power" when the transaction reaches into a partition that has it: what was decided may not be less durable than
 * what it was decided on.
 */
import { hasCode, type VarveError } from "../../errors.ts";
import type { Batch } from "../../format/batch.ts";
import { BatchBuilder } from "../../format/batch-builder.ts";
import { MAX_UNPACKED_BYTES } from "../../format/compression.ts";
import { partitionForId } from "../../format/java-hash.ts";
import { fieldOf, KEY_AT, KEY_LENGTH, VALUE_AT, VALUE_LENGTH } from "../../format/record.ts";
import {
  readTransactionKey,
  readTransactionValue,
  type TransactionLogValue,
  writeTransactionValue,
} from "../../format/transaction-metadata.ts";
import type { Clock } from "../../storage/clock.ts";
import { batchesOf } from "../log-batches.ts";
import type { Partition } from "../partition.ts";
import type { Topic } from "../topic.ts";
import type { Transaction, TransactionSnapshot } from "./transaction.ts";

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
}

export class StateLog {
  readonly #host: StateLogHost;
  readonly #builder = new BatchBuilder(1024);

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
    return this.#append(home, key, writeTransactionValue(toValue(next)));
  }

  /** The transactional id is no more. */
  delete({ home, key }: Transaction): void {
    this.#append(home, key, null);
  }

  /** The last word on each transactional id. */
  async load(): Promise<LoadedTransaction[]> {
    const found = new Map<string, { home: Partition; bytes: Uint8Array }>();
    for (const home of this.#host.transactionsTopic()?.partitions ?? []) {
      if (!home) continue;
      await home.ready();
      const lost = (reason: string) => this.#host.warn(`states of transactions are lost: ${reason}`);
      for await (const batch of batchesOf(home, lost)) {
        try {
          for (const [transactionalId, bytes] of recordsOf(batch)) {
            if (bytes) found.set(transactionalId, { home, bytes: bytes.slice() });
            else found.delete(transactionalId);
          }
        } catch (error) {
          if (!isUnreadable(error)) throw error;
          lost(`the batch at offset ${batch.baseOffset} of ${home.topic.name}-${home.index}: ${error.message}`);
        }
      }
    }
    return Array.from(found).flatMap(([transactionalId, { home, bytes }]) => {
      const value = this.#read(transactionalId, bytes);
      return value ? [{ transactionalId, home, value }] : [];
    });
  }

  #append(home: Partition, key: Uint8Array, value: Uint8Array | null): number {
    const builder = this.#builder;
    builder.reset();
    builder.append(key, value, undefined, this.#host.clock.now());
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

function* recordsOf(batch: Batch): Generator<[transactionalId: string, value: Uint8Array | undefined]> {
  if (batch.isControl) return;
  const table = batch.records(MAX_UNPACKED_BYTES);
  for (let index = 0; index < table.count; index++) {
    const keyBytes = fieldOf(table, index, KEY_AT, KEY_LENGTH);
    const key = keyBytes && readTransactionKey(keyBytes);
    if (key?.kind === "transaction") yield [key.transactionalId, fieldOf(table, index, VALUE_AT, VALUE_LENGTH)];
  }
}

function isUnreadable(error: unknown): error is VarveError {
  return hasCode(error, "VARVE_CORRUPT", "VARVE_UNSUPPORTED_VERSION", "VARVE_UNSAFE_INTEGER");
}

function toValue(snapshot: TransactionSnapshot): Parameters<typeof writeTransactionValue>[0] {
  const { producerId, producerEpoch, timeoutMs, state, partitions, startTimestamp, lastUpdateTimestamp } = snapshot;
  return {
    producerId,
    producerEpoch,
    transactionTimeoutMs: timeoutMs,
    transactionStatus: state,
    transactionPartitions: state === "Empty" ? null : byTopic(partitions),
    transactionLastUpdateTimestampMs: lastUpdateTimestamp,
    transactionStartTimestampMs: startTimestamp,
  };
}

export function byTopic(partitions: Iterable<Partition>): { topic: string; partitionIds: number[] }[] {
  const topics: { topic: string; partitionIds: number[] }[] = [];
  for (const { topic, index } of partitions) {
    const known = topics.find((one) => one.topic === topic.name);
    if (known) known.partitionIds.push(index);
    else topics.push({ topic: topic.name, partitionIds: [index] });
  }
  return topics;
}
