/**
 * What a workload has tried and what it was promised, and what follows from that for a disk after a crash.
 *
 * Each change is two facts: one before it is tried, from which on it may be there, and one when it was promised, from which
 * on it must be. "stored" is the promise of "process", that the page cache has it; "synced" that of "power".
 */
import type { CrashKind } from "./images.ts";
import { isGone, isMarkerText } from "./observe.ts";
import { type Place, TransactionLedger } from "./transaction-ledger.ts";
import { TRANSACTIONAL_GROUP } from "./transactor.ts";

export type Fact =
  | { type: "creating"; topic: string; name: string; partitions: number; segmentBytes: number; isCompact: boolean }
  | { type: "created"; topic: string }
  | { type: "deleting" | "deleted"; topic: string }
  | { type: "growing" | "grown"; topic: string; partitions: number }
  | { type: "altering" | "altered"; topic: string; segmentBytes: number }
  /** The batch that is appended next, one text for each record; in a transaction, if one is named. */
  | { type: "sending"; topic: string; partition: number; offset: number; epoch: number; texts: string[]; tx?: string }
  /** It was not: nothing of it may be there from now on. */
  | { type: "refused"; topic: string; partition: number; offset: number }
  /** `isCompacting`: a compaction of the partition waits for its turn, or runs, and may go as far. */
  | { type: "stored"; topic: string; partition: number; end: number; isCompacting?: boolean }
  | { type: "synced"; topic: string; partition: number; end: number }
  /** Records before `start` may go, and must be gone. */
  | { type: "cutting" | "cut"; topic: string; partition: number; start: number }
  /** Of the records before `end` only the latest of each key need stay. */
  | { type: "compacting"; topic: string; partition: number; end: number }
  | {
      type: "committing" | "committed";
      group: string;
      topic: string;
      partition: number;
      offset: number;
      isSynced: boolean;
    }
  /** `isPower`: some partition of it is, so that all of it is synced. `commits` are the offsets that belong to it. */
  | { type: "ending"; tx: string; outcome: "commit" | "abort"; isPower: boolean; commits: GroupPlace[] }
  | { type: "ended"; tx: string }
  /** All that was promised so far was synced. */
  | { type: "settled" }
  /** The disk went through a crash, and this is what the next open has found. */
  | { type: "crashed"; kind: CrashKind }
  | { type: "found"; observed: Observed };

/** What a group has committed. */
export interface GroupPlace extends Place {
  group: string;
}

export interface Observed {
  topics: ObservedTopic[];
  commits: { group: string; name: string; partition: number; offset: number }[];
}

export interface ObservedTopic {
  name: string;
  segmentBytes: number;
  partitions: ObservedPartition[];
}

export interface ObservedPartition {
  start: number;
  end: number;
  epoch: number;
  /** Where the earliest open transaction begins. */
  lastStable: number;
  aborted: { producerId: number; firstOffset: number; lastOffset: number }[];
  /** From `start` on, markers among them, and what stands for those that compaction has taken. */
  records: StoredRecord[];
}

export interface StoredRecord {
  epoch: number;
  text: string;
  /** Of one that belongs to a transaction. */
  producerId?: number;
}

interface SentRecord extends StoredRecord {
  /** The transaction's name. */
  tx?: string;
}

/** A topic from its creation to its deletion: another one of the same name is another topic. */
export class TopicLedger {
  readonly name: string;
  readonly id: string;
  state: "creating" | "created" | "deleting" | "deleted" = "creating";
  fewestPartitions: number;
  mostPartitions: number;
  segmentBytes: number[];
  readonly isCompact: boolean;
  readonly partitions = new Map<number, PartitionLedger>();

  constructor({ topic, name, partitions, segmentBytes, isCompact }: Extract<Fact, { type: "creating" }>) {
    this.id = topic;
    this.name = name;
    this.fewestPartitions = partitions;
    this.mostPartitions = partitions;
    this.segmentBytes = [segmentBytes];
    this.isCompact = isCompact;
  }

  partition(index: number): PartitionLedger {
    const known = this.partitions.get(index) ?? new PartitionLedger();
    this.partitions.set(index, known);
    return known;
  }
}

export class PartitionLedger {
  /** The offset of the first of `records`. */
  first = 0;
  records: SentRecord[] = [];
  stored = 0;
  synced = 0;
  leastStart = 0;
  mostStart = 0;
  /** Records before it may be gone, as far as compaction goes. */
  compacted = 0;
  readonly commits = new Map<string, CommitLedger>();
  /** What was promised, or served, under an offset and an epoch. */
  readonly promised = new Map<string, string>();

  get end(): number {
    return this.first + this.records.length;
  }

  at(offset: number): SentRecord | undefined {
    return this.records[offset - this.first];
  }

  /** The end that a log must have at least. */
  leastEnd(kind: CrashKind): number {
    return kind === "process" ? this.stored : this.synced;
  }

  promise(from: number, to: number): void {
    for (let offset = Math.max(from, this.first); offset < to; offset++) {
      const { epoch, text } = this.at(offset)!;
      this.promised.set(`${offset}/${epoch}`, text);
    }
  }
}

export interface CommitLedger {
  stored: number;
  synced: number;
  highest: number;
}

export class Ledger {
  readonly topics = new Map<string, TopicLedger>();
  readonly transactions = new Map<string, TransactionLedger>();
  /** Of crashes that no open has come back from. */
  #crash: CrashKind = "process";

  constructor(facts: readonly Fact[]) {
    for (const fact of facts) this.#take(fact);
  }

