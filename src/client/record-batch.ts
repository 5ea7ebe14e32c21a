/** What `consumer.batches()` hands out: records of one partition, in order, to be gone through without a wait between them. */
import { ConsumerRecord, type RecordSource } from "./record.ts";

/** Records [from, to) of one stored batch. */
export interface BatchSlice {
  source: RecordSource;
  from: number;
  to: number;
}

/** Records of one partition, in order: `for (const record of batch)`. */
export class RecordBatch<V = unknown, K extends string | Uint8Array = string>
  implements Iterable<ConsumerRecord<V, K>>
{
  readonly topic: string;
  readonly partition: number;
  /** How many records it has. */
  readonly count: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly #slices: readonly BatchSlice[];
  readonly #commit: () => Promise<void>;

  /** Batches are made by `consumer.batches()`. @internal */
  constructor(slices: readonly BatchSlice[], commit: () => Promise<void>) {
    const [first] = slices;
    const last = slices[slices.length - 1];
    this.topic = first.source.topic;
    this.partition = first.source.partition;
    this.count = slices.reduce((count, { from, to }) => count + to - from, 0);
    this.firstOffset = first.source.offsetOf(first.from);
    this.lastOffset = last.source.offsetOf(last.to - 1);
    this.#slices = slices;
    this.#commit = commit;
  }

  /** Commits up to and including this batch. Needs a group. */
  commit(): Promise<void> {
    return this.#commit();
  }

  [Symbol.iterator](): IterableIterator<ConsumerRecord<V, K>, undefined> {
    return new RecordIterator<V, K>(this.#slices);
  }
}

/** A class, because the compiler then takes the whole loop apart: no result object is made. */
class RecordIterator<V, K extends string | Uint8Array> implements IterableIterator<ConsumerRecord<V, K>, undefined> {
  readonly #slices: readonly BatchSlice[];
  #next = 0;
  #source: RecordSource | undefined;
  #index = 0;
  #to = 0;

  constructor(slices: readonly BatchSlice[]) {
    this.#slices = slices;
  }

  next(): IteratorResult<ConsumerRecord<V, K>, undefined> {
    if (this.#index >= this.#to && !this.#enter()) return { done: true, value: undefined };
    return { done: false, value: new ConsumerRecord<V, K>(this.#source!, this.#index++) };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #enter(): boolean {
    const slice = this.#slices[this.#next];
    if (slice === undefined) return false;
    this.#next++;
    this.#source = slice.source;
    this.#index = slice.from;
    this.#to = slice.to;
    return true;
  }
}
