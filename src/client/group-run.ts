/**
 * Members of a group that handle records until they are told to stop.
 *
 * Each member takes as many records of one partition as it may have in hand, handles them at the same time, those with the same
 * key one after the other, and takes the next ones when all are done. To stop means to finish what is in hand, commit it, and
 * leave the group; what waits for another try is given back.
 */
import type { VarveError } from "../errors.ts";
import { Consumer } from "./consumer.ts";
import type { Client, ClientContext } from "./context.ts";
import { Stopped, sendDeadLetter, withRetries } from "./group-handling.ts";
import type { CheckedRunOptions, Handling } from "./group-options.ts";
import { holdProcess, releaseProcess } from "./keep-alive.ts";
import { Producer } from "./producer.ts";
import type { ConsumerRecord } from "./record.ts";
import type { RecordBatch } from "./record-batch.ts";

export class GroupRun<V> implements Client {
  readonly label: string;
  readonly #context: ClientContext;
  readonly #group: string;
  readonly #options: CheckedRunOptions<V>;
  readonly #stopping = new AbortController();
  readonly #handling: Handling = { signal: this.#stopping.signal };
  readonly #deadLetters: Producer | undefined;
  #consumers: readonly Consumer<V>[] = [];
  #done: Promise<void> | undefined;

  constructor(context: ClientContext, group: string, options: CheckedRunOptions<V>) {
    this.label = `a run of the group ${group}`;
    this.#group = group;
    this.#options = options;
    // The log closes the run, and the run its clients, when they have finished what is in hand.
    this.#context = { ...bound(context), opened() {}, closed() {} };
    const { deadLetterTopic } = options;
    if (deadLetterTopic === undefined) return;
    context.topic(deadLetterTopic);
    this.#deadLetters = new Producer(this.#context, { codec: "bytes" });
  }

  /** Resolves when it was told to stop, or everything is read; rejects with the first error that no dead letter took. */
  start(opened: (client: Client) => void, closed: (client: Client) => void): Promise<void> {
    const { members, signal } = this.#options;
    this.#consumers = Array.from({ length: members }, () => this.#consumer());
    opened(this);
    const stop = () => this.#stopping.abort();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    holdProcess();
    this.#done = this.#work().finally(() => {
      releaseProcess();
      signal?.removeEventListener("abort", stop);
      closed(this);
    });
    return this.#done;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#done?.catch(() => {});
  }

  abort(error: VarveError): void {
    this.#stopping.abort();
    for (const consumer of this.#consumers) consumer.abort(error);
  }

  async #work(): Promise<void> {
    const results = await Promise.allSettled(this.#consumers.map((consumer) => this.#member(consumer)));
    await this.#deadLetters?.close();
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  async #member(consumer: Consumer<V>): Promise<void> {
    const { each, concurrency, maxRecords } = this.#options;
    try {
      for await (const batch of consumer.batches({ maxRecords: each ? concurrency : maxRecords })) {
        if (each) await this.#handleRecords(batch);
        else await this.#handleBatch(batch);
      }
    } catch (error) {
      this.#stopping.abort();
      if (!(error instanceof Stopped)) throw error;
    } finally {
      await consumer.close();
    }
  }

  #consumer(): Consumer<V> {
    const { topics, from, until, isolation, durable, codec, maxPollIntervalMs, onCorrupt, outOfRange } = this.#options;
    const reading = { topics, from, until, isolation, durable, codec, maxPollIntervalMs, onCorrupt, outOfRange };
    return new Consumer<V>(this.#context, { ...reading, group: this.#group, signal: this.#stopping.signal });
  }

  /** When one fails, the others are waited for. */
  async #handleRecords(batch: RecordBatch<V>): Promise<void> {
    const lanes = [...lanesOf(batch)].map((lane) => this.#handleInOrder(lane));
    for (const result of await Promise.allSettled(lanes)) if (result.status === "rejected") throw result.reason;
  }

  async #handleInOrder(records: readonly ConsumerRecord<V>[]): Promise<void> {
    for (const record of records) await this.#handle(() => this.#options.each!(record, this.#handling), [record]);
  }

  async #handleBatch(batch: RecordBatch<V>): Promise<void> {
    await this.#handle(() => this.#options.eachBatch!(batch, this.#handling), batch);
  }

  async #handle(work: () => unknown, records: Iterable<ConsumerRecord<V>>): Promise<void> {
    const { retry, deadLetterTopic } = this.#options;
    try {
      await withRetries(work, retry, this.#context.engine.clock, this.#stopping.signal);
    } catch (error) {
      if (this.#deadLetters === undefined || deadLetterTopic === undefined || error instanceof Stopped) throw error;
      for (const record of records) {
        await sendDeadLetter(this.#deadLetters, deadLetterTopic, record as ConsumerRecord, error);
      }
    }
  }
}

/** Records with the same key, in order; each one without a key is for itself. */
function lanesOf<V>(batch: RecordBatch<V>): Iterable<ConsumerRecord<V>[]> {
  const lanes = new Map<unknown, ConsumerRecord<V>[]>();
  for (const record of batch) {
    const lane = lanes.get(record.key);
    if (lane === undefined || record.key === null) lanes.set(record.key ?? Symbol("no key"), [record]);
    else lane.push(record);
  }
  return lanes.values();
}

/** The methods of a context as functions, to make another one of. */
function bound(context: ClientContext): Omit<ClientContext, "opened" | "closed"> {
  return {
    engine: context.engine,
    topic: (reference) => context.topic(reference),
    checked: (topic) => context.checked(topic),
    codecOf: (topic) => context.codecOf(topic),
    send: (topic, record) => context.send(topic, record),
  };
}
