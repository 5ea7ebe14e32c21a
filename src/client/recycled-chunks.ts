/**
 * The memory of chunks that is used again (`batches({ reuse: true })`): fresh memory costs a page fault for every 4 KiB that is
 * read into it.
 *
 * What was handed out is lent until the next batch is asked for. Then its records are stale, and say so when they are touched;
 * bytes that were taken from them become empty, because their ArrayBuffer is detached and the memory goes on under another one.
 */
import type { ChunkMemory } from "../engine/partition.ts";
import type { Fetcher } from "./fetcher.ts";
import type { BatchSlice } from "./record-batch.ts";

/** What a partition holds at hand, and a little more: the rest is let go. */
const MAX_FREE = 4;

interface Taken {
  fetcher: Fetcher;
  bytes: Uint8Array;
}

export class RecycledChunks {
  #taken: Taken[] = [];
  #free: Uint8Array[] = [];
  #lent: readonly BatchSlice[] = [];

  /** The memory for what that fetcher reads next. */
  for(fetcher: Fetcher): ChunkMemory {
    return {
      take: (byteLength) => {
        const index = this.#free.findIndex(({ length }) => length >= byteLength);
        const bytes = index < 0 ? Buffer.allocUnsafeSlow(byteLength) : this.#free.splice(index, 1)[0];
        this.#taken.push({ fetcher, bytes });
        return bytes;
      },
    };
  }

  /** These are handed out. */
  lend(slices: readonly BatchSlice[]): void {
    this.#lent = slices;
  }

  /** What was handed out is stale, and its memory free unless a fetcher still has batches in it. */
  recall(): void {
    for (const { source } of this.#lent) source.isStale = true;
    this.#lent = [];
    const taken = this.#taken;
    this.#taken = taken.filter(({ fetcher, bytes }) => fetcher.isAtHand(bytes));
    if (this.#taken.length === taken.length) return;
    for (const chunk of taken) {
      if (this.#free.length < MAX_FREE && !this.#taken.includes(chunk)) this.#free.push(detached(chunk.bytes));
    }
  }
}

/** The same memory under another ArrayBuffer: nobody who holds the old one sees what is read into it. */
function detached({ buffer }: Uint8Array): Uint8Array {
  return Buffer.from(structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] }));
}
