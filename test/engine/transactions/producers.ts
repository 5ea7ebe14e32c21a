/** Engines with transactional producers, and what a reader sees of them. */
import type { Engine } from "../../../src/engine/engine.ts";
import type { EngineOptions } from "../../../src/engine/engine-options.ts";
import type { Partition } from "../../../src/engine/partition.ts";
import type { ProducerIdentity } from "../../../src/engine/transactions/coordinator.ts";
import type { Batch } from "../../../src/format/batch.ts";
import { BatchBuilder, type SealedBatch } from "../../../src/format/batch-builder.ts";
import { MAX_UNPACKED_BYTES } from "../../../src/format/compression.ts";
import { COLUMNS, fieldOf, VALUE_AT, VALUE_LENGTH } from "../../../src/format/record.ts";
import { MemoryFiles } from "../../../src/storage/memory-files.ts";
import { readMarker } from "../../../src/storage/producer-state.ts";
import { TestClock } from "../../../src/testing/clock.ts";
import { FaultyFiles } from "../../../src/testing/faults.ts";
import { openEngine } from "../engines.ts";

export const TIMEOUT_MS = 60_000;

export interface World {
  memory: MemoryFiles;
  files: FaultyFiles;
  clock: TestClock;
  engine: Engine;
  warnings: string[];
}

/** The topics "orders", of two partitions, and "bills", of one. */
export async function openWorld(options: EngineOptions = {}): Promise<World> {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  const clock = new TestClock();
  const warnings: string[] = [];
  const logger = { warn: (message: string) => warnings.push(message) };
  const engine = await openEngine({ files, clock, logger, ...options });
  await engine.createTopic("orders", { partitions: 2 });
  await engine.createTopic("bills");
  return { memory, files, clock, engine, warnings };
}

/** A producer of the transactional id: what it writes is numbered as Kafka's clients do. */
export class TestProducer {
  readonly engine: Engine;
  readonly id: string;
  identity: ProducerIdentity;
  readonly #sequences = new Map<Partition, number>();

  static async init(engine: Engine, id = "tx", timeoutMs = TIMEOUT_MS): Promise<TestProducer> {
    return new TestProducer(engine, id, await engine.transactions.initProducerId(id, timeoutMs));
  }

  constructor(engine: Engine, id: string, identity: ProducerIdentity) {
    this.engine = engine;
    this.id = id;
    this.identity = identity;
  }

  add(topic: string, ...partitions: number[]): Promise<void> {
    const where = partitions.map((partition) => ({ topic, partition }));
    return this.engine.transactions.addPartitions(this.id, this.identity, where);
  }

  append(topic: string, index: number, ...values: string[]): number {
    const partition = this.engine.topic(topic).partition(index);
    const baseSequence = this.#sequences.get(partition) ?? 0;
    const offset = partition.append(transactionalBatch(this.identity, baseSequence, values));
    this.#sequences.set(partition, baseSequence + values.length);
    return offset;
  }

  async send(topic: string, index: number, ...values: string[]): Promise<void> {
    await this.add(topic, index);
    this.append(topic, index, ...values);
  }

  addOffsets(group: string): Promise<void> {
    return this.engine.transactions.addOffsets(this.id, this.identity, group);
  }

  commit(): Promise<void> {
    return this.engine.transactions.end(this.id, this.identity, "commit");
  }

  abort(): Promise<void> {
    return this.engine.transactions.end(this.id, this.identity, "abort");
  }

  get state(): string | undefined {
    return this.engine.transactions.describe(this.id)?.state;
  }
}

export function transactionalBatch(
  identity: ProducerIdentity,
  baseSequence: number,
  values: readonly string[],
): SealedBatch {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(null, value, undefined, 1);
  return builder.seal({ ...identity, baseSequence, isTransactional: true });
}

export function batchesOf(partition: Partition, limit = partition.endOffset): Batch[] {
  const batches: Batch[] = [];
  for (let offset = partition.startOffset; offset < limit; ) {
    const read = partition.read(offset, 64 * 1024, limit);
    if (read.length === 0) break;
    batches.push(...read);
    offset = read[read.length - 1].nextOffset;
  }
  return batches;
}

/** What a reader of committed records sees. */
export function committedValues(partition: Partition): string[] {
  const limit = partition.lastStableOffset;
  const aborted = partition.abortedTransactions(partition.startOffset, limit);
  const isAborted = ({ producerId, baseOffset }: Batch) =>
    aborted.some(
      (one) => one.producerId === producerId && one.firstOffset <= baseOffset && baseOffset <= one.lastOffset,
    );
  return batchesOf(partition, limit)
    .filter((batch) => !batch.isControl && !(batch.isTransactional && isAborted(batch)))
    .flatMap(valuesIn);
}

/** Batch by batch: values joined, or what the marker says. */
export function told(partition: Partition): string[] {
  return batchesOf(partition).map((batch) => {
    return batch.isControl
      ? `${readMarker(batch).type} ${batch.producerId}/${batch.producerEpoch}`
      : valuesIn(batch).join("");
  });
}

function valuesIn(batch: Batch): string[] {
  const table = batch.records(MAX_UNPACKED_BYTES);
  return Array.from({ length: table.rows.length / COLUMNS }, (_, index) => {
    return Buffer.from(fieldOf(table, index, VALUE_AT, VALUE_LENGTH) ?? []).toString();
  });
}
