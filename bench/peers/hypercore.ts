/**
 * hypercore 11: an append-only log with a Merkle tree and a signature over it, which is more than the others promise. One `append` of
 * many blocks is its way to take a group; a record is one block, key and value behind each other.
 */
import { type BenchRecord, RECORD_BYTES } from "../records.ts";
import { lengths } from "./lmdb.ts";
import { load } from "./load-package.ts";
import type { Store, StoreKind } from "./store.ts";

export interface Hypercore {
  length: number;
  ready(): Promise<void>;
  append(blocks: Buffer | Buffer[]): Promise<unknown>;
  get(index: number): Promise<Buffer>;
  createReadStream(): AsyncIterable<Buffer>;
  on(event: "append", listener: () => void): unknown;
  close(): Promise<void>;
}

export async function openHypercore(folder: string): Promise<Hypercore> {
  const Open = load<new (path: string) => Hypercore>("hypercore");
  const core = new Open(folder);
  await core.ready();
  return core;
}

export const hypercore: StoreKind = {
  append: "append of blocks; Buffer",
  scan: "createReadStream; key and value as subarrays of its Buffer",
  get: "await get; key and value as subarrays of its Buffer",
  open: async (folder) => new HypercoreStore(await openHypercore(folder)),
};

class HypercoreStore implements Store {
  readonly #core: Hypercore;

  constructor(core: Hypercore) {
    this.#core = core;
  }

  append(records: readonly BenchRecord<Buffer>[]): Promise<unknown> {
    return this.#core.append(records.map(({ key, value }) => Buffer.concat([key, value], RECORD_BYTES)));
  }

  async scan(): Promise<number> {
    let bytes = 0;
    for await (const block of this.#core.createReadStream()) bytes += lengths(block);
    return bytes;
  }

  async get(offset: number): Promise<number> {
    return lengths(await this.#core.get(offset));
  }

  close(): Promise<void> {
    return this.#core.close();
  }
}
