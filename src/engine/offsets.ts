/**
 * Committed offsets and the groups that commit them, kept in `__consumer_offsets` in Kafka's own records.
 *
 * A commit is one batch, so it is there as a whole or not at all, and it counts once it has the durability of that topic.
 * The topic is made by the first commit, and read on first use (`ready`). After a crash what was committed past the end of
 * a partition, which a power cut may have set back, is brought down to that end and committed again: else records that
 * are appended from now on would be skipped later.
 */
import { VarveError } from "../errors.ts";
import { BatchBuilder } from "../format/batch-builder.ts";
import {
  type GroupMetadataValue,
  writeGroupMetadataKey,
  writeGroupMetadataValue,
  writeOffsetCommitKey,
  writeOffsetCommitValue,
} from "../format/group-metadata.ts";
import { partitionForId } from "../format/java-hash.ts";
import type { Clock } from "../storage/clock.ts";
import { partitionFolder } from "../storage/paths.ts";
import { type LoadedRecord, loadCommits } from "./offsets-loading.ts";
import type { Partition } from "./partition.ts";
import { PendingOffsets } from "./pending-offsets.ts";
import type { Topic } from "./topic.ts";
import type { ProducerIdentity } from "./transactions/transaction.ts";

export interface TopicPartition {
  topic: string;
  partition: number;
}

export interface OffsetCommit extends TopicPartition {
  /** Of the record to go on at. */
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface CommittedOffset {
  offset: number;
  /** -1: unknown. */
  leaderEpoch: number;
  metadata: string;
  commitTimestamp: number;
}

/** What the store asks of the data directory. */
export interface OffsetsHost {
  readonly clock: Clock;
  readonly topics: ReadonlyMap<string, Topic>;
  /** Undefined until there was a commit. */
  offsetsTopic(): Topic | undefined;
  createOffsetsTopic(): Promise<Topic>;
  warn(message: string): void;
}

export interface Clamped extends TopicPartition {
  group: string;
  from: number;
  to: number;
}

interface Stored extends TopicPartition, CommittedOffset {
  /** The record that says so: of two commits under way the later one wins. */
  at: number;
}

/** Of one batch, when very many offsets are forgotten at once. */
const MOST_TOMBSTONES = 5000;

export class OffsetStore {
  readonly #host: OffsetsHost;
  /** Group → folder name of the partition → what it has committed there. */
  readonly #groups = new Map<string, Map<string, Stored>>();
  /** Group → who was in it, as it was loaded; the coordinator knows more. */
  readonly #storedGroups = new Map<string, GroupMetadataValue>();
  /** Partition of `__consumer_offsets` → what was committed there in transactions that are open. */
  readonly #pending = new Map<number, PendingOffsets>();
  readonly #watchers = new Set<(group: string) => void>();
  #loading: Promise<void> | undefined;
  #isLoaded = false;

  constructor(host: OffsetsHost) {
    this.#host = host;
  }

