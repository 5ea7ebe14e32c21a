/**
 * The topics of a data directory, and the changes to them: created, grown, configured, deleted.
 *
 * Every change is in the catalogue before it is visible, and one is made at a time. A crash in the middle of one leaves
 * what the next open can finish: a created topic whose folders are still to be made, or one marked as being deleted.
 */
import { VarveError } from "../errors.ts";
import { ZERO_UUID } from "../format/uuid.ts";
import type { Chance } from "../storage/clock.ts";
import type { LastClose } from "../storage/log-state.ts";
import { deletedPartitionFolder, join, parsePartitionFolder, partitionFolder } from "../storage/paths.ts";
import { forEachAtOnce } from "./at-once.ts";
import type { Catalogue, CatalogueContent, CatalogueTopic } from "./catalogue.ts";
import type { LoadedCheckpoints } from "./checkpoints.ts";
import { looksCleaned } from "./cleaned.ts";
import {
  alteredConfig,
  type ConfigChanges,
  checkTopicOptions,
  type Durability,
  MAX_PARTITIONS,
  PARTITIONS,
  type TopicOptions,
} from "./config.ts";
import { discoverTopics, livePartitionFolders, topicIdIn } from "./directory.ts";
import { newUuid } from "./meta-properties.ts";
import { checkOption, nearest } from "./options.ts";
import { Partition, type PartitionHost } from "./partition.ts";
import { isInternalName, Topic, type TopicHost } from "./topic.ts";
import { checkNewName } from "./topic-names.ts";

/** The data directory around the topics. */
export interface Surroundings extends Omit<PartitionHost, "recordStart"> {
  readonly path: string;
  readonly chance: Chance;
  readonly durability: Durability;
  checkOpen(): void;
  /** Forgets what was committed for the topic. */
  forgetOffsets(topic: string): Promise<void>;
  /** Writes the checkpoints as they are now. */
  checkpoint(): Promise<void>;
}

const DELETED_ID_BYTES = 16;
/** Each makes a few small files and syncs them; so many share a sync of the folder above them. */
const CONCURRENT_OPENS = 32;

