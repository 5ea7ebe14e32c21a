/**
 * better-sqlite3 as a log: a table with the offset as its primary key, in WAL mode.
 *
 * Its best mode, by trial: one transaction for a group, a file that nobody else has open (`locking_mode = EXCLUSIVE`), a cache of 64
 * MB and a mapped file for reading; rows as arrays (`raw`), pages of 1000 rows with `all`, which beats `iterate` by half.
 */
import { join } from "node:path";
import type { BenchRecord } from "../records.ts";
import { load } from "./load-package.ts";
import type { Store, StoreKind } from "./store.ts";

type Row = [key: Buffer, value: Buffer];

interface Statement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): Row | undefined;
  all(...values: unknown[]): Row[];
  raw(): Statement;
}

export interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  pragma(source: string): unknown;
  transaction<A extends unknown[]>(work: (...args: A) => void): (...args: A) => void;
  close(): void;
}

const PAGE_ROWS = 1000;

export function sqlite(synchronous: "OFF" | "NORMAL" | "FULL"): StoreKind {
  return {
    append: `transaction of prepared inserts, WAL, synchronous ${synchronous}; Buffer`,
    scan: `select by pages of ${PAGE_ROWS}, raw().all(); Buffer`,
    get: "prepared select by primary key, raw().get(); Buffer",
    load: () => load("better-sqlite3"),
    open: async (folder) => new SqliteStore(folder, synchronous),
  };
}

class SqliteStore implements Store {
  readonly #db: Database;
  readonly #insertAll: (records: readonly BenchRecord<Buffer>[]) => void;
  readonly #page: Statement;
  readonly #one: Statement;

  constructor(folder: string, synchronous: string) {
    const Open = load<new (path: string) => Database>("better-sqlite3");
    const db = new Open(join(folder, "log.db"));
    for (const setting of [
      "journal_mode = WAL",
      `synchronous = ${synchronous}`,
      "locking_mode = EXCLUSIVE",
      "cache_size = -65536",
      "mmap_size = 1073741824",
    ]) {
      db.pragma(setting);
    }
    db.exec("create table if not exists log (log_offset integer primary key, key blob, value blob)");
    const insert = db.prepare("insert into log (key, value) values (?, ?)");
    this.#db = db;
    this.#insertAll = db.transaction((records) => {
      for (const { key, value } of records) insert.run(key, value);
    });
    this.#page = db.prepare("select key, value from log where log_offset > ? and log_offset <= ?").raw();
    this.#one = db.prepare("select key, value from log where log_offset = ?").raw();
  }

  append(records: readonly BenchRecord<Buffer>[]): void {
    this.#insertAll(records);
  }

  scan(): number {
    let bytes = 0;
    for (let after = 0; ; after += PAGE_ROWS) {
      const rows = this.#page.all(after, after + PAGE_ROWS);
      if (rows.length === 0) return bytes;
      for (const [key, value] of rows) bytes += key.length + value.length;
    }
  }

  /** The first row has the number 1. */
  get(offset: number): number {
    const [key, value] = this.#one.get(offset + 1)!;
    return key.length + value.length;
  }

  close(): void {
    this.#db.close();
  }
}
