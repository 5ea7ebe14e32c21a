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

export class LogSync {
  /** Everything before this offset is on the disk. */
  durableOffset: number;
  poisoned: VarveError | undefined;
  readonly #state: LogState;
  /** Segments with bytes that were not synced yet, in the order of the log. */
  #dirty: Segment[] = [];
  #folderIsDirty = false;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** How far the running sync reaches. */
  #target = 0;

  constructor(state: LogState, durableOffset: number) {
    this.#state = state;
    this.durableOffset = durableOffset;
  }

  /** Bytes were written to the segment. */
  touch(segment: Segment): void {
    if (this.#dirty[this.#dirty.length - 1] !== segment) this.#dirty.push(segment);
  }

  /** A file was made, renamed or removed. */
  touchFolder(): void {
    this.#folderIsDirty = true;
  }

  /** The end moved back, or the segment is gone. */
  forget(endOffset: number): void {
    this.#dirty = this.#dirty.filter((segment) => this.#state.segments.all.includes(segment));
    this.#target = Math.min(this.#target, endOffset);
    this.durableOffset = Math.min(this.durableOffset, endOffset);
  }

  /** What was appended before this call is durable when it resolves. */
  flush(): Promise<void> {
    if (this.poisoned) return Promise.reject(this.poisoned);
    if (this.#running === undefined) {
      if (this.#dirty.length === 0 && !this.#folderIsDirty) return Promise.resolve();
      this.#running = this.#sync().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  /** The same at once, on the calling thread. */
  flushNow(): void {
    if (this.poisoned) throw this.poisoned;
    const { files, folder, endOffset } = this.#state;
    try {
      for (const segment of this.#dirty) segment.log.syncNow();
      if (this.#folderIsDirty) files.syncFolderNow(folder);
    } catch (error) {
      throw this.#poison(error);
    }
    this.#dirty = [];
    this.#folderIsDirty = false;
    this.durableOffset = endOffset;
  }

  async #sync(): Promise<void> {
    const { endOffset, segments, files, folder } = this.#state;
    const dirty = this.#dirty;
    const folderIsDirty = this.#folderIsDirty;
    this.#target = endOffset;
    this.#dirty = [];
    this.#folderIsDirty = false;
    try {
      for (const segment of dirty) {
        await segment.log.sync();
        if (segment !== segments.active) await segment.syncIndexes();
      }
      if (folderIsDirty) await files.syncFolder(folder);
    } catch (error) {
      throw this.#poison(error);
    }
    this.durableOffset = Math.max(this.durableOffset, this.#target);
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
