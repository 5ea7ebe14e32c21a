/**
 * An open log: its topics, who writes and reads them, and its end.
 *
 * Closing drains: what was sent is stored, what is processed is committed. It has `timeoutMs` for that; what is pending
 * after it is rejected. Either way everything is closed afterwards, and every call says so (VARVE_CLOSED).
 */
import type { TopicOptions as EngineTopicOptions } from "../engine/config.ts";
import { ENGINE, type Engine, type EngineEvents } from "../engine/engine.ts";
import type { GroupState } from "../engine/groups/requests.ts";
import { checkOptions, integer } from "../engine/options.ts";
import type { Topic } from "../engine/topic.ts";
import { VarveError } from "../errors.ts";
import { Consumer } from "./consumer.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import type { Client, ClientContext } from "./context.ts";
import { CODEC, type ConsumerOptions, type ProducerOptions } from "./options.ts";
import { Producer } from "./producer.ts";
import type { ProducerRecord, RecordMetadata, TopicReference } from "./producer-record.ts";
import { type AnyCodec, type CodecOption, kindOf } from "./serde.ts";
import { TopicHandle } from "./topic.ts";

/** How a topic is made. */
export interface TopicOptions<V = unknown> extends Omit<EngineTopicOptions, "codec"> {
  /**
   * How values are stored: "json" by default. A codec of your own is known to this process alone: give it again after a
   * restart, here (with `ifNotExists`) or to `log.topic`. Who doesn't know it sees bytes.
   */
  codec?: CodecOption<V>;
}

/** What `log.close` takes. */
export interface CloseOptions {
  /** How long to wait for what is pending. 10000 by default. */
  timeoutMs?: number;
}

/** A group, as `log.groups` lists it. */
export interface GroupListing {
  name: string;
  state: GroupState;
  /** "consumer"; "" of a group that has only ever committed. */
  protocolType: string;
}

const CLOSE = { timeoutMs: integer(0, 2 ** 31 - 1) };
const CLOSE_TIMEOUT_MS = 10_000;

/** An open log: topics to make and find, producers, consumers and groups. */
export class VarveLog {
  readonly #engine: Engine;
  readonly #context: LogContext;
  #closing: Promise<void> | undefined;

  /** Logs are made by `open()`. @internal */
  constructor(engine: Engine, signal: AbortSignal | undefined) {
    this.#engine = engine;
    this.#context = new LogContext(engine);
    const aborted = () => this.#aborted(signal!);
    signal?.addEventListener("abort", aborted, { once: true });
    this.#context.onClosed = () => signal?.removeEventListener("abort", aborted);
  }

  /** For `listen` of varve/wire. @internal */
  get [ENGINE](): Engine {
    return this.#engine;
  }

  /** Which engine runs. */
  get engine(): "native" | "ts" {
    return this.#engine.engineName;
  }

  /** Why it is not the native one, where `engine: "auto"` left the choice. */
  get engineError(): VarveError | undefined {
    return this.#engine.engineError;
  }

  /** The directory, as an absolute path; ":memory:" of a log in memory. */
  get path(): string {
    return this.#engine.path;
  }

  // ---- topics

  /** Makes a topic; with `ifNotExists` one that is there already is returned as it is. */
  async createTopic<V = unknown>(name: string, options: TopicOptions<V> = {}): Promise<TopicHandle<V>> {
    this.#context.checkOpen();
    const codec: unknown = options?.codec;
    const isCustom = typeof codec === "object" && codec !== null;
    if (isCustom) checkOptions({ codec }, { codec: CODEC }, `the topic ${name}`);
    const stored = isCustom ? { ...options, codec: "bytes" } : options;
    const topic = await this.#engine.createTopic(name, stored as EngineTopicOptions);
    await topic.ready();
    if (isCustom) this.#context.codecs.set(topic, codec as AnyCodec);
    return this.#context.handle(topic) as TopicHandle<V>;
  }

