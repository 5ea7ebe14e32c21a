/**
 * Properties, checked on arbitrary values with a seed that can be set again: a failure says "seed"; VARVE_SEED=… repeats it.
 * With VARVE_FULL=1 each is checked twenty times as often.
 */
import * as fc from "fast-check";
import { isFull, seed } from "./sampling.ts";

export function holds<Values>(property: fc.IProperty<Values>, runs = 100): void {
  fc.assert(property, { seed, numRuns: isFull ? runs * 20 : runs });
}

export async function holdsAsync<Values>(property: fc.IAsyncProperty<Values>, runs = 100): Promise<void> {
  await fc.assert(property, { seed, numRuns: isFull ? runs * 20 : runs });
}
