/**
 * One open data directory: its topics, its committed offsets, and the work that goes on around them.
 *
 *   open   opening.ts          the parts share a DataDirectory
 *   close  closing.ts          housekeeper.ts and background-flush.ts run in between
 */
import { VarveError } from "../errors.ts";
import type { Chance, Clock } from "../storage/clock.ts";
import type { Compacted } from "../storage/compaction.ts";
import { DiskFiles } from "../storage/disk-files.ts";
import { chooseEngine } from "../storage/engine-choice.ts";
import type { Files } from "../storage/files.ts";
import { MemoryFiles } from "../storage/memory-files.ts";
import { absolutePath } from "../storage/paths.ts";
import { backUp } from "./backup.ts";
import { Cleaner } from "./cleaner.ts";
import { closeDirectory } from "./closing.ts";
import type { Durability, TopicOptions } from "./config.ts";
import { DataDirectory, type EngineEvents, type OpenReport } from "./data-directory.ts";
import { type EngineOptions, type Logger, type ResolvedEngineOptions, resolveEngineOptions } from "./engine-options.ts";
import { GroupCoordinator } from "./groups/coordinator.ts";
import { Housekeeper } from "./housekeeper.ts";
import { type EngineHealth, type EngineStats, healthOf, statsOf } from "./metrics.ts";
import type { OffsetStore } from "./offsets.ts";
import { openDirectory } from "./opening.ts";
import type { Partition } from "./partition.ts";
import type { ProducerIds } from "./producer-ids.ts";
import type { Topic } from "./topic.ts";
import type { TransactionCoordinator } from "./transactions/coordinator.ts";

export type { EngineEvents, OpenReport } from "./data-directory.ts";

const MEMORY = ":memory:";
const MEMORY_FOLDER = "/varve";
const CLOSE_TIMEOUT_MS = 10_000;

/** Where objects around an engine keep it, for the layers beside them: `listen(log)` finds the engine of a log so. */
export const ENGINE = Symbol.for("varve.engine");

export class Engine {
  /** As it was given to `open`, made absolute; ":memory:" stays. */
  readonly path: string;
  /** Why the native module does not run, where nobody had asked for TypeScript. */
  readonly engineError: VarveError | undefined;
  /** Of the consumer groups, for members of this process and of the wire. */
  readonly coordinator: GroupCoordinator;
  readonly #dir: DataDirectory;
  readonly #housekeeper: Housekeeper | undefined;
  readonly #cleaner: Cleaner;
  readonly #closers = new Set<(timeoutMs: number) => Promise<void>>();
  #closing: Promise<void> | undefined;

