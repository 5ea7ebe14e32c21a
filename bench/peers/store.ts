/**
 * What the questions ask of everyone who keeps records in order: to take a group of them, to hand all back, to find one by its
 * offset. Whoever hands a record back hands out its key and its value, each by itself.
 */
import type { BenchRecord } from "../records.ts";

export interface Store {
  /** Keeps the records as one group: one stored batch, one transaction. */
  append(records: readonly BenchRecord<Buffer>[]): unknown;
  /** Goes through all records and adds up the lengths of their keys and values. */
  scan(): number | Promise<number>;
  /** The lengths of the key and the value at an offset, counted from 0. */
  get(offset: number): number | Promise<number>;
  close(): unknown;
  /** What the mode should say, and only an open store knows. */
  readonly note?: string;
}

export interface StoreKind {
  append: string;
  scan: string;
  get: string;
  /** Loads the code, where `open` is timed by itself. */
  load?(): unknown;
  open(folder: string): Promise<Store>;
}
