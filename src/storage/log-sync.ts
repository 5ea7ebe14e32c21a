/**
 * Makes what was appended durable: group commit, and what happens when a sync fails.
 *
 * One sync runs at a time; whoever asks meanwhile shares the next one. Segments are synced in the order they were written,
 * so that a power cut takes a suffix and never leaves a hole, and the folder is synced when it has new names.
 *
 * A failed sync is never tried again: the kernel marks the pages clean, so a second call would succeed without the data
 * being on the disk. The log is poisoned instead, and a marker file tells the next open to copy what was not yet durable.
 */
import { VarveError } from "../errors.ts";
import type { LogState } from "./log-state.ts";
import { join, POISONED } from "./paths.ts";
import type { Segment } from "./segment.ts";

/** What is not on the disk yet. */
interface Work {
  /** With bytes that were not synced, in the order of the log. */
  segments: Segment[];
  isFolderDirty: boolean;
}

export class LogSync {
  /** Everything before this offset is on the disk. */
  durableOffset: number;
  poisoned: VarveError | undefined;
  /** Nothing was written, made or removed since the log was opened. */
  isUntouched = true;
  readonly #state: LogState;
  #work: Work = { segments: [], isFolderDirty: false };
  /** What the running sync has taken on: not on the disk before it ends. */
  #taken: Work | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** How far the running sync reaches. */
  #target = 0;
  #isClosed = false;

  constructor(state: LogState, durableOffset: number) {
    this.#state = state;
    this.durableOffset = durableOffset;
  }

  /** Bytes were written to the segment. */
  touch(segment: Segment): void {
    const { segments } = this.#work;
    this.isUntouched = false;
    if (segments[segments.length - 1] !== segment) segments.push(segment);
  }

  /** A file was made, renamed or removed. */
  touchFolder(): void {
    this.#work.isFolderDirty = true;
    this.isUntouched = false;
  }

  /** The end moved back, or segments are gone. */
  forget(endOffset: number): void {
    this.#work.segments = this.#work.segments.filter((segment) => !segment.isClosed);
    this.#target = Math.min(this.#target, endOffset);
    this.durableOffset = Math.min(this.durableOffset, endOffset);
  }

  /** The files are let go. Who waits for a sync learns that it may not have come about. */
  close(): void {
    this.#isClosed = true;
  }

  /** What was appended before this call is durable when it resolves. */
  flush(): Promise<void> {
    if (this.poisoned) return Promise.reject(this.poisoned);
    if (this.#running === undefined) {
      if (this.#work.segments.length === 0 && !this.#work.isFolderDirty) {
        this.durableOffset = this.#state.endOffset;
        return Promise.resolve();
      }
      this.#running = this.#sync().finally(() => {
        this.#running = undefined;
        this.#taken = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  /** The same at once, on the calling thread: what a running sync is about, too. */
  flushNow(): void {
    if (this.poisoned) throw this.poisoned;
    const { files, folder, endOffset } = this.#state;
    const work = this.#work;
    this.#work = { segments: [], isFolderDirty: false };
    try {
      for (const segment of [...(this.#taken?.segments ?? []), ...work.segments]) {
        if (segment.isClosed) continue;
        segment.log.syncNow();
        if (this.#isSealed(segment)) segment.transactionIndex.syncNow();
        this.#release(segment);
      }
      if (work.isFolderDirty || this.#taken?.isFolderDirty) files.syncFolderNow(folder);
    } catch (error) {
      throw this.#poison(error);
    }
    this.durableOffset = endOffset;
  }

  /** Nothing comes behind: the room in front of the appends goes, and all is durable when it resolves. */
  settle(): Promise<void> {
    const { active } = this.#state.segments;
    if (active.trim()) this.touch(active);
    return this.flush();
  }

  /** The names in the folder are durable when it resolves, whatever else is not. */
  async syncFolder(): Promise<void> {
    if (this.poisoned) throw this.poisoned;
    const { files, folder } = this.#state;
    try {
      await files.syncFolder(folder);
    } catch (error) {
      throw this.#poison(error);
    }
    if (this.#isClosed) throw this.#closedError();
  }

  async #sync(): Promise<void> {
    const { endOffset, files, folder } = this.#state;
    const work = this.#work;
    this.#taken = work;
    this.#work = { segments: [], isFolderDirty: false };
    this.#target = endOffset;
    try {
      for (const segment of work.segments) {
        // Deleted meanwhile; nothing of it is left to be durable.
        if (segment.isClosed) continue;
        await segment.log.sync();
        if (this.#isSealed(segment)) await segment.syncIndexes();
        this.#release(segment);
      }
      if (work.isFolderDirty && !this.#isClosed) await files.syncFolder(folder);
    } catch (error) {
      throw this.#poison(error);
    }
    if (this.#isClosed) throw this.#closedError();
    this.durableOffset = Math.max(this.durableOffset, this.#target);
  }

  #isSealed(segment: Segment): boolean {
    return segment !== this.#state.segments.active && !segment.isClosed;
  }

  #release(segment: Segment): void {
    if (this.#isSealed(segment)) segment.releaseIndexes();
  }

  #closedError(): VarveError {
    const { topic, partition } = this.#state;
    return new VarveError("VARVE_CLOSED", `${topic}-${partition} was closed before the sync ended`, {
      topic,
      partition,
    });
  }

  #poison(cause: unknown): VarveError {
    const { topic, partition, files, folder, report } = this.#state;
    if (this.poisoned) return this.poisoned;
    const message = `${topic}-${partition}: a sync failed, so nothing more is written here until the log is reopened`;
    const error = new VarveError("VARVE_POISONED", message, { topic, partition, cause });
    this.poisoned = error;
    try {
      files.open(join(folder, POISONED), "write").close();
    } catch {
      // A disk that refuses the marker refuses the next open's writes too.
    }
    report({ kind: "poisoned", topic, partition, error });
    return error;
  }
}
