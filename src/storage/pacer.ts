/** Long work in slices: `rest` gives the event loop a turn when the slice is used up. */
import type { Clock } from "./clock.ts";

/** Short of the 10 ms that nothing may hold the event loop for: a chunk is read to its end, and garbage is collected. */
const SLICE_MS = 6;

export class Pacer {
  readonly #clock: Clock;
  #started: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#started = clock.monotonic();
  }

  get isDue(): boolean {
    return this.#clock.monotonic() - this.#started >= SLICE_MS;
  }

  async rest(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#started = this.#clock.monotonic();
  }
}
