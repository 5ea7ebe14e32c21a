/**
 * The limits: what the system takes for the same bytes when nobody encodes, checks or indexes them. A group of records is the stored
 * batch that varve would write, made once.
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { BenchRecord } from "../records.ts";
import type { Store, StoreKind } from "./store.ts";

const datasync = promisify(fdatasync);
const CHUNK_BYTES = 256 * 1024;

export function storedBatch(records: readonly BenchRecord<Buffer>[]): Buffer {
  const builder = new BatchBuilder();
  for (const { key, value, timestamp } of records) builder.append(key, value, undefined, timestamp);
  const { bytes, start, end } = builder.seal();
  return Buffer.from(bytes.subarray(start, end));
}

export const raw: StoreKind = {
  append: "writeSync of a stored batch made before",
  scan: `readSync by ${CHUNK_BYTES / 1024} KiB into one Buffer, nothing looked at`,
  get: "readSync of one record's bytes into one Buffer, its place known",
  open: async (folder) => new RawFile(folder),
};

/**
 * Into a file that is there already, full of zeros: what a sync costs when it has no new blocks to note. Its best mode, by trial: the sync
 * is awaited; fdatasyncSync takes up to twice as long on a busy machine.
 */
export const rawSynced: StoreKind = {
  ...raw,
  append: "writeSync of a stored batch made before + await fdatasync, into a preallocated file of zeros",
  open: async (folder) => new SyncedFile(folder),
};

class RawFile implements Store {
  protected readonly descriptor: number;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #records: readonly BenchRecord<Buffer>[] | undefined;
  protected batch: Buffer = Buffer.alloc(0);

  constructor(folder: string) {
    this.descriptor = openSync(join(folder, "raw.log"), "w+");
  }

  append(records: readonly BenchRecord<Buffer>[]): unknown {
    this.prepare(records);
    return writeSync(this.descriptor, this.batch);
  }

  scan(): number {
    const end = fstatSync(this.descriptor).size;
    let position = 0;
    while (position < end) position += readSync(this.descriptor, this.#chunk, 0, CHUNK_BYTES, position);
    return position;
  }

  get(offset: number): number {
    const bytes = this.batch.length / this.#records!.length;
    return readSync(this.descriptor, this.#chunk, 0, Math.floor(bytes), Math.floor(offset * bytes));
  }

  close(): void {
    closeSync(this.descriptor);
  }

  protected prepare(records: readonly BenchRecord<Buffer>[]): void {
    if (records === this.#records) return;
    this.#records = records;
    this.batch = storedBatch(records);
  }
}

class SyncedFile extends RawFile {
  static readonly #BYTES = 64 * 1024 * 1024;
  #position = 0;

  constructor(folder: string) {
    super(folder);
    const zeros = Buffer.alloc(1024 * 1024);
    for (let at = 0; at < SyncedFile.#BYTES; at += zeros.length) writeSync(this.descriptor, zeros);
    fdatasyncSync(this.descriptor);
  }

  override async append(records: readonly BenchRecord<Buffer>[]): Promise<void> {
    this.prepare(records);
    if (this.#position + this.batch.length > SyncedFile.#BYTES) this.#position = 0;
    this.#position += writeSync(this.descriptor, this.batch, 0, this.batch.length, this.#position);
    await datasync(this.descriptor);
  }
}
