/**
 * The latest record of each key of a topic, by key: what a compacted topic is for.
 *
 * Only where the records stand is kept in memory, 32 bytes and more for each key; the records are read from the log. The index
 * is built from the log when it is asked for, and reads on by itself at every look-up: what was committed before the call is
 * seen. It holds no resources; to be rid of it is to drop it.
 */
import type { Partition } from "../engine/partition.ts";
import type { Topic } from "../engine/topic.ts";
import type { Batch } from "../format/batch.ts";
import { partitionForKey } from "../format/murmur2.ts";
import type { ClientContext } from "./context.ts";
import { isAborted } from "./fetcher.ts";
import { KeyIndex } from "./key-index.ts";
import type { ConsumerRecord } from "./record.ts";
import { MAX_BATCH_BYTES } from "./sealing.ts";

/** Reads one record of the topic. */
export type ReadOne<V> = (partition: number, offset: number) => Promise<ConsumerRecord<V> | undefined>;

const CHUNK_BYTES = 256 * 1024;
/** What is read before the event loop gets its turn. */
const SLICE_MS = 6;
const SEED_BYTES = 12;

/** The latest record of each key of a topic, by key. It keeps up with the topic by itself. */
export class LatestValues<V = unknown> {
  readonly #context: ClientContext;
  readonly #topic: Topic;
  readonly #read: ReadOne<V>;
  readonly #index: KeyIndex;
  /** By partition: up to where it is in the index. */
  readonly #positions: number[] = [];
  #chunk = new Uint8Array(0);
  /** One pass at a time; the memory of a chunk is used again. */
  #pass: Promise<void> = Promise.resolve();

  /** Made by `topic.latest()`. @internal */
  constructor(context: ClientContext, topic: Topic, read: ReadOne<V>) {
    this.#context = context;
    this.#topic = topic;
    this.#read = read;
    this.#index = new KeyIndex(context.engine.chance(SEED_BYTES));
  }

  /** How many keys have a record, as of the last look-up. The same key in two partitions counts twice. */
  get size(): number {
    return this.#index.size;
  }

  /** The latest record with that key; undefined when there is none, or when it is a tombstone. */
  async get(key: string | Uint8Array): Promise<ConsumerRecord<V> | undefined> {
    const bytes = typeof key === "string" ? Buffer.from(key) : key;
    for (;;) {
      await this.catchUp();
      const found = this.#find(bytes);
      if (found === undefined) return undefined;
      const record = await this.#read(found.partition, found.offset);
      if (record !== undefined) return record;
      // It has been replaced, and the old one compacted, in between; or deleted, with nothing behind it to say so.
      const isReplaced = this.#isBehind() || this.#find(bytes)?.offset !== found.offset;
      if (!isReplaced) return undefined;
    }
  }

  /** Takes in what was committed before the call. */
  catchUp(): Promise<void> {
    if (!this.#isBehind()) return this.#pass;
    this.#pass = this.#pass.then(() => this.#readOn());
    const mine = this.#pass;
    this.#pass = mine.catch(() => {});
    return mine;
  }

  #isBehind(): boolean {
    const partitions = this.#context.checked(this.#topic).partitions;
    return partitions.some((partition) => {
      return partition !== undefined && boundOf(partition) > (this.#positions[partition.index] ?? -1);
    });
  }

  /** Where the usual partitioner puts the key, or else where it is. */
  #find(key: Uint8Array): { partition: number; offset: number } | undefined {
    const { partitions, partitionCount } = this.#topic;
    const home = partitionForKey(key, 0, key.length, partitionCount);
    for (let i = 0; i < partitionCount; i++) {
      const partition = partitions[(home + i) % partitionCount];
      if (partition === undefined) continue;
      const offset = this.#index.offsetOf(key, partition.index);
      if (offset >= partition.startOffset) return { partition: partition.index, offset };
    }
    return undefined;
  }

  async #readOn(): Promise<void> {
    const { clock } = this.#context.engine;
    let since = clock.monotonic();
    for (const partition of this.#topic.partitions) {
      if (partition === undefined) continue;
      await partition.ready();
      const end = boundOf(partition);
      for (let isDone = false; !isDone; ) {
        isDone = this.#readChunk(partition, end);
        if (clock.monotonic() - since < SLICE_MS) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        since = clock.monotonic();
      }
    }
  }

  /** True when the partition is in the index up to `end`. */
  #readChunk(partition: Partition, end: number): boolean {
    const { index, startOffset } = partition;
    const position = Math.max(this.#positions[index] ?? 0, startOffset);
    if (position >= end) {
      this.#positions[index] = Math.max(position, end);
      return true;
    }
    const memory = { take: (byteLength: number) => this.#memory(byteLength) };
    const batches = partition.read(position, CHUNK_BYTES, end, memory);
    for (const batch of batches) this.#add(partition, batch, position);
    this.#positions[index] = batches.length > 0 ? batches[batches.length - 1].nextOffset : end;
    return this.#positions[index] >= end;
  }

  #memory(byteLength: number): Uint8Array {
    if (this.#chunk.length < byteLength) this.#chunk = Buffer.allocUnsafeSlow(byteLength);
    return this.#chunk;
  }

  #add(partition: Partition, batch: Batch, from: number): void {
    if (batch.isControl) return;
    const { baseOffset, nextOffset } = batch;
    if (batch.isTransactional && isAborted(batch, partition.abortedTransactions(baseOffset, nextOffset))) return;
    this.#index.add(batch.records(MAX_BATCH_BYTES), partition.index, baseOffset, from);
  }
}

function boundOf(partition: Partition): number {
  return partition.bound("read_committed", false);
}
