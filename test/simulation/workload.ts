/**
 * What an application may do to a data directory, drawn by chance: topics at both levels come, grow, change and go; batches
 * are appended until segments roll, some of them in transactions; records are deleted, by hand and by retention; some topics are
 * compacted, while all goes on; groups commit; the process closes the directory in order, or dies, and opens it again.
 */
import type { TopicOptions } from "../../src/engine/config.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Partition } from "../../src/engine/partition.ts";
import type { Topic } from "../../src/engine/topic.ts";
import { hasCode } from "../../src/errors.ts";
import type { Batch } from "../../src/format/batch.ts";
import { BatchBuilder, type SealedBatch } from "../../src/format/batch-builder.ts";
import { loadKeyFingerprints } from "../../src/storage/key-fingerprints.ts";
import type { World } from "./explore.ts";
import type { Fact, GroupPlace, Ledger } from "./ledger.ts";
import { Mortal } from "./mortal.ts";
import { markerTextOf, observe, textOf } from "./observe.ts";
import { TRANSACTIONAL_GROUP, Transactor, watchMarkers } from "./transactor.ts";

export const DATA = "/home/data";

export interface WorkloadOptions {
  steps: number;
  bootId: string;
  /** Of topics that say nothing else, the log's own among them. */
  durability: "process" | "power";
  /** What is known of the disk it begins with, which has been through a crash. Without it there is nothing yet. */
  before?: Ledger;
}

const NAMES = ["a", "b", "c"];
const GROUPS = ["g", "h"];
const SEGMENT_BYTES = [400, 900, 2500];
const FLUSH_MS = 1000;
const CHECKPOINT_MS = 60_000;
const NEVER_MS = 2 ** 31 - 1;
const MOST_TRIES = 20;
const SECOND_RUN = 100_000;

export async function runWorkload(world: World<Fact>, options: WorkloadOptions): Promise<void> {
  const workload = new Workload(world, options);
  // Its loading takes its time, which is no part of what is drawn.
  await loadKeyFingerprints();
  const unwatch = watchMarkers((...marker) => workload.mark(...marker));
  try {
    await workload.open();
    if (options.before) await workload.noteFound();
    for (let step = 0; step < options.steps; step++) await workload.step();
    await workload.end();
  } finally {
    unwatch();
  }
}

/** So that an image is opened as the workload left it. */
export function engineOptions(process: Mortal, durability: "process" | "power") {
  const { chance, identity } = process;
  const intervals = { flushMs: FLUSH_MS, checkpointMs: CHECKPOINT_MS };
  const never = { retentionCheckMs: NEVER_MS, compactionCheckMs: NEVER_MS };
  return { files: process, clock: process, chance, identity, durability, ...intervals, ...never };
}

class Workload {
  readonly #world: World<Fact>;
  readonly #options: WorkloadOptions;
  #process!: Mortal;
  #engine!: Engine;
  /** The name of a topic → which of that name it is. */
  readonly #ids = new Map<string, string>();
  /** Group, topic and partition → the last offset that it was told to commit. */
  readonly #committed = new Map<string, number>();
  /** The last compaction of each partition, until it has ended. */
  readonly #compactions = new Map<Partition, Promise<void>>();
  readonly #transactor: Transactor;
  /** What this run begins with is not looked at yet: markers that the open appends are a part of what it finds. */
  #isFound: boolean;
  /** While it is being opened: what an open appends comes after what it syncs. */
  #late: Fact[] | undefined;
  #pending: Promise<void>[] = [];
  #records: number;

  constructor(world: World<Fact>, options: WorkloadOptions) {
    this.#world = world;
    this.#options = options;
    this.#isFound = options.before === undefined;
    // No topic, record or transaction of this run is called as one of the run before.
    this.#records = options.before === undefined ? 0 : SECOND_RUN;
    this.#transactor = new Transactor(this.#transactionHost(), this.#records);
  }

