/**
 * Divides the work of one request, which may name a quarter of a million partitions, into pieces of a few milliseconds, between which
 * others have their turn.
 */
export class Turns {
  /** The share of a topic, or of something like it, that is made, changed or refused. */
  static readonly NAME = 1 / 200;

  #spent = 0;

  /** Notes a piece of work, as a share of what one turn may do. What it returns, if anything, is to be awaited before the next. */
  after(share: number): Promise<void> | undefined {
    this.#spent += share;
    if (this.#spent < 1) return undefined;
    this.#spent = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }
}