  /** What a last crash of that kind makes of all. */
  kindAfter(kind: CrashKind): CrashKind {
    return this.#crash === "machine" ? "machine" : kind;
  }

  /** The one that a topic of that name must be: the youngest that is not known to be gone. */
  named(name: string): TopicLedger | undefined {
    return [...this.topics.values()].filter((topic) => topic.name === name && topic.state !== "deleted").at(-1);
  }

  #take(fact: Fact): void {
    switch (fact.type) {
      case "creating":
        this.topics.set(fact.topic, new TopicLedger(fact));
        return;
      case "created":
      case "deleting":
      case "deleted":
        this.#topic(fact.topic).state = fact.type;
        return;
      case "growing":
        this.#topic(fact.topic).mostPartitions = fact.partitions;
        return;
      case "grown":
        this.#topic(fact.topic).fewestPartitions = fact.partitions;
        return;
      case "altering":
        this.#topic(fact.topic).segmentBytes.push(fact.segmentBytes);
        return;
      case "altered":
        this.#topic(fact.topic).segmentBytes = [fact.segmentBytes];
        return;
      case "ending":
        this.#transaction(fact.tx).end(fact);
        return;
      case "ended":
        this.#transaction(fact.tx).state = "ended";
        return;
      case "settled":
        this.#settle();
        return;
      case "crashed":
        this.#crash = this.kindAfter(fact.kind);
        return;
      case "found":
        this.#find(fact.observed);
        return;
      default:
        this.#takeOf(this.#topic(fact.topic).partition(fact.partition), fact);
        this.#takeOfTransaction(fact);
    }
  }

  #takeOfTransaction(fact: Fact): void {
    if (fact.type === "sending" && fact.tx !== undefined) this.#transaction(fact.tx).send(fact);
    if (fact.type === "refused") for (const transaction of this.transactions.values()) transaction.refuse(fact);
  }

  #takeOf(partition: PartitionLedger, fact: Extract<Fact, { partition: number }>): void {
    switch (fact.type) {
      case "sending":
        partition.records.push(...fact.texts.map((text) => ({ epoch: fact.epoch, text, tx: fact.tx })));
        return;
      case "refused":
        partition.records.length = fact.offset - partition.first;
        return;
      case "stored":
        partition.promise(partition.stored, fact.end);
        partition.stored = fact.end;
        if (fact.isCompacting) partition.compacted = Math.max(partition.compacted, fact.end);
        return;
      case "synced":
        partition.synced = Math.max(partition.synced, fact.end);
        return;
      case "cutting":
        partition.mostStart = Math.max(partition.mostStart, fact.start);
        return;
      case "compacting":
        partition.compacted = Math.max(partition.compacted, fact.end);
        return;
      case "cut":
        partition.leastStart = Math.max(partition.leastStart, fact.start);
        return;
      default: {
        const commit = partition.commits.get(fact.group) ?? { stored: -1, synced: -1, highest: -1 };
        partition.commits.set(fact.group, commit);
        commit.highest = Math.max(commit.highest, fact.offset);
        if (fact.type === "committing") return;
        commit.stored = Math.max(commit.stored, fact.offset);
        if (fact.isSynced) commit.synced = Math.max(commit.synced, fact.offset);
      }
    }
  }

  #settle(): void {
    for (const transaction of this.transactions.values()) transaction.isSynced = transaction.state === "ended";
    for (const topic of this.topics.values()) {
      for (const partition of topic.partitions.values()) {
        partition.synced = Math.max(partition.synced, partition.stored);
        for (const commit of partition.commits.values()) commit.synced = commit.stored;
      }
    }
  }

  /** An open came back: what it has found is what there is, and it was synced. */
  #find(observed: Observed): void {
    this.#crash = "process";
    for (const transaction of this.transactions.values()) transaction.find(this, observed);
    for (const topic of [...this.topics.values()]) {
      const found = observed.topics.find(({ name }) => this.named(name) === topic);
      if (!found) topic.state = "deleted";
      else this.#findTopic(topic, found, observed);
    }
  }

  #findTopic(topic: TopicLedger, found: ObservedTopic, { commits }: Observed): void {
    topic.state = "created";
    topic.fewestPartitions = topic.mostPartitions = found.partitions.length;
    topic.segmentBytes = [found.segmentBytes];
    for (const [index, { start, end, records }] of found.partitions.entries()) {
      const partition = topic.partition(index);
      // What compaction has taken may come back, as long as its removal waits for a sync.
      const merged = records.map((record, i) => {
        const sent = partition.at(start + i);
        const isSame = sent?.text === record.text && sent.epoch === record.epoch;
        return sent && (isSame || isGone(record)) ? { ...record, ...sent } : record;
      });
      partition.first = partition.leastStart = partition.mostStart = start;
      partition.records = merged;
      partition.stored = end;
      // The open has synced what it found; the markers it may have put behind that come again with the next one.
      const last = records.findLastIndex(({ text }) => !isMarkerText(text));
      partition.synced = start + last + 1;
      partition.promise(start, end);
      partition.commits.clear();
      for (const { group, name, partition: of, offset } of commits) {
        if (name !== topic.name || of !== index) continue;
        // One of a transaction may count by a marker that the open has put there, and that waits for its sync.
        const synced = group === TRANSACTIONAL_GROUP ? -1 : offset;
        partition.commits.set(group, { stored: offset, synced, highest: offset });
      }
    }
  }

  #transaction(id: string): TransactionLedger {
    const known = this.transactions.get(id) ?? new TransactionLedger();
    this.transactions.set(id, known);
    return known;
  }

  #topic(id: string): TopicLedger {
    return this.topics.get(id)!;
  }
}