  async open(): Promise<void> {
    this.#late = [];
    for (let tries = 1; ; tries++) {
      const { files, clock, random } = this.#world;
      this.#process = new Mortal({ files, clock, random, bootId: this.#options.bootId });
      try {
        this.#engine = await Engine.open(DATA, engineOptions(this.#process, this.#options.durability));
        for (const topic of this.#engine.topics.values()) await topic.ready();
        break;
      } catch (error) {
        if (!isFault(error) || tries === MOST_TRIES) throw error;
        this.#process.kill();
      }
    }
    for (const topic of this.#engine.topics.values()) {
      // One that this run did not make: it was on the disk before.
      if (!topic.isInternal && !this.#ids.has(topic.name))
        this.#ids.set(topic.name, this.#options.before!.named(topic.name)!.id);
    }
    if (this.#engine.openReport.lastClose !== "clean") this.#noteSettled();
    for (const fact of this.#late) this.#note(fact);
    this.#late = undefined;
  }

  async noteFound(): Promise<void> {
    const observed = await observe(this.#engine);
    this.#note({ type: "found", observed });
    this.#isFound = true;
    for (const { group, name, partition, offset } of observed.commits) {
      this.#committed.set(placeOf(group, this.#ids.get(name)!, partition), offset);
    }
  }

  async step(): Promise<void> {
    try {
      await this.#act(this.#world.random.below(100));
      this.#noteDurable();
    } catch (error) {
      if (!isFault(error)) throw error;
      await this.#die();
    }
  }

  /** The coordinator ends a transaction in a partition. */
  mark(partition: Partition, marker: Batch, append: () => number): number {
    // One that could not be opened refuses it, and what it says of its end is only what a checkpoint has.
    if (!this.#isFound || partition.topic.isInternal || !partition.isReady) return append();
    return this.#noteAppend(partition, [markerTextOf(marker)], append);
  }

  /** What is still under way comes to its end, good or bad. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
  }

  async #act(chance: number): Promise<void> {
    const { random, clock } = this.#world;
    if (this.#topics().length === 0) return this.#create();
    if (chance < 30) return this.#append();
    if (chance < 36) return this.#compact();
    if (chance < 48) return this.#transactor.step();
    if (chance < 56) return this.#settle();
    if (chance < 66) return this.#commit();
    if (chance < 69) return this.#flush();
    if (chance < 73) return clock.advanceAsync(FLUSH_MS);
    if (chance < 76) return clock.advanceAsync(CHECKPOINT_MS);
    if (chance < 80) return this.#create();
    if (chance < 82) return this.#delete();
    if (chance < 84) return this.#grow();
    if (chance < 86) return this.#alter();
    if (chance < 89) return this.#deleteRecords();
    if (chance < 91) return this.#truncate();
    if (chance < 93) return this.#retain();
    if (chance < 96) return this.#close();
    if (random.oneIn(2)) await this.#settle();
    return this.#die();
  }

  async #append(): Promise<void> {
    const partition = this.#anyPartition();
    const count = this.#world.random.below(10) === 0 ? 4 : 1;
    for (let i = 0; i < count; i++) this.#appendBatch(partition);
    if (this.#world.random.oneIn(4)) await this.#settle();
  }

  #appendBatch(partition: Partition): void {
    const { builder, texts } = this.#build(partition);
    this.#send(partition, builder.seal(), texts);
  }

  #build(partition: Partition): { builder: BatchBuilder; texts: string[] } {
    const { random, clock } = this.#world;
    const isCompact = isCompacted(partition.topic);
    const builder = new BatchBuilder();
    const texts: string[] = [];
    for (let left = 1 + random.below(4); left > 0; left--) {
      const key = !isCompact && random.oneIn(3) ? null : `k${random.below(5)}`;
      const isTombstone = isCompact && random.oneIn(5);
      const value = isTombstone ? null : this.#value(this.#where(partition).topic, partition.index);
      const timestamp = clock.now() + random.below(2000) - 1000;
      builder.append(key, value, undefined, timestamp);
      texts.push(textOf(key, value, timestamp));
    }
    return { builder, texts };
  }

  #send(partition: Partition, batch: SealedBatch, texts: string[], tx?: string): void {
    this.#noteAppend(partition, texts, () => partition.append(batch), tx);
    const where = this.#where(partition);
    const end = partition.endOffset;
    const acknowledged = partition.acknowledged(end);
    if (acknowledged) this.#await(acknowledged.then(() => this.#note({ type: "synced", ...where, end })));
  }

  #noteAppend(partition: Partition, texts: string[], append: () => number, tx?: string): number {
    const where = this.#where(partition);
    const offset = partition.endOffset;
    this.#note({ type: "sending", ...where, offset, epoch: partition.leaderEpoch, texts, tx });
    try {
      if (append() !== offset) throw new Error(`appended elsewhere than at ${offset}`);
    } catch (error) {
      this.#note({ type: "refused", ...where, offset });
      throw error;
    }
    const isCompacting = this.#compactions.has(partition);
    const stored = { type: "stored", ...where, end: offset + texts.length, isCompacting } as const;
    if (this.#late) this.#late.push(stored);
    else this.#note(stored);
    return offset;
  }

  /** Tells where it belongs. Most are small; some reach over several sectors. */
  #value(topic: string, partition: number): string {
    const { random } = this.#world;
    const size = random.oneIn(6) ? 500 + random.below(900) : random.below(120);
    return `${topic}/${partition}/${this.#records++} ${"x".repeat(size)}`;
  }

  async #commit(): Promise<void> {
    const { random } = this.#world;
    const partition = this.#anyPartition();
    const place = this.#nextCommit(GROUPS[random.below(GROUPS.length)], partition);
    if (place === undefined) return;
    const { group, offset } = place;
    const fact = { ...place, isSynced: this.#options.durability === "power" };
    this.#note({ type: "committing", ...fact });
    const entry = { topic: partition.topic.name, partition: partition.index, offset };
    const committed = this.#engine.offsets.commit(group, [entry]);
    this.#await(committed.then(() => this.#note({ type: "committed", ...fact })));
    if (random.oneIn(2)) await this.#settle();
  }

  /** Never back. */
  #nextCommit(group: string, partition: Partition): GroupPlace | undefined {
    const where = this.#where(partition);
    const place = placeOf(group, where.topic, where.partition);
    const before = this.#committed.get(place) ?? 0;
    const last = partition.highWatermark;
    if (last < before) return undefined;
    const offset = before + this.#world.random.below(last - before + 1);
    // Else nothing would tell whether the second of two transactions has committed it.
    if (group === TRANSACTIONAL_GROUP && offset === this.#committed.get(place)) return undefined;
    this.#committed.set(place, offset);
    return { group, ...where, offset };
  }

  #transactionHost(): ConstructorParameters<typeof Transactor>[0] {
    const note = (type: "committing" | "committed", commits: GroupPlace[], isSynced: boolean) => {
      for (const commit of commits) this.#note({ type, ...commit, isSynced });
    };
    const engineOf = () => this.#engine;
    return {
      random: this.#world.random,
      get engine() {
        return engineOf();
      },
      anyPartition: () => this.#anyPartition(),
      build: (partition) => this.#build(partition),
      send: (...batch) => this.#send(...batch),
      nextCommit: (group, partition) => this.#nextCommit(group, partition),
      ending: (tx, outcome, isPower, commits) => {
        note("committing", commits, isPower);
        this.#note({ type: "ending", tx, outcome, isPower, commits });
      },
      ended: (tx, isPower, commits) => {
        this.#note({ type: "ended", tx });
        note("committed", commits, isPower);
      },
    };
  }

  async #flush(): Promise<void> {
    await this.#settle();
    await this.#engine.flush();
    this.#noteSettled();
  }

  async #create(): Promise<void> {
    const { random } = this.#world;
    const name = NAMES.find((free) => !this.#engine.topics.has(free));
    if (name === undefined) return;
    const topic = `${name}#${++this.#records}`;
    const isCompact = random.oneIn(3);
    const options: TopicOptions = {
      partitions: 1 + random.below(3),
      segmentBytes: SEGMENT_BYTES[random.below(SEGMENT_BYTES.length)],
      indexIntervalBytes: random.oneIn(2) ? 0 : 300,
      durability: random.oneIn(2) ? "power" : "process",
      retentionBytes: !isCompact && random.oneIn(3) ? 2000 : -1,
      cleanupPolicy: isCompact ? "compact" : "delete",
      deleteRetentionMs: random.oneIn(2) ? 0 : 1000,
    };
    const { partitions = 1, segmentBytes = 0 } = options;
    this.#note({ type: "creating", topic, name, partitions, segmentBytes, isCompact });
    this.#ids.set(name, topic);
    await (await this.#engine.createTopic(name, options)).ready();
    this.#note({ type: "created", topic });
  }

  async #delete(): Promise<void> {
    // A sync that fails under those who wait for it is no fault of theirs.
    await this.#settle();
    const topic = this.#anyTopic();
    const id = this.#ids.get(topic.name)!;
    this.#note({ type: "deleting", topic: id });
    await this.#engine.deleteTopic(topic.name);
    this.#note({ type: "deleted", topic: id });
  }

  async #grow(): Promise<void> {
    const topic = this.#anyTopic();
    const fact = { topic: this.#ids.get(topic.name)!, partitions: topic.partitionCount + 1 };
    this.#note({ type: "growing", ...fact });
    await topic.addPartitions(fact.partitions);
    await topic.ready();
    this.#note({ type: "grown", ...fact });
  }

  async #alter(): Promise<void> {
    const { random } = this.#world;
    const topic = this.#anyTopic();
    const fact = { topic: this.#ids.get(topic.name)!, segmentBytes: SEGMENT_BYTES[random.below(SEGMENT_BYTES.length)] };
    this.#note({ type: "altering", ...fact });
    await topic.alterConfig({ segmentBytes: fact.segmentBytes, durability: random.oneIn(2) ? "power" : "process" });
    this.#note({ type: "altered", ...fact });
  }

  /** Sometimes it is still under way when others go on. It may wait for another one, and goes up to the end that there is by then. */
  async #compact(): Promise<void> {
    const partition = this.#anyPartition();
    if (!isCompacted(partition.topic)) return;
    this.#note({ type: "compacting", ...this.#where(partition), end: partition.endOffset });
    const compaction = this.#engine.compact(partition).then(() => {});
    this.#compactions.set(partition, compaction);
    const forget = () => {
      if (this.#compactions.get(partition) === compaction) this.#compactions.delete(partition);
    };
    compaction.then(forget, forget);
    this.#await(compaction);
    if (this.#world.random.oneIn(2)) await this.#settle();
  }

  async #deleteRecords(): Promise<void> {
    const partition = this.#anyPartition();
    const { startOffset, highWatermark } = partition;
    const start = startOffset + this.#world.random.below(highWatermark - startOffset + 1);
    await this.#cut(partition, start, () => partition.deleteRecordsBefore(start));
  }

  async #truncate(): Promise<void> {
    const partition = this.#anyPartition();
    await this.#cut(partition, partition.endOffset, () => partition.truncate());
  }

  async #cut(partition: Partition, start: number, run: () => Promise<unknown>): Promise<void> {
    const where = this.#where(partition);
    this.#note({ type: "cutting", ...where, start });
    await run();
    this.#note({ type: "cut", ...where, start });
  }

  /** What retention takes may come back with a power cut: nothing is promised. */
  async #retain(): Promise<void> {
    for (const topic of this.#topics()) {
      for (const partition of topic.partitions) {
        this.#note({ type: "cutting", ...this.#where(partition!), start: partition!.endOffset });
      }
    }
    await this.#engine.retain();
  }

