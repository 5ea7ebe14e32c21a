/**
 * How much a slow test does, and of what: .ci/run samples by a printed seed, .ci/full does everything.
 *
 * A test that fails says its seed; VARVE_SEED=… shows the same sample again.
 */

/** Everything is asked for, not a sample. */
export const isFull = process.env.VARVE_FULL === "1";

/** What every sample is drawn from. Run by hand, without VARVE_SEED, it is another one each time. */
export const seed = Number(process.env.VARVE_SEED ?? Math.floor(Math.random() * 2 ** 30));

/** Numbers in [0, 1), the same for the same seed and purpose; Mulberry32. */
export function randomFor(purpose: string, from = seed): () => number {
  let state = from | 0;
  for (const character of purpose) state = (Math.imul(state, 31) + character.charCodeAt(0)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