  /** `path` is a folder or ":memory:". */
  static async open(path: string, options: EngineOptions = {}): Promise<Engine> {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new VarveError("VARVE_INVALID_ARGUMENT", "the path of a data directory must be a string that is not empty");
    }
    const resolved = resolveEngineOptions(options);
    const isMemory = path === MEMORY;
    const folder = isMemory ? MEMORY_FOLDER : absolutePath(path);
    const { files, error } = filesOf(resolved, isMemory, folder);
    const dir = new DataDirectory(folder, files, resolved);
    await openDirectory(dir);
    return new Engine(isMemory ? MEMORY : folder, dir, error);
  }

  private constructor(path: string, dir: DataDirectory, engineError: VarveError | undefined) {
    this.path = path;
    this.engineError = engineError;
    this.#dir = dir;
    this.coordinator = new GroupCoordinator({
      clock: dir.clock,
      chance: dir.chance,
      storage: dir.offsets,
      readOnly: dir.readOnly,
      checkProducer: (transactionalId, producer) => dir.transactions.checkProducer(transactionalId, producer),
      hasPartition: (topic, partition) => dir.topics.get(topic)?.partitions[partition] !== undefined,
      warn: (message) => dir.warn(message),
    });
    this.#cleaner = new Cleaner({
      partitions: () => dir.topicSet.partitions(),
      checkpoint: () => dir.checkpoint(),
      warn: (message) => dir.warn(message),
    });
    if (dir.readOnly) return;
    const { retentionCheckMs, checkpointMs, compactionCheckMs, producerIdExpirationMs } = dir.options;
    this.#housekeeper = new Housekeeper({
      clock: dir.clock,
      retentionCheckMs,
      checkpointMs,
      compactionCheckMs,
      compact: (mayGoOn) => this.#cleaner.cleanDue(mayGoOn),
      partitions: () => dir.topicSet.partitions(),
      checkpoint: () => dir.checkpoint(),
      expireOffsets: () => this.coordinator.expireOffsets(),
      expireTransactionalIds: () => dir.transactions.expire(),
      producerIdExpirationMs,
      warn: (message) => dir.warn(message),
    });
  }

  get readOnly(): boolean {
    return this.#dir.readOnly;
  }
  /** Which one runs. */
  get engineName(): "native" | "ts" {
    return this.#dir.files.native ? "native" : "ts";
  }
  get files(): Files {
    return this.#dir.files;
  }
  get clock(): Clock {
    return this.#dir.clock;
  }
  get chance(): Chance {
    return this.#dir.chance;
  }
  get options(): ResolvedEngineOptions {
    return this.#dir.options;
  }
  get durability(): Durability {
    return this.#dir.durability;
  }
  get offsets(): OffsetStore {
    return this.#dir.offsets;
  }
  get producerIds(): ProducerIds {
    return this.#dir.producerIds;
  }
  /** Of transactional producers, in this process and of the wire. */
  get transactions(): TransactionCoordinator {
    return this.#dir.transactions;
  }
  get isClosed(): boolean {
    return this.#dir.isClosed;
  }
  /** How the directory was left, and what recovery found. */
  get openReport(): OpenReport {
    return this.#dir.openReport;
  }
  /** Kafka's cluster.id; "" in a foreign directory. */
  get clusterId(): string {
    return this.#dir.topicSet.clusterId;
  }

  /** Throws VARVE_CLOSED once the engine is closed. */
  checkOpen(): void {
    this.#dir.checkOpen();
  }

  // ---- topics

  get topics(): ReadonlyMap<string, Topic> {
    return this.#dir.topics;
  }

  topic(name: string): Topic {
    this.checkOpen();
    return this.#dir.topicSet.get(name);
  }

  createTopic(name: string, options?: TopicOptions): Promise<Topic> {
    return this.#dir.topicSet.create(name, options);
  }

  /** Throws what createTopic would, and makes nothing. */
  checkTopic(name: string, options?: TopicOptions): void {
    this.#dir.topicSet.check(name, options);
  }

  deleteTopic(name: string): Promise<void> {
    return this.#dir.topicSet.delete(name);
  }

  /** Calls `fn` when topics came, went or changed. Returns the call that ends it. */
  onTopics(fn: () => void): () => void {
    return this.#dir.topicSet.listen(fn);
  }

  // ---- events and numbers

  on<Name extends keyof EngineEvents>(name: Name, listener: (event: EngineEvents[Name]) => void): () => void {
    return this.#dir.events.on(name, listener);
  }

  off<Name extends keyof EngineEvents>(name: Name, listener: (event: EngineEvents[Name]) => void): void {
    this.#dir.events.off(name, listener);
  }

  stats(): EngineStats {
    const { topics, space, counters, corruptRanges } = this.#dir;
    return statsOf(topics.values(), space, counters, corruptRanges, this.transactions.activeCount);
  }

  health(): EngineHealth {
    const { topicSet, corruptRanges } = this.#dir;
    const isSuspended = this.#housekeeper?.isRetentionSuspended ?? false;
    return healthOf(topicSet.partitions(), corruptRanges, isSuspended, this.transactions.stuck);
  }

  // ---- work

  /** Everything that was appended before is on the disk afterwards. */
  async flush(): Promise<void> {
    this.checkOpen();
    const ready = [...this.#dir.topicSet.partitions()].filter((partition) => partition.isReady);
    await Promise.all(ready.map((partition) => partition.flush()));
  }

  /** One retention pass now. Returns how many segments went. */
  async retain(): Promise<number> {
    this.checkOpen();
    return (await this.#housekeeper?.retain()) ?? 0;
  }

  /** Compacts a partition now. Tombstones and markers past their time go, unless the wall clock has jumped. */
  async compact(partition: Partition): Promise<Compacted> {
    this.checkOpen();
    return this.#cleaner.compact(partition, this.#housekeeper?.isRetentionSuspended ?? false);
  }

  /** Writes a copy, as it is now, into an empty or a new folder. From memory it goes to the disk, unless `files` is given. */
  async backup(target: string, files: Files = this.#backupFiles()): Promise<void> {
    this.checkOpen();
    if (typeof target !== "string" || target === "" || target.includes("\0")) {
      throw new VarveError("VARVE_INVALID_ARGUMENT", "the path of a backup must be a string that is not empty");
    }
    const resume = this.#housekeeper?.pause();
    try {
      const copy = () => this.#dir.topicSet.hold(() => backUp(this.#dir, files, absolutePath(target)));
      await this.#cleaner.exclusively(copy);
    } finally {
      resume?.();
    }
  }

  /** Names in the lock where clients reach the directory, for whoever finds it locked; undefined: nowhere any more. */
  async announce(address: string | undefined): Promise<void> {
    try {
      if (!this.#dir.isClosed) await this.#dir.lock?.announce(address);
    } catch (error) {
      this.#dir.warn(`the lock does not say where the listener is: ${(error as Error).message}`);
    }
  }

  /** Calls `fn` when the engine closes, before anything else of it does, and waits. Returns the call that takes it back. */
  beforeClose(fn: (timeoutMs: number) => Promise<void>): () => void {
    this.#closers.add(fn);
    return () => this.#closers.delete(fn);
  }

  /** Syncs and closes everything. Safe to call again; ends within `timeoutMs`. */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    await Promise.allSettled([...this.#closers].map((close) => close(timeoutMs)));
    this.coordinator.close();
    this.#dir.transactions.close();
    this.#dir.isClosed = true;
    this.#dir.backgroundFlush.stop();
    this.#cleaner.stop();
    const stopped = this.#housekeeper?.stop() ?? Promise.resolve();
    await closeDirectory(this.#dir, stopped, timeoutMs);
  }

  #backupFiles(): Files {
    const { files } = this.#dir;
    return files instanceof MemoryFiles && this.path === MEMORY ? new DiskFiles() : files;
  }
}

/** Those that were given bring their engine with them. */
function filesOf(
  { engine, nativeBinding, clock, logger, files }: ResolvedEngineOptions,
  isMemory: boolean,
  folder: string,
): { files: Files; error: VarveError | undefined } {
  const { native = null, error } = chooseEngine(engine, nativeBinding);
  if (error) warnOnce(logger, error);
  if (files === undefined)
    return { files: isMemory ? new MemoryFiles({ clock, native }) : new DiskFiles({ root: folder, native }), error };
  if ((engine === "native" && !files.native) || (engine === "ts" && files.native)) {
    throw new VarveError("VARVE_ENGINE_UNAVAILABLE", `the files given do not work with the engine "${engine}"`);
  }
  return { files, error: files.native ? undefined : error };
}

const warned = new WeakSet<Logger>();

/** A program opens many logs, and the module is missing for all of them. */
function warnOnce(logger: Logger, error: VarveError): void {
  if (warned.has(logger)) return;
  warned.add(logger);
  logger.warn?.(`varve runs on TypeScript alone, which is slower: ${error.message}`);
}