  /** A topic that exists. `codec` is for topics with one of your own. */
  topic<V = unknown>(name: string, options: { codec?: CodecOption<V> } = {}): TopicHandle<V> {
    const topic = this.#context.topic(name);
    const { codec } = checkOptions<{ codec?: AnyCodec }>(options, { codec: CODEC }, `the topic ${name}`);
    if (codec !== undefined) this.#context.codecs.set(topic, codec);
    return this.#context.handle(topic) as TopicHandle<V>;
  }

  /** All topics but the log's own, by name. */
  topics(): TopicHandle[] {
    this.#context.checkOpen();
    const topics = [...this.#engine.topics.values()].filter((topic) => !topic.isInternal);
    return topics.sort((a, b) => (a.name < b.name ? -1 : 1)).map((topic) => this.#context.handle(topic));
  }

  /** Deletes the topic, its records, and what groups have committed for it. */
  async deleteTopic(name: string): Promise<void> {
    this.#context.checkOpen();
    await this.#engine.deleteTopic(name);
  }

  // ---- clients

  /** Makes a producer. It is closed with the log, if not before. */
  producer(options?: ProducerOptions): Producer {
    this.#context.checkOpen();
    return new Producer(this.#context, options);
  }

  /** Makes a consumer. It is closed with the log, if not before. */
  consumer<V = unknown>(options: ConsumerOptions<V> & { keyCodec: "bytes" }): Consumer<V, Uint8Array>;
  /** Makes a consumer. It is closed with the log, if not before. */
  consumer<V = unknown>(options: ConsumerOptions<V>): Consumer<V>;
  consumer<V = unknown>(options: ConsumerOptions<V>): Consumer<V> | Consumer<V, Uint8Array> {
    this.#context.checkOpen();
    return new Consumer<V>(this.#context, options);
  }

  // ---- groups

  /** A consumer group, whether it exists yet or not. */
  group(name: string): ConsumerGroup {
    this.#context.checkOpen();
    return new ConsumerGroup(this.#context, name);
  }

  /** All groups that have members, or have committed something. */
  async groups(): Promise<GroupListing[]> {
    this.#context.checkOpen();
    const groups = await this.#engine.coordinator.listGroups();
    return groups.map(({ groupId: name, groupState: state, protocolType }) => ({ name, state, protocolType }));
  }

  // ---- the whole

  /** Sizes, offsets and counts, to be looked at. */
  stats(): ReturnType<Engine["stats"]> {
    return this.#engine.stats();
  }

  /** Whether all is well, and what is not. */
  health(): ReturnType<Engine["health"]> {
    return this.#engine.health();
  }

  /** What was acknowledged before the call survives the death of the machine afterwards. */
  async flush(): Promise<void> {
    this.#context.checkOpen();
    await this.#engine.flush();
  }

  /** Copies the log to an empty or new directory, while it is in use. The copy opens as a log of its own. */
  async backup(directory: string): Promise<void> {
    this.#context.checkOpen();
    await this.#engine.backup(directory);
  }

  /** Calls the function at each such event, until `off`. */
  on<Name extends keyof EngineEvents>(event: Name, listener: (event: EngineEvents[Name]) => void): this {
    this.#engine.on(event, listener);
    return this;
  }

  /** Takes back `on`. */
  off<Name extends keyof EngineEvents>(event: Name, listener: (event: EngineEvents[Name]) => void): this {
    this.#engine.off(event, listener);
    return this;
  }

  /** What applications have opened and not closed. @internal */
  protected openClients(): string[] {
    return this.#context.openClients();
  }

  // ---- the end

  /** Stores what was sent, commits what is processed, ends iterators, and closes. A second call waits for the first. */
  close(options?: CloseOptions): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    let timeoutMs: number;
    try {
      ({ timeoutMs = CLOSE_TIMEOUT_MS } = checkOptions<CloseOptions>(options, CLOSE, "close"));
    } catch (error) {
      return Promise.reject(error);
    }
    const reason = new VarveError("VARVE_CLOSED", "the log was closed before this was done");
    this.#closing = this.#context.close(timeoutMs, reason);
    return this.#closing;
  }

  /** For `await using`: the same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What is pending is rejected now; what is processed is still committed. */
  #aborted(signal: AbortSignal): void {
    if (this.#closing !== undefined) return;
    const reason = new VarveError("VARVE_ABORTED", "the log's signal was aborted", { cause: signal.reason });
    this.#context.abortProducers(reason);
    this.#closing = this.#context.close(CLOSE_TIMEOUT_MS, reason);
    this.#closing.catch((error) => this.#engine.options.logger.error?.(`closing after the abort failed: ${error}`));
  }
}

class LogContext implements ClientContext {
  readonly engine: Engine;
  /** Codecs that only this process knows. */
  readonly codecs = new Map<Topic, AnyCodec>();
  onClosed: () => void = () => {};
  readonly #handles = new WeakMap<Topic, TopicHandle>();
  readonly #clients = new Set<Client>();
  /** That of all handles, from the first `topic.send` on. */
  #producer: Producer | undefined;
  #isClosed = false;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  checkOpen(): void {
    if (this.#isClosed) throw new VarveError("VARVE_CLOSED", "the log is closed");
    this.engine.checkOpen();
  }

  topic(reference: unknown): Topic {
    if (reference instanceof TopicHandle) return reference.topicOf(this);
    this.checkOpen();
    if (typeof reference === "string") return this.engine.topic(reference);
    throw new VarveError("VARVE_INVALID_ARGUMENT", `expected a topic or its name, not ${kindOf(reference)}`);
  }

  checked(topic: Topic): Topic {
    this.checkOpen();
    if (!topic.isDeleted) return topic;
    throw new VarveError("VARVE_UNKNOWN_TOPIC", `the topic ${topic.name} has been deleted`, { topic: topic.name });
  }

  handle(topic: Topic): TopicHandle {
    const handle = this.#handles.get(topic) ?? new TopicHandle(this, topic);
    this.#handles.set(topic, handle);
    return handle;
  }

  codecOf(topic: Topic): AnyCodec {
    return this.codecs.get(topic) ?? topic.config.codec;
  }

  send<V>(topic: TopicReference<V>, record: ProducerRecord<V>): Promise<RecordMetadata> {
    this.checkOpen();
    this.#producer ??= new Producer(this);
    return this.#producer.send(topic, record);
  }

  openClients(): string[] {
    return [...this.#clients].filter((client) => client !== this.#producer).map((client) => client.label);
  }

  opened(client: Client): void {
    this.#clients.add(client);
  }

  closed(client: Client): void {
    this.#clients.delete(client);
  }

  abortProducers(reason: VarveError): void {
    for (const client of this.#clients) if (client instanceof Producer) client.abort(reason);
  }

  /** Ends the clients, within the time, and then the engine. The first error comes out when all is closed. */
  async close(timeoutMs: number, reason: VarveError): Promise<void> {
    this.#isClosed = true;
    const { clock } = this.engine;
    const start = clock.monotonic();
    const clients = [...this.#clients];
    const ended = Promise.allSettled(clients.map((client) => client.close()));
    const results = await within(ended, timeoutMs, (ms, fn) => clock.schedule(ms, fn));
    if (results === undefined) for (const client of clients) client.abort(reason);
    try {
      await this.engine.close({ timeoutMs: Math.max(0, timeoutMs - (clock.monotonic() - start)) });
    } finally {
      this.onClosed();
    }
    const failed = results?.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }
}

/** What the promise resolves with, or undefined when that takes longer. */
async function within<T>(
  promise: Promise<T>,
  ms: number,
  schedule: (ms: number, fn: () => void) => () => void,
): Promise<T | undefined> {
  let cancel = () => {};
  const over = new Promise<undefined>((resolve) => {
    cancel = schedule(ms, () => resolve(undefined));
  });
  const result = await Promise.race([promise, over]);
  cancel();
  return result;
}
