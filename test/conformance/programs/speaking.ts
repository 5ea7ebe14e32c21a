/** How a program is told what to do, and says how it went: arguments as JSON, and lines to a file that its parent has opened. */
import { writeSync } from "node:fs";
import type { Said } from "./content.ts";

export type Varve = typeof import("../../../src/index.ts");

const SAID = 3;

/** `varve` is where the built package lies. */
export function told<T>(): T & { varve: string; data: string } {
  return JSON.parse(process.argv[2]);
}

/** Written at once: what has been said stays said, however this process ends. */
export function say(said: Said): void {
  writeSync(SAID, `${JSON.stringify(said)}\n`);
}

/** Mulberry32: numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