  async #close(): Promise<void> {
    await this.#settle();
    await this.#engine.close();
    this.#noteSettled();
    this.#transactor.forget();
    await this.open();
  }

  async #die(): Promise<void> {
    this.#pending = [];
    this.#process.kill();
    this.#transactor.forget();
    await this.open();
  }

  /** Somebody waits for it, in a later step; its failure is a fault of that step. */
  #await(work: Promise<void>): void {
    work.catch(() => {});
    this.#pending.push(work);
  }

  /** What the engine calls durable, and shows at "power", is a promise too. */
  #noteDurable(): void {
    for (const topic of this.#topics()) {
      for (const partition of topic.partitions) {
        const { durableOffset, highWatermark } = partition!;
        const end = topic.durability === "power" ? Math.max(durableOffset, highWatermark) : durableOffset;
        this.#note({ type: "synced", ...this.#where(partition!), end });
      }
    }
  }

  /** Everything was synced, unless a sync has failed, which those who wait for it have been told. */
  #noteSettled(): void {
    const partitions = [...this.#engine.topics.values()].flatMap((topic) => topic.partitions);
    if (!partitions.some((partition) => partition?.poisoned)) this.#note({ type: "settled" });
  }

  #topics(): Topic[] {
    return [...this.#engine.topics.values()].filter((topic) => !topic.isInternal);
  }

  #anyTopic(): Topic {
    const topics = this.#topics();
    return topics[this.#world.random.below(topics.length)];
  }

  #anyPartition(): Partition {
    const topic = this.#anyTopic();
    return topic.partition(this.#world.random.below(topic.partitionCount));
  }

  #where({ topic, index }: Partition): { topic: string; partition: number } {
    return { topic: this.#ids.get(topic.name)!, partition: index };
  }

  #note(fact: Fact): void {
    this.#world.ack(fact);
  }
}

function isCompacted(topic: Pick<Topic, "config">): boolean {
  return topic.config.cleanupPolicy !== "delete";
}

function placeOf(group: string, topic: string, partition: number): string {
  return `${group} ${topic}/${partition}`;
}

/** What a failing disk does to those who work on it. */
function isFault(error: unknown): boolean {
  return hasCode(error, "VARVE_POISONED", "VARVE_IO") || isStuck(error);
}

/** Its markers cannot be written, for that reason. */
function isStuck(error: unknown): boolean {
  return hasCode(error, "VARVE_TRANSACTION_STATE") && error.retriable;
}