  /** Reads what was committed. `committed`, `groups` and the like want this to have happened once. */
  ready(): Promise<void> {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /**
   * Resolves when the commit has the durability of the topic of committed offsets. Offsets past the end are taken from clients
   * of the wire alone, since Kafka takes them.
   */
  async commit(group: string, entries: readonly OffsetCommit[], mayPassEnd = false): Promise<void> {
    checkGroup(group);
    for (const entry of entries) this.#check(entry, mayPassEnd);
    await this.ready();
    if (entries.length === 0) return;
    const commitTimestamp = this.#host.clock.now();
    const values = entries.map(({ leaderEpoch = -1, metadata = "", ...entry }) => {
      return { ...entry, leaderEpoch, metadata, commitTimestamp };
    });
    await this.#write(group, values);
  }

  /**
   * Commits in a transaction: it counts once that is committed. The partition that holds the group must have been added to
   * it. Resolves with the durability of the topic.
   */
  async commitInTransaction(
    group: string,
    producer: ProducerIdentity,
    entries: readonly OffsetCommit[],
    mayPassEnd = false,
  ): Promise<void> {
    checkGroup(group);
    for (const entry of entries) this.#check(entry, mayPassEnd);
    const partition = await this.partitionOf(group);
    if (entries.length === 0) return;
    const commitTimestamp = this.#host.clock.now();
    const builder = new BatchBuilder();
    const records: LoadedRecord[] = [];
    for (const { topic, partition, offset, leaderEpoch = -1, metadata = "" } of entries) {
      const value = { offset, leaderEpoch, metadata, commitTimestamp };
      const key = writeOffsetCommitKey(group, topic, partition);
      builder.append(key, writeOffsetCommitValue(value), undefined, commitTimestamp);
      records.push({ kind: "offset-commit", group, topic, partition, at: 0, value });
    }
    const baseOffset = partition.append(builder.seal({ ...producer, baseSequence: 0, isTransactional: true }));
    for (let index = 0; index < records.length; index++) records[index].at = baseOffset + index;
    this.#pendingIn(partition.index).add(producer.producerId, records);
    await partition.acknowledged(baseOffset + records.length);
  }

  /** The marker of a transaction was appended to a partition of `__consumer_offsets`. */
  ended({ index }: Partition, producerId: number, isCommit: boolean): void {
    const records = this.#pending.get(index)?.take(producerId) ?? [];
    if (isCommit) for (const record of records) this.#apply(record);
    this.#settled(records);
  }

  /** Whether an open transaction has committed for the partition, so that what is committed may change any moment. */
  isPending(group: string, topic: string, partition: number): boolean {
    for (const pending of this.#pending.values()) if (!pending.of(group, topic, partition).next().done) return true;
    return false;
  }

  /** The partition of `__consumer_offsets` that holds the group, open and read. */
  async partitionOf(group: string): Promise<Partition> {
    checkGroup(group);
    await this.ready();
    return this.#readyHome(group) ?? this.#openHome(group);
  }

  /** Calls `fn` when a group has committed, or changed its members. Returns the call that ends it. */
  watch(fn: (group: string) => void): () => void {
    this.#watchers.add(fn);
    return () => this.#watchers.delete(fn);
  }

  committed(group: string, topic: string, partition: number): CommittedOffset | undefined {
    this.#checkLoaded();
    const stored = this.#groups.get(group)?.get(partitionFolder(topic, partition));
    return stored && toCommitted(stored);
  }

  /** Everything that the group has committed. */
  allCommitted(group: string): (TopicPartition & { committed: CommittedOffset })[] {
    this.#checkLoaded();
    return [...(this.#groups.get(group)?.values() ?? [])].map((stored) => {
      return { topic: stored.topic, partition: stored.partition, committed: toCommitted(stored) };
    });
  }

  groups(): string[] {
    this.#checkLoaded();
    return [...this.#groups.keys()].sort();
  }

  /** Who was in the groups when the directory was opened. */
  storedGroups(): { group: string; value: GroupMetadataValue }[] {
    this.#checkLoaded();
    return Array.from(this.#storedGroups, ([group, value]) => ({ group, value }));
  }

  /** Writes down who is in the group; null: it is no more. Resolves with its durability. */
  async writeGroup(group: string, value: GroupMetadataValue | null): Promise<void> {
    checkGroup(group);
    const bytes = value && writeGroupMetadataValue(value);
    await this.ready();
    const builder = new BatchBuilder();
    builder.append(writeGroupMetadataKey(group), bytes, undefined, this.#host.clock.now());
    await this.#append(group, builder);
    this.#changed(group);
  }

  /** Forgets what the group has committed, or that of some partitions. */
  async delete(group: string, which?: readonly TopicPartition[]): Promise<void> {
    await this.ready();
    const present = this.#present(group);
    await this.#forget(group, which ? present.filter((stored) => which.some((one) => isSame(one, stored))) : present);
  }

  /**
   * Forgets what all groups have committed for a topic, for good at any durability: else a power cut could bring it back, and
   * a topic of the same name would be read from there on.
   */
  async deleteTopic(topic: string): Promise<void> {
    if (!this.#host.offsetsTopic()) return;
    await this.ready();
    const groups = new Set(this.#groups.keys());
    for (const pending of this.#pending.values()) for (const { group } of pending.ofTopic(topic)) groups.add(group);
    for (const group of groups) {
      await this.#forget(
        group,
        this.#present(group).filter((stored) => stored.topic === topic),
      );
    }
    await this.#flush();
  }

  /** Brings what lies past the end of its partition down to it. `isWritable`: for good. */
  async clamp(isWritable: boolean): Promise<Clamped[]> {
    await this.ready();
    const clamped: Clamped[] = [];
    for (const [group, present] of [...this.#groups]) {
      const lowered: (TopicPartition & CommittedOffset)[] = [];
      for (const stored of present.values()) {
        const end = this.#endOf(stored);
        if (end === undefined || stored.offset <= end) continue;
        const { topic, partition, offset, metadata } = stored;
        clamped.push({ group, topic, partition, from: offset, to: end });
        lowered.push({
          topic,
          partition,
          offset: end,
          leaderEpoch: -1,
          metadata,
          commitTimestamp: this.#host.clock.now(),
        });
      }
      if (isWritable && lowered.length > 0) await this.#write(group, lowered);
      else for (const value of lowered) this.#put(group, { ...value, at: Number.POSITIVE_INFINITY });
    }
    // A power cut must not bring back what the log will have grown past by then.
    if (isWritable && clamped.length > 0) await this.#flush();
    return clamped;
  }

  async #flush(): Promise<void> {
    for (const partition of this.#host.offsetsTopic()?.partitions ?? []) await partition?.flush();
  }

  async #load(): Promise<void> {
    const topic = this.#host.offsetsTopic();
    for (const partition of topic?.partitions ?? []) {
      if (!partition) continue;
      await partition.ready();
      for await (const loaded of loadCommits(partition, (message) => this.#host.warn(message))) {
        if (loaded.kind === "end") this.ended(partition, loaded.producerId, loaded.isCommit);
        else if (loaded.producerId === undefined) for (const record of loaded.records) this.#apply(record);
        else this.#pendingIn(partition.index).add(loaded.producerId, loaded.records);
      }
    }
    this.#isLoaded = true;
  }

  #apply(record: LoadedRecord): void {
    if (record.kind === "group-metadata") {
      if (record.value) this.#storedGroups.set(record.group, record.value);
      else this.#storedGroups.delete(record.group);
      return;
    }
    const { group, value, topic, partition, at } = record;
    if (value) this.#put(group, { topic, partition, at, ...value });
    else this.#take(group, { topic, partition, at });
  }

  async #write(group: string, values: readonly (TopicPartition & CommittedOffset)[]): Promise<void> {
    const builder = new BatchBuilder();
    for (const { topic, partition, ...value } of values) {
      const key = writeOffsetCommitKey(group, topic, partition);
      builder.append(key, writeOffsetCommitValue(value), undefined, this.#host.clock.now());
    }
    const at = await this.#append(group, builder);
    values.forEach((value, index) => {
      this.#put(group, { ...value, at: at + index });
    });
    this.#changed(group);
  }

  async #forget(group: string, stored: readonly TopicPartition[]): Promise<void> {
    for (let start = 0; start < stored.length; start += MOST_TOMBSTONES) {
      const gone = stored.slice(start, start + MOST_TOMBSTONES);
      const builder = new BatchBuilder();
      for (const { topic, partition } of gone) {
        builder.append(writeOffsetCommitKey(group, topic, partition), null, undefined, this.#host.clock.now());
      }
      const at = await this.#append(group, builder);
      gone.forEach((where, index) => {
        this.#take(group, { ...where, at: at + index });
      });
    }
    this.#changed(group);
  }

  /** What the group has committed, also where that does not count yet. */
  #present(group: string): TopicPartition[] {
    const present: TopicPartition[] = [...(this.#groups.get(group)?.values() ?? [])];
    for (const pending of this.#pending.values()) {
      for (const record of pending.of(group)) if (!present.some((one) => isSame(one, record))) present.push(record);
    }
    return present;
  }

  #pendingIn(index: number): PendingOffsets {
    const pending = this.#pending.get(index) ?? new PendingOffsets();
    this.#pending.set(index, pending);
    return pending;
  }

  /** What those records waited for is over. */
  #settled(records: readonly LoadedRecord[]): void {
    if (!this.#isLoaded) return;
    for (const group of new Set(records.map((record) => record.group))) this.#changed(group);
  }

  #changed(group: string): void {
    for (const fn of this.#watchers) fn(group);
  }

  /** Returns the offset of the first record, once it has its durability. */
  async #append(group: string, builder: BatchBuilder): Promise<number> {
    const partition = this.#readyHome(group) ?? (await this.#openHome(group));
    const offset = partition.append(builder.seal());
    await partition.acknowledged(offset + builder.recordCount);
    return offset;
  }

  #readyHome(group: string): Partition | undefined {
    const topic = this.#host.offsetsTopic();
    const partition = topic?.partition(partitionForId(group, topic.partitionCount));
    return partition?.isReady ? partition : undefined;
  }

  async #openHome(group: string): Promise<Partition> {
    const topic = this.#host.offsetsTopic() ?? (await this.#host.createOffsetsTopic());
    const partition = topic.partition(partitionForId(group, topic.partitionCount));
    await partition.ready();
    return partition;
  }

  #put(group: string, stored: Stored): void {
    const present = this.#groups.get(group) ?? new Map<string, Stored>();
    this.#groups.set(group, present);
    const name = partitionFolder(stored.topic, stored.partition);
    if (!(Number(present.get(name)?.at) > stored.at)) present.set(name, stored);
  }

  #take(group: string, gone: TopicPartition & { at: number }): void {
    for (const pending of this.#pending.values()) pending.forget(group, gone.topic, gone.partition, gone.at);
    const present = this.#groups.get(group);
    const name = partitionFolder(gone.topic, gone.partition);
    if (!present || Number(present.get(name)?.at) > gone.at) return;
    present.delete(name);
    if (present.size === 0) this.#groups.delete(group);
  }

  #check({ topic: name, partition: index, offset }: OffsetCommit, mayPassEnd: boolean): void {
    const topic = this.#host.topics.get(name);
    if (!topic) throw new VarveError("VARVE_UNKNOWN_TOPIC", `there is no topic ${name}`, { topic: name });
    const partition = topic.partition(index);
    const end = partition.isKnown && !mayPassEnd ? partition.endOffset : Number.MAX_SAFE_INTEGER;
    if (Number.isSafeInteger(offset) && offset >= 0 && offset <= end) return;
    const message = `${name}-${index}: ${offset} cannot be committed; an offset from 0 to ${end}, its end, was expected`;
    throw new VarveError("VARVE_OFFSET_OUT_OF_RANGE", message, { topic: name, partition: index, offset });
  }

  /** Undefined where the partition is gone, or could not be opened. */
  #endOf({ topic, partition }: TopicPartition): number | undefined {
    const found = this.#host.topics.get(topic)?.partitions[partition];
    return found?.isReady ? found.endOffset : undefined;
  }

  #checkLoaded(): void {
    if (!this.#isLoaded) throw new Error("committed offsets were asked for before they were ready");
  }
}

function checkGroup(group: unknown): void {
  if (typeof group === "string" && group !== "") return;
  throw new VarveError("VARVE_INVALID_ARGUMENT", "the name of a group must be a string that is not empty");
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic;
}

function toCommitted({ offset, leaderEpoch, metadata, commitTimestamp }: Stored): CommittedOffset {
  return { offset, leaderEpoch, metadata, commitTimestamp };
}
