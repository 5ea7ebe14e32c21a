/** A batch that sends are gathered in, and what becomes of them. */
import type { Partition } from "../engine/partition.ts";
import type { BatchBuilder, SealedBatch } from "../format/batch-builder.ts";
import type { RecordMetadata } from "./producer-record.ts";
import type { PushWindow } from "./push-window.ts";
import type { SealTarget } from "./sealing.ts";

/** Something under way. `done` never rejects; `reject` after the end does nothing. */
export interface Pending {
  done: Promise<void> | undefined;
  reject(error: unknown): void;
}

export type Resolve = (metadata: RecordMetadata | Promise<never>) => void;

/** The topic that batches are for, as one producer sees it. */
export interface BatchTopic extends SealTarget {
  readonly partitionCount: number;
  readonly partitions: readonly (Partition | undefined)[];
  /** The batches that are open, by partition. */
  readonly open: (OpenBatch | undefined)[];
  readonly partitioning: { sealed(partition: number, partitionCount: number): void };
  partition(index: number): Partition;
  seal(partition: number, builder: BatchBuilder, now: number): SealedBatch;
  append(partition: number, sealed: SealedBatch, now: number): number;
  whenOpen<T>(partitions: readonly number[], work: () => T): T | Promise<T>;
}

/** The sends and pushes to one partition that share a batch. */
export class OpenBatch implements Pending {
  readonly topic: BatchTopic;
  readonly partition: number;
  readonly builder: BatchBuilder;
  readonly window: PushWindow;
  /** What the pushed records take. */
  pushedBytes = 0;
  /** Of each send, in their order, and what resolves its promise. Before it is placed, the offset is that within the batch. */
  readonly metadata: RecordMetadata[] = [];
  readonly resolves: Resolve[] = [];
  /** It leaves by itself; else it waits for the commit of its transaction. */
  isScheduled = false;
  stopLinger: (() => void) | undefined;
  done: Promise<void> | undefined;
  isSettled = false;

  constructor(topic: BatchTopic, partition: number, builder: BatchBuilder, window: PushWindow) {
    this.topic = topic;
    this.partition = partition;
    this.builder = builder;
    this.window = window;
  }

  /** Where the records are now, and when, if the topic keeps the time of the append. */
  placed(baseOffset: number, { maxTimestamp }: SealedBatch): void {
    const { metadata, topic } = this;
    for (const one of metadata) one.offset += baseOffset;
    if (topic.timestampType === "LogAppendTime") for (const one of metadata) one.timestamp = maxTimestamp;
  }

  settle(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    const { metadata, resolves } = this;
    for (let i = 0; i < metadata.length; i++) resolves[i](metadata[i]);
    if (this.pushedBytes > 0) this.window.release(this.pushedBytes);
  }

  /** Resolving with a rejected promise rejects: so a send keeps one function, not two. */
  reject(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    if (this.resolves.length > 0) {
      const rejected = Promise.reject(error);
      rejected.catch(() => {});
      for (const resolve of this.resolves) resolve(rejected);
    }
    if (this.pushedBytes === 0) return;
    this.window.fail(error);
    this.window.release(this.pushedBytes);
  }
}
