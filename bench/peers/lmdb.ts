/**
 * lmdb as a log: the offset is the key, record key and value lie behind each other in the value.
 *
 * Its best mode, by trial: `noSync` (what varve promises at `process`), one synchronous transaction for a group with `append`,
 * which spares it the search (three times as fast as `put` in `batch`); no writable map, which costs more in page faults than it
 * saves; the values from one scratch buffer, as they are copied in the call.
 */
import { join } from "node:path";
import { type BenchRecord, KEY_BYTES, RECORD_BYTES } from "../records.ts";
import { load } from "./load-package.ts";
import type { Store, StoreKind } from "./store.ts";

export interface Lmdb {
  put(key: number, value: Buffer): Promise<boolean>;
  putSync(key: number, value: Buffer, options: { append: boolean }): boolean;
  get(key: number): Buffer | undefined;
  getRange(): Iterable<{ key: number; value: Buffer }>;
  transactionSync(work: () => void): void;
  close(): Promise<void>;
}

export function openLmdb(folder: string, options: { noSync: boolean }): Lmdb {
  const { open } = load<{ open(options: object): Lmdb }>("lmdb");
  const path = join(folder, "data.mdb");
  return open({ path, encoding: "binary", keyEncoding: "uint32", compression: false, ...options });
}

export function lmdb(options: { noSync: boolean } = { noSync: true }): StoreKind {
  return {
    append: `transactionSync of putSync with append, ${options.noSync ? "noSync" : "synced"}; Buffer`,
    scan: "getRange; key and value as subarrays of its Buffer",
    get: "get; key and value as subarrays of its Buffer",
    load: () => load("lmdb"),
    open: async (folder) => new LmdbStore(openLmdb(folder, options)),
  };
}

class LmdbStore implements Store {
  readonly #db: Lmdb;
  readonly #scratch = Buffer.alloc(RECORD_BYTES);
  #offset = 0;

  constructor(db: Lmdb) {
    this.#db = db;
  }

  append(records: readonly BenchRecord<Buffer>[]): void {
    this.#db.transactionSync(() => {
      for (const { key, value } of records) {
        this.#scratch.set(key, 0);
        this.#scratch.set(value, KEY_BYTES);
        this.#db.putSync(this.#offset++, this.#scratch, { append: true });
      }
    });
  }

  scan(): number {
    let bytes = 0;
    for (const { value } of this.#db.getRange()) bytes += lengths(value);
    return bytes;
  }

  get(offset: number): number {
    return lengths(this.#db.get(offset)!);
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

/** Of a record that was kept in one piece, taken apart as whoever wants both would. */
export function lengths(record: Buffer): number {
  return record.subarray(0, KEY_BYTES).length + record.subarray(KEY_BYTES).length;
}
