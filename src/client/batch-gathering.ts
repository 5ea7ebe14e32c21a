/** Collects the records of one partition that make up the next batch of `consumer.batches()`. */
import type { Fetcher } from "./fetcher.ts";
import type { BatchSlice } from "./record-batch.ts";

export class BatchGathering {
  readonly slices: BatchSlice[] = [];
  /** The offset behind the last record. */
  nextOffset = 0;
  readonly #fetcher: Fetcher;
  readonly #maxRecords: number | undefined;
  readonly #maxBytes: number;
  readonly #isLent: boolean;
  #count = 0;
  #bytes = 0;

  /** `isLent`: the records become stale one day, while others of the same stored batch may not be handed out yet. */
  constructor(fetcher: Fetcher, maxRecords: number | undefined, maxBytes: number, isLent: boolean) {
    this.#fetcher = fetcher;
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
    this.#isLent = isLent;
  }

  get isFull(): boolean {
    return this.#count === this.#maxRecords || this.#bytes >= this.#maxBytes;
  }

  /** Takes what is there. An error behind what is taken waits: the next fetch meets it again. */
  take(): void {
    const fetcher = this.#fetcher;
    this.#takeAtHand();
    while (!this.isFull && !(this.#maxRecords === undefined && fetcher.isChunkDone)) {
      try {
        if (!fetcher.fill()) return;
      } catch {
        return;
      }
      this.#takeAtHand();
    }
  }

  #takeAtHand(): void {
    const fetcher = this.#fetcher;
    const { source, index: from } = fetcher;
    if (source === undefined || from >= fetcher.end) return;
    const to = Math.min(fetcher.end, from + (this.#maxRecords ?? Number.POSITIVE_INFINITY) - this.#count);
    this.slices.push({ source: this.#isLent ? source.copy() : source, from, to });
    this.#count += to - from;
    this.#bytes += source.sizeInBytes;
    fetcher.index = to;
    fetcher.position = source.offsetOf(to - 1) + 1;
    this.nextOffset = fetcher.position;
  }
}
