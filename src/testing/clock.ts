/**
 * A clock that a test holds in its hand: time stands still until the test moves it.
 *
 *   const clock = new TestClock();
 *   clock.schedule(1000, () => console.log("a second later"));
 *   clock.advance(1000);      // time passes: the timer runs
 *   clock.jump(3_600_000);    // somebody sets the wall clock: no timer runs, monotonic() stays
 */
import type { Clock } from "../storage/clock.ts";

interface Timer {
  due: number;
  fn: () => void;
}

/** What a TestClock takes. */
export interface TestClockOptions {
  /** What the wall clock shows at first. 2024-01-01 00:00 UTC when not given. */
  now?: number;
}

/** A clock that stands still until the test moves it: `clock.advance(1000)`. */
export class TestClock implements Clock {
  #monotonic = 0;
  #offset: number;
  /** By due time; those of the same time in the order in which they were scheduled. */
  readonly #timers: Timer[] = [];

  constructor(options: TestClockOptions = {}) {
    this.#offset = options.now ?? Date.UTC(2024, 0, 1);
  }

  now(): number {
    return this.#offset + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  schedule(ms: number, fn: () => void): () => void {
    const timer: Timer = { due: this.#monotonic + Math.max(0, ms), fn };
    const later = this.#timers.findIndex((other) => other.due > timer.due);
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /** How many timers wait. What is left of them when a log is closed has leaked. */
  get pending(): number {
    return this.#timers.length;
  }

  /**
   * Lets time pass, and runs what falls due on the way, in order, each at its own time; also what those schedule. What they
   * do after an `await` comes later: see `advanceAsync`.
   */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    while (this.#runNext(end));
    this.#monotonic = end;
  }

  /** The same, and gives the event loop a turn after each timer, so that promises settle at the time of that timer. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await turn();
    while (this.#runNext(end)) await turn();
    this.#monotonic = end;
  }

  /** Sets the wall clock forward or, with a negative number, back. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  #runNext(end: number): boolean {
    const timer = this.#timers[0];
    if (!timer || timer.due > end) return false;
    this.#timers.shift();
    this.#monotonic = Math.max(this.#monotonic, timer.due);
    timer.fn();
    return true;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