export class Topics implements TopicHost {
  readonly #around: Surroundings;
  readonly #host: PartitionHost;
  readonly #topics = new Map<string, Topic>();
  /** What the catalogue says; also topics that are being deleted. */
  readonly #entries = new Map<string, CatalogueTopic>();
  readonly #listeners = new Set<() => void>();
  #catalogue: Catalogue | undefined;
  #content: Omit<CatalogueContent, "topics"> = { clusterId: "", directoryId: "", nextProducerId: 0 };
  #changing: Promise<unknown> = Promise.resolve();
  /** Under way, or waiting for their turn. */
  #changes = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    const { files, clock, readOnly, space, counters } = around;
    this.#host = {
      files,
      clock,
      readOnly,
      space,
      counters,
      report: (event) => around.report(event),
      touched: (partition) => around.touched(partition),
      checkTransaction: (partition, producerId, producerEpoch) => {
        around.checkTransaction(partition, producerId, producerEpoch);
      },
      opened: (partition) => around.opened(partition),
      recordStart: (partition, offset) => this.#recordStart(partition, offset),
    };
  }

  get durability(): Durability {
    return this.#around.durability;
  }

  get all(): ReadonlyMap<string, Topic> {
    return this.#topics;
  }

  get clusterId(): string {
    return this.#content.clusterId;
  }

  *partitions(): Generator<Partition> {
    for (const topic of this.#topics.values()) for (const partition of topic.partitions) if (partition) yield partition;
  }

  get(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic) return topic;
    const meant = typeof name === "string" ? nearest(name, [...this.#topics.keys()]) : undefined;
    const advice = meant === undefined ? "" : `; did you mean ${meant}?`;
    const message = `there is no topic ${JSON.stringify(name)}${advice}`;
    throw new VarveError("VARVE_UNKNOWN_TOPIC", message, typeof name === "string" ? { topic: name } : undefined);
  }

  /** Calls `fn` when topics came, went or changed. */
  listen(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  // ---- at open

  /** Takes the topics from the catalogue. `lastClose` is how their partitions were left. */
  load(content: CatalogueContent, catalogue: Catalogue, lastClose: LastClose, checkpoints: LoadedCheckpoints): void {
    const { clusterId, directoryId, nextProducerId, topics } = content;
    this.#catalogue = catalogue;
    this.#content = { clusterId, directoryId, nextProducerId };
    for (const entry of topics) {
      this.#entries.set(entry.name, entry);
      if (entry.deleting) continue;
      const topic = new Topic(entry.name, entry.id, entry.config, this);
      const partitions = numbers(entry.partitions).map((index) =>
        this.#isThere(topic.name, index)
          ? this.#partition(topic, index, lastClose, startOf(entry, index), checkpoints)
          : undefined,
      );
      topic.setPartitions(partitions);
      this.#topics.set(topic.name, topic);
    }
  }

  /** Takes the topics from the names of folders, where there is no catalogue. `only` names a single one, at the path itself. */
  async discover(
    folders: readonly string[],
    lastClose: LastClose,
    checkpoints: LoadedCheckpoints,
    only?: string,
  ): Promise<void> {
    const { files, clock, path } = this.#around;
    for (const [name, indexes] of discoverTopics(folders)) {
      const folderOf = (index: number) => only ?? join(path, partitionFolder(name, index));
      const isListed = indexes.some((index) => checkpoints.cleaned?.has(partitionFolder(name, index)));
      const isCleaned =
        isInternalName(name) ||
        isListed ||
        (!checkpoints.cleaned && (await looksCleaned(files, clock, folderOf(indexes[0]))));
      const id = topicIdIn(files, folderOf(indexes[0])) ?? ZERO_UUID;
      // Nothing tells what the values are.
      const topic = new Topic(name, id, { cleanupPolicy: isCleaned ? "compact" : "delete", codec: "bytes" }, this);
      const partitions: (Partition | undefined)[] = [];
      for (const index of indexes) {
        const start = checkpoints.logStarts.get(partitionFolder(name, index)) ?? 0;
        partitions[index] = this.#partition(topic, index, lastClose, start, checkpoints, folderOf(index));
      }
      // Holes become undefined.
      topic.setPartitions(Array.from(partitions));
      this.#topics.set(name, topic);
    }
  }

  /** Ends deletions that a crash has cut short, and removes the folders that were renamed for it. */
  async finishDeletions(): Promise<void> {
    const { files, path } = this.#around;
    for (const entry of [...this.#entries.values()]) if (entry.deleting) await this.#remove(entry);
    for (const name of files.list(path) ?? []) {
      if (parsePartitionFolder(name)?.state === "deleted") files.removeFolder(join(path, name));
    }
  }

  /** Partition folders that the catalogue does not know. They are left alone. */
  strayFolders(): string[] {
    const { files, path } = this.#around;
    const known = new Set([...this.partitions()].map((partition) => partition.folder));
    return livePartitionFolders(files, path).filter((name) => !known.has(join(path, name)));
  }

  catalogueContent(): CatalogueContent {
    return { ...this.#content, topics: [...this.#entries.values()] };
  }

  writeCatalogue(): Promise<void> {
    return this.#catalogue!.write(() => this.catalogueContent());
  }

  /** Resolves when no change is under way. */
  settled(): Promise<unknown> {
    return this.#changing;
  }

  /** Takes `count` producer ids out of the catalogue, for good. Returns the first. */
  reserveProducerIds(count: number): Promise<number> {
    return this.#change(async () => {
      const first = this.#content.nextProducerId;
      this.#content = { ...this.#content, nextProducerId: first + count };
      await this.writeCatalogue();
      return first;
    });
  }

  /** The same at once; undefined while the catalogue is being changed. */
  reserveProducerIdsNow(count: number): number | undefined {
    this.#checkWritable();
    if (this.#changes > 0 || !this.#catalogue!.isIdle) return undefined;
    const first = this.#content.nextProducerId;
    this.#content = { ...this.#content, nextProducerId: first + count };
    this.#catalogue!.writeNow(this.catalogueContent());
    return first;
  }

  // ---- changes

  /** Throws what `create` would. */
  check(name: string, given: unknown): void {
    checkTopicOptions(given, String(name));
    this.#checkWritable();
    checkNewName(name, this.#topics);
  }

  create(name: string, given: unknown): Promise<Topic> {
    return this.#change(async () => {
      const { partitions = 1, ifNotExists = false, ...config } = checkTopicOptions(given, String(name));
      const present = this.#topics.get(name);
      if (present && ifNotExists) return present;
      checkNewName(name, this.#topics);
      return this.#create(name, partitions, config);
    });
  }

  /** One of the log's own topics, made on first use. */
  ensureInternal(name: string, { partitions = 1, ...config }: TopicOptions): Promise<Topic> {
    return this.#change(async () => this.#topics.get(name) ?? this.#create(name, partitions, config));
  }

  delete(name: string): Promise<void> {
    return this.#change(async () => {
      const topic = this.get(name);
      if (topic.isInternal) {
        const message = `the topic ${name} is the log's own; it cannot be deleted`;
        throw new VarveError("VARVE_INVALID_TOPIC", message, { topic: name });
      }
      const entry: CatalogueTopic = { ...this.#entry(topic), deleting: true };
      await this.#set(name, entry);
      topic.isDeleted = true;
      this.#topics.delete(name);
      for (const partition of topic.partitions) await partition?.close().catch(() => partition.closeNow());
      await this.#remove(entry);
      for (const partition of topic.partitions) partition?.forget();
      this.#notify();
    });
  }

  addPartitions(topic: Topic, total: number): Promise<void> {
    return this.#change(async () => {
      this.#checkPresent(topic);
      checkOption("partitions", total, PARTITIONS, `the topic ${topic.name}`);
      const before = topic.partitionCount;
      if (total < before) {
        const message = `the topic ${topic.name} has ${before} partitions, and cannot be cut to ${total}`;
        throw new VarveError("VARVE_INVALID_OPTION", message, { topic: topic.name, option: "partitions" });
      }
      const added = numbers(total)
        .slice(before)
        .map((index) => this.#newPartition(topic, index));
      if (added.length === 0) return;
      this.#checkFoldersFree(added);
      await this.#set(topic.name, { ...this.#entry(topic), partitions: total });
      await this.#openNew(added, () => this.#set(topic.name, { ...this.#entry(topic), partitions: before }));
      topic.setPartitions([...topic.partitions, ...added]);
      this.#notify();
    });
  }

  alterConfig(topic: Topic, changes: ConfigChanges): Promise<void> {
    return this.#change(async () => {
      this.#checkPresent(topic);
      const config = alteredConfig(topic.ownConfig, changes, topic.name);
      // Readers never see the high watermark fall: what they saw must be durable where that is what bounds them.
      if (config.durability === "power") for (const partition of topic.partitions) await partition?.flush();
      await this.#set(topic.name, { ...this.#entry(topic), config });
      topic.setConfig(config);
      this.#notify();
    });
  }

  /** Nothing changes while `fn` runs. */
  hold<T>(fn: () => Promise<T>): Promise<T> {
    return this.#queue(fn);
  }

  // ---- helpers

  async #create(name: string, count: number, config: TopicOptions): Promise<Topic> {
    const topic = new Topic(name, newUuid(this.#around.chance), config, this);
    const partitions = numbers(count).map((index) => this.#newPartition(topic, index));
    this.#checkFoldersFree(partitions);
    await this.#set(name, { name, id: topic.id, partitions: count, config, logStarts: [] });
    await this.#openNew(partitions, () => this.#set(name, undefined));
    topic.setPartitions(partitions);
    this.#topics.set(name, topic);
    this.#notify();
    return topic;
  }

  /** Makes the folders. When that fails, nothing of the partitions stays. */
  async #openNew(partitions: readonly Partition[], undo: () => Promise<void>): Promise<void> {
    try {
      await forEachAtOnce(CONCURRENT_OPENS, partitions, (partition) => partition.ready());
    } catch (error) {
      for (const partition of partitions) {
        await partition.close().catch(() => partition.closeNow());
        partition.forget();
        this.#around.files.removeFolder(partition.folder);
      }
      await undo();
      throw error;
    }
  }

  /** The rest of a deletion, from where the catalogue says that it has begun. Each step may have been done before. */
  async #remove(entry: CatalogueTopic): Promise<void> {
    const { files, path, chance } = this.#around;
    await this.#around.forgetOffsets(entry.name);
    const id = Buffer.from(chance(DELETED_ID_BYTES)).toString("hex");
    const renamed: string[] = [];
    for (const index of numbers(entry.partitions)) {
      const from = join(path, partitionFolder(entry.name, index));
      if (files.stat(from) === undefined) continue;
      const to = join(path, deletedPartitionFolder(entry.name, index, id));
      files.rename(from, to);
      renamed.push(to);
    }
    await files.syncFolder(path);
    for (const folder of renamed) files.removeFolder(folder);
    // Else a topic of the same name would be recovered from where this one was.
    await this.#around.checkpoint();
    await this.#set(entry.name, undefined);
  }

  #recordStart(partition: Partition, offset: number): Promise<void> {
    return this.#change(async () => {
      const entry = this.#entries.get(partition.topic.name);
      if (!entry || partition.topic.isDeleted) return;
      const others = entry.logStarts.filter(([index]) => index !== partition.index);
      await this.#set(entry.name, { ...entry, logStarts: [...others, [partition.index, offset]] });
    });
  }

  /** Changes an entry of the catalogue, and takes that back when it cannot be written. */
  async #set(name: string, entry: CatalogueTopic | undefined): Promise<void> {
    const before = this.#entries.get(name);
    this.#put(name, entry);
    try {
      await this.writeCatalogue();
    } catch (error) {
      this.#put(name, before);
      throw error;
    }
  }

  #put(name: string, entry: CatalogueTopic | undefined): void {
    if (entry) this.#entries.set(name, entry);
    else this.#entries.delete(name);
  }

  #change<T>(fn: () => Promise<T>): Promise<T> {
    return this.#queue(() => {
      this.#checkWritable();
      return fn();
    });
  }

  #queue<T>(fn: () => Promise<T>): Promise<T> {
    this.#changes++;
    const mine = this.#changing.then(fn).finally(() => {
      this.#changes--;
    });
    this.#changing = mine.catch(() => {});
    return mine;
  }

  #partition(
    topic: Topic,
    index: number,
    lastClose: LastClose,
    startOffset: number,
    { recoveryPoints, cleaned }: Pick<LoadedCheckpoints, "recoveryPoints" | "cleaned">,
    folder = join(this.#around.path, partitionFolder(topic.name, index)),
  ): Partition {
    const name = partitionFolder(topic.name, index);
    const recoveryPoint = recoveryPoints.get(name);
    const cleanedOffset = cleaned?.get(name) ?? 0;
    return new Partition(topic, index, { folder, lastClose, startOffset, recoveryPoint, cleanedOffset }, this.#host);
  }

  #newPartition(topic: Topic, index: number): Partition {
    return this.#partition(topic, index, "clean", 0, { recoveryPoints: new Map(), cleaned: undefined });
  }

  /** Read-only, what is not there cannot be made; otherwise it is made when it is first used. */
  #isThere(topic: string, index: number): boolean {
    const { files, path, readOnly } = this.#around;
    return !readOnly || files.stat(join(path, partitionFolder(topic, index)))?.kind === "folder";
  }

  #entry(topic: Topic): CatalogueTopic {
    return this.#entries.get(topic.name) as CatalogueTopic;
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #checkWritable(): void {
    this.#around.checkOpen();
    if (this.#around.readOnly) throw new VarveError("VARVE_READ_ONLY", "the log was opened read-only");
  }

  #checkPresent(topic: Topic): void {
    if (this.#topics.get(topic.name) === topic) return;
    throw new VarveError("VARVE_UNKNOWN_TOPIC", `the topic ${topic.name} has been deleted`, { topic: topic.name });
  }

  #checkFoldersFree(partitions: readonly Partition[]): void {
    for (const { folder, topic } of partitions) {
      if (this.#around.files.stat(folder) === undefined) continue;
      const message = `${folder} is there already, but not in the catalogue; move it away, or run \`varve repair\` to adopt it`;
      throw new VarveError("VARVE_TOPIC_EXISTS", message, { topic: topic.name, file: folder });
    }
  }
}

function startOf(entry: CatalogueTopic, index: number): number {
  return entry.logStarts.find(([partition]) => partition === index)?.[1] ?? 0;
}

function numbers(count: number): number[] {
  return Array.from({ length: Math.min(count, MAX_PARTITIONS) }, (_, index) => index);
}
