import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cursor,
  readVarint,
  readVarlong,
  readVarlongExact,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from "../../src/format/varint.ts";
import { holds } from "../property.ts";
import { hex } from "./payloads.ts";

/** Zigzag and base 128 by the book, in BigInt. */
function reference(value: bigint, bits: 32 | 64): Uint8Array {
  let zigzag = BigInt.asUintN(bits, (value << 1n) ^ (value >> BigInt(bits - 1)));
  const bytes: number[] = [];
  for (; zigzag >= 0x80n; zigzag >>= 7n) bytes.push(Number(zigzag & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(zigzag)]);
}

const int32 = fc.oneof(fc.integer(), fc.integer({ min: -200, max: 200 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1));
const safe = fc.oneof(fc.maxSafeInteger(), int32, fc.constantFrom(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));

describe("varints", () => {
  it.each([
    [0, "00"],
    [-1, "01"],
    [1, "02"],
    [63, "7e"],
    [-64, "7f"],
    [64, "80 01"],
    [300, "d8 04"],
    [2 ** 31 - 1, "fe ff ff ff 0f"],
    [-(2 ** 31), "ff ff ff ff 0f"],
  ])("%i is %s, as varint and as varlong", (value, bytes) => {
    const expected = hex(bytes);
    for (const write of [writeVarint, writeVarlong]) {
      const into = new Uint8Array(10);
      expect(write(into, 0, value)).toBe(expected.length);
      expect(into.subarray(0, expected.length)).toEqual(expected);
    }
    expect(sizeOfVarint(value)).toBe(expected.length);
    expect(sizeOfVarlong(value)).toBe(expected.length);
  });

  it("are written as the book says and read back, at any place", () => {
    holds(
      fc.property(int32, fc.nat(9), (value, at) => {
        const expected = reference(BigInt(value), 32);
        const into = new Uint8Array(20).fill(0xee);
        expect(writeVarint(into, at, value)).toBe(at + expected.length);
        expect(into.subarray(at, at + expected.length)).toEqual(expected);
        expect(into[at + expected.length]).toBe(0xee);
        expect(sizeOfVarint(value)).toBe(expected.length);
        expect(readVarint(into, at, into.length)).toBe(value);
        expect(cursor.at).toBe(at + expected.length);
      }),
      500,
    );
  });

  it.each(["", "80", "ff ff ff ff", "80 80 80 80 80", "80 80 80 80 10", "ff ff ff ff ff ff 01"])(
    "of the bytes [%s] there is none",
    (bytes) => {
      readVarint(hex(bytes), 0, hex(bytes).length);
      expect(cursor.at).toBe(-1);
    },
  );

  it("do not reach past the end that is given", () => {
    readVarint(hex("80 80 01"), 0, 2);
    expect(cursor.at).toBe(-1);
    readVarlong(hex("80 80 01"), 0, 2);
    expect(cursor.at).toBe(-1);
  });
});

describe("varlongs", () => {
  it("are written as the book says and read back", () => {
    holds(
      fc.property(safe, (value) => {
        const expected = reference(BigInt(value), 64);
        const into = new Uint8Array(12).fill(0xee);
        expect(writeVarlong(into, 1, value)).toBe(1 + expected.length);
        expect(into.subarray(1, 1 + expected.length)).toEqual(expected);
        expect(sizeOfVarlong(value)).toBe(expected.length);
        expect(readVarlong(into, 1, into.length)).toBe(value);
        expect(cursor.at).toBe(1 + expected.length);
        expect(readVarlongExact(into, 1)).toBe(BigInt(value));
      }),
      500,
    );
  });

  it("outside of the safe integers are NaN, and read exactly where that is asked for", () => {
    holds(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = reference(value, 64);
        const read = readVarlong(bytes, 0, bytes.length);
        expect(cursor.at).toBe(bytes.length);
        expect(read).toBe(BigInt.asIntN(54, value) === value && value !== -(2n ** 53n) ? Number(value) : Number.NaN);
        expect(readVarlongExact(bytes, 0)).toBe(value);
      }),
      500,
    );
  });

  it.each(["", "80 80 80 80 80 80 80 80 80", "80 80 80 80 80 80 80 80 80 02", "ff ff ff ff ff ff ff ff ff ff 01"])(
    "of the bytes [%s] there is none",
    (bytes) => {
      readVarlong(hex(bytes), 0, hex(bytes).length);
      expect(cursor.at).toBe(-1);
    },
  );
});
