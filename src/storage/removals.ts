/**
 * Removes files without holding up the event loop. A name goes in microseconds; what takes tens of milliseconds is to free the blocks of a
 * large file (128 MiB on ext4: 25–40), and that happens when nobody has it open any more. So such a file is opened before its name
 * goes, and closed off the event loop. For everybody else it is gone when `remove` returns: nothing is put off that could fail, or that
 * a crash could leave half done.
 */
import { close, constants, lstatSync, openSync, unlinkSync } from "node:fs";
import { NO_FOLLOW } from "./disk-file.ts";

/** Of less the blocks are freed in a fraction of a millisecond. */
const LARGE_BYTES = 1024 * 1024;
/** Each has a descriptor until its blocks are free. Past that, files go as they always do. */
const MOST_AT_ONCE = 32;

export class Removals {
  /** Those whose blocks are being freed. */
  #count = 0;

  /** Throws what the system says. */
  remove(path: string): void {
    const descriptor = this.#keepOpen(path);
    try {
      unlinkSync(path);
    } finally {
      if (descriptor !== undefined) this.#letGo(descriptor);
    }
  }

  /** Undefined of what is small, no file, or cannot be opened: it just goes. Windows does not free a name that is in use. */
  #keepOpen(path: string): number | undefined {
    if (NO_FOLLOW === undefined || this.#count >= MOST_AT_ONCE) return undefined;
    try {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (!stats?.isFile() || stats.size < LARGE_BYTES) return undefined;
      return openSync(path, constants.O_RDONLY | NO_FOLLOW);
    } catch {
      return undefined;
    }
  }

  #letGo(descriptor: number): void {
    this.#count++;
    close(descriptor, () => {
      this.#count--;
    });
  }
}
