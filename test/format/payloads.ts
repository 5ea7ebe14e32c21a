/** What the codec tests compress: bytes that look like records, and arbitrary mixes of noise, runs and repetitions. */
import * as fc from "fast-check";

/** A small linear congruential generator: the same bytes on every machine, for fixtures too. */
export function noise(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** Lines of JSON, about 70 bytes each. The compressed fixtures hold 1,100 of them. */
export function recordLines(count: number): Uint8Array {
  const random = noise(7, count * 4);
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = random[i * 4] % 50;
    const amount = random[i * 4 + 1] * 256 + random[i * 4 + 2];
    lines.push(`{"id":${i},"name":"user-${name}","at":${1700000000000 + i * 13},"amount":${amount / 100}}\n`);
  }
  return new TextEncoder().encode(lines.join(""));
}

/** Up to about 300 KiB, of pieces: noise, one byte repeated, or a repetition of what stands somewhere before. */
export const payloads = fc
  .array(
    fc.record({
      kind: fc.constantFrom("noise", "run", "again"),
      length: fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(100_000)),
      seed: fc.nat(),
    }),
    { maxLength: 6 },
  )
  .map((pieces) => {
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    const bytes = new Uint8Array(Math.min(total, 300 * 1024));
    let at = 0;
    for (const { kind, length, seed } of pieces) {
      const end = Math.min(at + length, bytes.length);
      if (kind === "noise") bytes.set(noise(seed, end - at), at);
      else if (kind === "run") bytes.fill(seed, at, end);
      else for (let back = (seed % (at || 1)) + 1; at < end; at++) bytes[at] = at >= back ? bytes[at - back] : seed;
      at = end;
    }
    return bytes;
  });

export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

export const hex = (content: string): Uint8Array => Uint8Array.from(Buffer.from(content.replaceAll(" ", ""), "hex"));

export const concat = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
