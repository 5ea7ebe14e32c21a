/** Time and chance, passed in as arguments so that tests hold them in their hand. Nothing else in src reads a clock. */
import { randomBytes } from "node:crypto";

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds since some fixed point. Never goes back. */
  monotonic(): number;
  /** Calls `fn` once after `ms`; returns the call that cancels it. The timer does not keep the process alive. */
  schedule(ms: number, fn: () => void): () => void;
}

/** `count` random bytes. */
export type Chance = (count: number) => Uint8Array;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemChance: Chance = (count) => randomBytes(count);
