/**
 * The bounded set of open descriptors that all files of one DiskFiles share.
 *
 * Past the bound, or when the system has no descriptor left, the least recently used one is closed. A holder whose sync
 * is running keeps its descriptor, so the bound is exceeded while more syncs run than it allows; `settle` comes back
 * under it afterwards. Only so many syncs run at once, however many are asked for: the others wait for their turn without a
 * descriptor, so that ten thousand files can be synced together.
 */
import { closeSync, openSync } from "node:fs";
import { hasErrno, systemError } from "./system-error.ts";

export interface Holder {
  /** The tick of its last use. */
  lastUse: number;
  /** A sync is running or waiting: the descriptor must stay open. */
  readonly busy: boolean;
  /** It has writes that no sync has covered: closing it costs a sync. */
  readonly dirty: boolean;
  /** Gives the descriptor up. Never throws: the holder keeps the error for later. */
  release(): void;
}

/** More than Node has threads for them, unless somebody has set it so. */
const CONCURRENT_SYNCS = 16;

export class Descriptors {
  readonly #limit: number;
  readonly #holders = new Set<Holder>();
  #ticks = 0;
  #syncs = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#holders.size;
  }

  tick(): number {
    return ++this.#ticks;
  }

  /** Opens a descriptor that `holder` keeps until it is released or dropped. */
  open(holder: Holder, path: string, flags: number, mode: number): number {
    while (this.#holders.size >= this.#limit && this.#releaseOne());
    const descriptor = this.borrow("open", path, () => openSync(path, flags, mode));
    this.#holders.add(holder);
    return descriptor;
  }

  /** Forgets a holder that has closed its descriptor itself. */
  drop(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /** Runs a call that needs a descriptor of its own, and frees one of ours for it when there is none left. */
  borrow<T>(operation: string, path: string, call: () => T): T {
    for (;;) {
      try {
        return call();
      } catch (error) {
        if (!hasErrno(error, "EMFILE", "ENFILE") || !this.#releaseOne()) throw systemError(operation, path, error);
      }
    }
  }

  /** Takes a turn for a sync, which `endTurn` ends. Undefined when it is there; else resolves when it is. */
  turn(): Promise<void> | undefined {
    if (this.#syncs < CONCURRENT_SYNCS) {
      this.#syncs++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next one takes it, if somebody waits. */
  endTurn(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#syncs--;
  }

  settle(): void {
    while (this.#holders.size > this.#limit && this.#releaseOne());
  }

  /**
   * The least recently used clean holder goes first, since a dirty one costs a sync on the event loop; false when all
   * are busy. A scan, because it happens next to a close and an open, which take longer.
   */
  #releaseOne(): boolean {
    let oldest: Holder | undefined;
    for (const holder of this.#holders) {
      if (!holder.busy && (oldest === undefined || goesBefore(holder, oldest))) oldest = holder;
    }
    if (!oldest) return false;
    this.#holders.delete(oldest);
    oldest.release();
    return true;
  }
}

/** Closes a descriptor; returns the system's error instead of throwing it. */
export function closeQuietly(descriptor: number): unknown {
  try {
    closeSync(descriptor);
    return undefined;
  } catch (error) {
    return error;
  }
}

function goesBefore(a: Holder, b: Holder): boolean {
  return a.dirty === b.dirty ? a.lastUse < b.lastUse : !a.dirty;
}
