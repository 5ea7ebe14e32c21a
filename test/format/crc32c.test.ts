import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { crc32c } from "../../src/format/crc32c.ts";
import { makeCrcLoop } from "../../src/format/crc32c-wasm.ts";
import { noise, text } from "./payloads.ts";

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

/** One bit at a time, straight from the definition. */
function bitwise(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let at = start; at < end; at++) {
    crc ^= bytes[at];
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("crc32c", () => {
  // RFC 3720, B.4, and the check value of the CRC catalogue.
  test.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), 0],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["ascending", ascending, 0x46dd794e],
    ["descending", ascending.toReversed(), 0x113fdb5c],
    ["the check value", text("123456789"), 0xe3069283],
  ])("%s", (_, bytes, expected) => {
    expect(crc32c(bytes, 0, bytes.length)).toBe(expected);
  });

  test("every alignment of the array, the start and the end", () => {
    const buffer = noise(1, 2048).buffer;
    for (let shift = 0; shift < 8; shift++) {
      const bytes = new Uint8Array(buffer, shift);
      for (let start = 0; start < 8; start++) {
        for (let length = 0; length < 100; length++) {
          expect(crc32c(bytes, start, start + length)).toBe(bitwise(bytes, start, start + length));
        }
        for (let end = 1000; end < 1020; end++) expect(crc32c(bytes, start, end)).toBe(bitwise(bytes, start, end));
      }
    }
  });

  test("ranges of one buffer, then of another, in any order", () => {
    const arrays = [noise(2, 4099), noise(3, 700).subarray(3), new Uint8Array(noise(4, 64)), new Uint8Array(0)];
    const ranges = fc.array(fc.tuple(fc.nat(arrays.length - 1), fc.nat(4099), fc.nat(4099)), { minLength: 2 });
    fc.assert(
      fc.property(ranges, (picks) => {
        for (const [which, a, b] of picks) {
          const bytes = arrays[which];
          const start = Math.min(a, b, bytes.length);
          const end = Math.min(Math.max(a, b), bytes.length);
          expect(crc32c(bytes, start, end)).toBe(bitwise(bytes, start, end));
        }
      }),
    );
  });

  /** Where WebAssembly begins, its steps, and the pieces it is given. */
  const LONG = [4095, 4096, 4097, 4111, 4112, 32_768, 32_783, 32_784, 65_536, 65_537, 100_000];

  test("long ranges, at every alignment", () => {
    const bytes = noise(6, 100_100).subarray(3);
    for (const length of LONG) {
      for (const start of [0, 1, 7, 16]) {
        expect(crc32c(bytes, start, start + length)).toBe(bitwise(bytes, start, start + length));
      }
      const half = crc32c(bytes, 0, 50);
      expect(crc32c(bytes, 50, length, half)).toBe(bitwise(bytes, 0, length));
    }
  });

  test("long ranges where there is no WebAssembly", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    vi.resetModules();
    const { crc32c: plain } = await import("../../src/format/crc32c.ts");
    const bytes = noise(7, 100_000);
    for (const length of LONG) expect(plain(bytes, 0, length)).toBe(crc32c(bytes, 0, length));
    expect(makeCrcLoop([])).toBeUndefined();
  });

  test("in pieces as at once", () => {
    const bytes = noise(5, 5000);
    const whole = bitwise(bytes, 0, bytes.length);
    fc.assert(
      fc.property(fc.array(fc.nat(5000)), (cuts) => {
        let crc = 0;
        let at = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
          crc = crc32c(bytes, at, cut, crc);
          at = cut;
        }
        expect(crc).toBe(whole);
      }),
    );
  });

  test("a buffer that has grown since its last checksum", () => {
    // Of ES2024, which the project's TypeScript library does not name yet.
    type Resizable = ArrayBuffer & { resize(length: number): void };
    const buffer: Resizable = Reflect.construct(ArrayBuffer, [1024, { maxByteLength: 4096 }]);
    new Uint8Array(buffer).fill(7);
    expect(crc32c(new Uint8Array(buffer), 0, 1024)).toBe(bitwise(new Uint8Array(1024).fill(7), 0, 1024));
    buffer.resize(4096);
    const grown = new Uint8Array(buffer).fill(9);
    expect(crc32c(grown, 0, 4096)).toBe(bitwise(grown, 0, 4096));
    expect(crc32c(grown, 4000, 4060)).toBe(bitwise(grown, 4000, 4060));
  });
});
