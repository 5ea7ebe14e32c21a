/**
 * Ids for producers: none is given twice, also after a crash. They are taken from the catalogue in blocks, so that most
 * producers cost no write; what is left of a block when the log closes is lost. A new block is asked for when the last one is
 * used up, so that there mostly is one at hand for those who cannot wait.
 */
import { PRODUCER_ID_BLOCK } from "./catalogue.ts";

/** Both make a block known for good, and give its first id. */
export interface ProducerIdSource {
  reserve(count: number): Promise<number>;
  /** Undefined while others are at the catalogue. */
  reserveNow(count: number): number | undefined;
}

export class ProducerIds {
  readonly #source: ProducerIdSource;
  #next = 0;
  #end = 0;
  #reserving: Promise<void> | undefined;

  constructor(source: ProducerIdSource) {
    this.#source = source;
  }

  /** Of the block that begins there, which is reserved. */
  begin(first: number): void {
    this.#next = first;
    this.#end = first + PRODUCER_ID_BLOCK;
  }

  async next(): Promise<number> {
    while (this.#next >= this.#end) await this.#reserve();
    return this.#take();
  }

  /** One that costs nothing; undefined when there is none. */
  nextAtHand(): number | undefined {
    return this.#next < this.#end ? this.#take() : undefined;
  }

  /** For a call that cannot wait, but may write: undefined where it would have to wait all the same. */
  nextNow(): number | undefined {
    if (this.#next >= this.#end && this.#reserving === undefined) {
      const first = this.#source.reserveNow(PRODUCER_ID_BLOCK);
      if (first !== undefined) this.begin(first);
    }
    return this.nextAtHand();
  }

  #take(): number {
    const id = this.#next++;
    // Should it fail, whoever needs one asks again, and hears of it.
    if (this.#next === this.#end) this.#reserve().catch(() => {});
    return id;
  }

  #reserve(): Promise<void> {
    this.#reserving ??= this.#source
      .reserve(PRODUCER_ID_BLOCK)
      .then((first) => this.begin(first))
      .finally(() => {
        this.#reserving = undefined;
      });
    return this.#reserving;
  }
}
