/** Long work in slices: `rest` gives the event loop a turn when the slice is used up. */
import type { Clock } from "./clock.ts";

const SLICE_MS = 8;

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
