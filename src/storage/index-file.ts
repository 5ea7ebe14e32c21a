/**
 * An index of one segment: its entries in memory, written to the file behind when the segment is flushed or sealed. An
 * index can always be made again from the `.log`, so nothing waits for it; what it says is checked against the log wherever
 * it is used.
 */
import type { File, Files } from "./files.ts";

const EMPTY = new Uint8Array(0);
const FIRST_ENTRIES = 32;
/** What V8 keeps in its own heap, for as long as no system call was given it. */
const SMALL_BYTES = 64;

export class IndexFile {
  /** Changed when the file is renamed, which is closed then. */
  path: string;
  readonly entryBytes: number;
  /** The entries; only the first `count` of them mean anything. */
  bytes: Uint8Array = EMPTY;
  count = 0;
  readonly #files: Files;
  #file: File | undefined;
  /** How many leading entries the file has just as they are here. */
  #written = 0;
  /** The file may be longer than `written` entries: also a new one, where an earlier segment left its file behind. */
  #hasTail = true;

  constructor(files: Files, path: string, entryBytes: number) {
    this.#files = files;
    this.path = path;
    this.entryBytes = entryBytes;
  }

  /** Reads the file and keeps the entries that `validPrefix` accepts. False when it is missing. */
  load(validPrefix: (bytes: Uint8Array, byteLength: number) => number): boolean {
    const bytes = this.#files.read(this.path);
    if (bytes === undefined) return false;
    // Of very many small logs each has an index of one entry: where it was read to takes 250 bytes more than a copy.
    if (bytes.length === 0) this.bytes = EMPTY;
    else this.bytes = bytes.length <= SMALL_BYTES ? bytes.slice() : bytes;
    this.count = validPrefix(bytes, bytes.length);
    this.#written = this.count;
    this.#hasTail = this.count * this.entryBytes !== bytes.length;
    return true;
  }

  /** Bytes with room for one entry more; the caller writes it at index `count` and counts it. */
  room(): Uint8Array {
    const needed = (this.count + 1) * this.entryBytes;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2, FIRST_ENTRIES * this.entryBytes));
      grown.set(this.bytes.subarray(0, this.count * this.entryBytes));
      this.bytes = grown;
    }
    return this.bytes;
  }

  /** Begins anew, whatever the file holds. */
  clear(): void {
    // Somebody may hold the old entries against the log.
    this.bytes = EMPTY;
    this.count = 0;
    this.#written = 0;
    this.#hasTail = true;
  }

  /** Lets go of the entries, to be loaded again, unless the file lacks some. */
  release(): void {
    if (this.#written < this.count) return;
    this.bytes = EMPTY;
    this.count = 0;
    this.close();
  }

  /** Brings the file up to date; makes it when there is none. */
  write(): void {
    this.#file ??= this.#files.open(this.path, "write");
    if (this.#hasTail) {
      this.#file.truncate(this.#written * this.entryBytes);
      this.#hasTail = false;
    }
    if (this.#written === this.count) return;
    const from = this.#written * this.entryBytes;
    this.#file.write(this.bytes, from, this.count * this.entryBytes - from, from);
    this.#written = this.count;
  }

  async sync(): Promise<void> {
    await this.#file?.sync();
  }

  syncNow(): void {
    this.#file?.syncNow();
  }

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
