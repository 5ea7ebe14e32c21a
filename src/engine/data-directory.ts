/** What the parts of an open data directory share, and how they reach each other. Opened by opening.ts, closed by closing.ts. */
import { VarveError } from "../errors.ts";
import type { Chance, Clock } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import type { LastClose, LogEvent } from "../storage/log-state.ts";
import { join } from "../storage/paths.ts";
import { BackgroundFlush } from "./background-flush.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Durability } from "./config.ts";
import { Emitter } from "./emitter.ts";
import type { ResolvedEngineOptions } from "./engine-options.ts";
import type { Lock } from "./lock.ts";
import { type Clamped, OffsetStore, type OffsetsHost } from "./offsets.ts";
import type { Partition } from "./partition.ts";
import { noCounts } from "./partition-place.ts";
import { ProducerIds } from "./producer-ids.ts";
import { Space } from "./space.ts";
import { OFFSETS_TOPIC, type Topic, TRANSACTIONS_TOPIC } from "./topic.ts";
import { type Surroundings, Topics } from "./topics.ts";
import { TransactionCoordinator, type TransactionsHost } from "./transactions/coordinator.ts";

/** What a log tells: `log.on("corrupt", (event) => …)`. */
export interface EngineEvents {
  /** A sync failed: the partition takes no writes until the log is opened again. */
  poisoned: Extract<LogEvent, { kind: "poisoned" }>;
  /** Damage was found. */
  corrupt: Extract<LogEvent, { kind: "corrupt" }>;
  /** A partition was recovered after a crash. */
  recovered: Extract<LogEvent, { kind: "recovered" }>;
  /** A committed offset lay past the end of its partition after a crash. */
  clamped: Clamped;
}

const EVENTS = ["poisoned", "corrupt", "recovered", "clamped"] as const;

/** What was found and done at the open, before anybody could listen. */
export interface OpenReport {
  lastClose: LastClose;
  recoveryMs: number;
  recovered: EngineEvents["recovered"][];
  corrupt: EngineEvents["corrupt"][];
  clamped: Clamped[];
}

/**
 * Of the log's own topics. Their segments are small (Kafka: 100 MiB), because the active one is not compacted, and all is read
 * when the directory is first used.
 */
const COMPACTED = { cleanupPolicy: "compact", segmentBytes: 4 * 1024 * 1024 } as const;

export class DataDirectory implements Surroundings, OffsetsHost, TransactionsHost {
  readonly path: string;
  readonly files: Files;
  readonly options: ResolvedEngineOptions;
  readonly space: Space;
  readonly counters = noCounts();
  readonly events: Emitter<EngineEvents>;
  readonly topicSet: Topics;
  readonly offsets: OffsetStore;
  readonly producerIds: ProducerIds;
  readonly transactions: TransactionCoordinator;
  readonly checkpoints: Checkpoints;
  readonly backgroundFlush: BackgroundFlush;
  readonly openReport: OpenReport = { lastClose: "clean", recoveryMs: 0, recovered: [], corrupt: [], clamped: [] };
  lock: Lock | undefined;
  corruptRanges = 0;
  isOpen = false;
  isClosed = false;

  constructor(path: string, files: Files, options: ResolvedEngineOptions) {
    this.path = path;
    this.files = files;
    this.options = options;
    this.space = new Space(options.maxBytes);
    this.events = new Emitter(EVENTS, (error) => options.logger.error?.(`a listener threw: ${error}`));
    this.checkpoints = new Checkpoints(files, path);
    this.backgroundFlush = new BackgroundFlush(options.clock, options.flushMs);
    this.topicSet = new Topics(this);
    this.offsets = new OffsetStore(this);
    this.producerIds = new ProducerIds({
      reserve: (count) => this.topicSet.reserveProducerIds(count),
      reserveNow: (count) => this.topicSet.reserveProducerIdsNow(count),
    });
    this.transactions = new TransactionCoordinator(this);
  }

