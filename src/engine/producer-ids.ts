/**
 * Ids for producers: none is given twice, also after a crash. They are taken from the catalogue in blocks, so that most
 * producers cost no write; what is left of a block when the log closes is lost.
 */
import { PRODUCER_ID_BLOCK } from "./catalogue.ts";

export class ProducerIds {
  readonly #reserve: (count: number) => Promise<number>;
  #next = 0;
  #end = 0;
  #reserving: Promise<void> | undefined;

  /** `reserve` makes a block known for good and returns its first id. */
  constructor(reserve: (count: number) => Promise<number>) {
    this.#reserve = reserve;
  }

  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#reserving ??= this.#newBlock().finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    return this.#next++;
  }

  async #newBlock(): Promise<void> {
    this.#next = await this.#reserve(PRODUCER_ID_BLOCK);
    this.#end = this.#next + PRODUCER_ID_BLOCK;
  }
}
