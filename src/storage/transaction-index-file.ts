/**
 * The `.txnindex` of a segment: made with the first transaction that is aborted in it, and written at once. This log itself
 * goes by the markers; the file is for Kafka's tools, and for a broker that takes the folder over. So what goes wrong with it
 * stops no append: the file is stale then, and made anew when the segment is sealed.
 */
import { VarveError } from "../errors.ts";
import type { AbortedTransaction } from "../format/transaction-index.ts";
import * as transactionIndex from "../format/transaction-index.ts";
import type { File, Files } from "./files.ts";

const { ENTRY_BYTES } = transactionIndex;

export class TransactionIndexFile {
  path: string;
  /** It lacks entries, or has some that are not true. */
  isStale = false;
  readonly #files: Files;
  #file: File | undefined;
  /** Undefined before the file was looked at. */
  #count: number | undefined;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.path = path;
  }

  /** `baseOffset` of the segment, by which entries of an earlier life are told. */
  append(entry: AbortedTransaction, baseOffset: number): void {
    if (this.isStale) return;
    try {
      const bytes = new Uint8Array(ENTRY_BYTES);
      transactionIndex.writeEntry(bytes, 0, entry);
      this.#count ??= this.#countEntries(baseOffset, entry.lastOffset);
      if (this.isStale) return;
      this.#open().write(bytes, 0, ENTRY_BYTES, this.#count * ENTRY_BYTES);
      this.#count++;
    } catch (error) {
      if (!(error instanceof VarveError)) throw error;
      this.isStale = true;
    }
  }

  /** Writes it anew; without entries there is no file. */
  replace(entries: readonly AbortedTransaction[]): void {
    this.isStale = true;
    if (entries.length === 0) {
      this.close();
      this.#files.remove(this.path);
    } else {
      const bytes = new Uint8Array(entries.length * ENTRY_BYTES);
      for (let index = 0; index < entries.length; index++) transactionIndex.writeEntry(bytes, index, entries[index]);
      this.#open().write(bytes, 0, bytes.length, 0);
      this.#open().truncate(bytes.length);
    }
    this.#count = entries.length;
    this.isStale = false;
  }

  get isThere(): boolean {
    return this.#file !== undefined || this.#files.stat(this.path) !== undefined;
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

  #open(): File {
    this.#file ??= this.#files.open(this.path, "write");
    return this.#file;
  }

  /** Those that are there already: all of them must be good, and lie before the one to come. */
  #countEntries(baseOffset: number, endOffset: number): number {
    const bytes = this.#files.read(this.path);
    if (bytes === undefined) return 0;
    const count = transactionIndex.validPrefix(bytes, bytes.length, baseOffset, endOffset);
    this.isStale = count * ENTRY_BYTES !== bytes.length;
    return count;
  }
}