  get readOnly(): boolean {
    return this.options.readOnly;
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get chance(): Chance {
    return this.options.chance;
  }

  get durability(): Durability {
    return this.options.durability;
  }

  get topics(): ReadonlyMap<string, Topic> {
    return this.topicSet.all;
  }

  checkOpen(): void {
    if (this.isClosed) throw new VarveError("VARVE_CLOSED", "the log is closed");
  }

  touched(partition: Partition): void {
    this.backgroundFlush.touched(partition);
  }

  report(event: LogEvent): void {
    if (event.kind === "poisoned") this.#poisoned(event);
    else if (event.kind === "corrupt") this.#corrupt(event);
    else this.#recovered(event);
  }

  warn(message: string): void {
    this.options.logger.warn?.(message);
  }

  offsetsTopic(): Topic | undefined {
    return this.topicSet.all.get(OFFSETS_TOPIC);
  }

  createOffsetsTopic(): Promise<Topic> {
    const partitions = this.options.offsetsTopicPartitions;
    return this.topicSet.ensureInternal(OFFSETS_TOPIC, { partitions, ...COMPACTED });
  }

  // ---- transactions

  partitions(): Iterable<Partition> {
    return this.topicSet.partitions();
  }

  nextProducerId(): Promise<number> {
    return this.producerIds.next();
  }

  transactionsTopic(): Topic | undefined {
    return this.topicSet.all.get(TRANSACTIONS_TOPIC);
  }

  createTransactionsTopic(): Promise<Topic> {
    const partitions = this.options.transactionsTopicPartitions;
    return this.topicSet.ensureInternal(TRANSACTIONS_TOPIC, { partitions, ...COMPACTED });
  }

  checkTransaction(partition: Partition, producerId: number, producerEpoch: number): void {
    this.transactions.checkAppend(partition, producerId, producerEpoch);
  }

  opened(partition: Partition): void {
    this.transactions.opened(partition);
  }

  loadOffsets(): Promise<void> {
    return this.offsets.ready();
  }

  offsetsPartition(group: string): Promise<Partition> {
    return this.offsets.partitionOf(group);
  }

  offsetsEnded(partition: Partition, producerId: number, isCommit: boolean): void {
    this.offsets.ended(partition, producerId, isCommit);
  }

  forgetOffsets(topic: string): Promise<void> {
    return this.offsets.deleteTopic(topic);
  }

  async checkpoint(): Promise<void> {
    await this.checkpoints.write(() => this.topicSet.partitions());
    this.measure();
  }

  /** Counts what lies in the directory beside the partitions. */
  measure(): void {
    const { files, path } = this;
    let bytes = 0;
    for (const name of files.list(path) ?? []) {
      const info = files.stat(join(path, name));
      if (info?.kind === "file") bytes += info.size;
    }
    this.space.setOther(bytes);
  }

  #poisoned(event: EngineEvents["poisoned"]): void {
    this.options.logger.error?.(event.error.message);
    this.events.emit("poisoned", event);
  }

  #corrupt(event: EngineEvents["corrupt"]): void {
    const { topic, partition, from, to, reason, file, position } = event;
    const what = `${topic}-${partition}: offsets ${from} to ${to - 1} are lost`;
    this.options.logger.error?.(`${what}: ${reason} (${file} at position ${position})`);
    this.corruptRanges++;
    if (!this.isOpen) this.openReport.corrupt.push(event);
    this.events.emit("corrupt", event);
  }

  #recovered(event: EngineEvents["recovered"]): void {
    const { topic, partition, endOffset, scannedBytes, truncatedBytes } = event;
    const what = `${topic}-${partition}: recovered up to ${endOffset}`;
    this.options.logger.info?.(`${what}: ${scannedBytes} bytes looked at, ${truncatedBytes} cut off`);
    if (!this.isOpen) this.openReport.recovered.push(event);
    this.events.emit("recovered", event);
  }
}
