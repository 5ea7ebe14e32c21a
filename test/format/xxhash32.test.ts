import { expect, test } from "vitest";
import { xxhash32 } from "../../src/format/xxhash32.ts";
import { concat, text } from "./payloads.ts";

// Known values, as the xxhsum command prints them.
test.each([
  ["", 0, 0x02cc5d05],
  ["a", 0, 0x550d7456],
  ["abc", 0, 0x32d153ff],
  ["Nobody inspects the spammish repetition", 0, 0xe2293b2f],
])("%j with seed %i", (content, seed, expected) => {
  const bytes = text(content);
  expect(xxhash32(bytes, 0, bytes.length, seed)).toBe(expected);
  expect(xxhash32(concat(text("x"), bytes), 1, 1 + bytes.length, seed)).toBe(expected);
});

/** The buffer and the values of xxHash's own sanity check. */
test.each([
  [1, 0xcf65b03e, 0xb4545aa4],
  [14, 0x1208e7e2, 0x6af1d1fe],
  [222, 0x5bd11dbd, 0x58803c5f],
])("%i bytes of the sanity check, with both seeds", (length, unseeded, seeded) => {
  const bytes = new Uint8Array(length);
  let state = 2654435761n;
  for (let at = 0; at < length; at++) {
    bytes[at] = Number(state >> 56n);
    state = BigInt.asUintN(64, state * 11400714785074694797n);
  }
  expect(xxhash32(bytes, 0, length)).toBe(unseeded);
  expect(xxhash32(bytes, 0, length, 2654435761)).toBe(seeded);
});
