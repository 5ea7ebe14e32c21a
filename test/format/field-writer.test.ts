import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import {
  MAX_BYTES_PER_UNIT,
  putLength,
  sizeOfHeaders,
  writeField,
  writeHeaders,
  writeRecord,
} from "../../src/format/field-writer.ts";
import type { HeaderPairs } from "../../src/format/record.ts";
import { writeVarint, writeVarlong } from "../../src/format/varint.ts";
import { holds } from "../property.ts";
import { concat } from "./payloads.ts";

type Field = Uint8Array | string | null;

const AT = 3;

/** The bytes behind their length, measured first: the way that field-writer.ts avoids. */
function reference(field: Field): Uint8Array {
  const bytes = field === null ? new Uint8Array(0) : Buffer.from(field as string);
  return concat(varint(field === null ? -1 : bytes.length), bytes);
}

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  return bytes.slice(0, writeVarint(bytes, 0, value));
}

/** What a writer leaves in a buffer of other things, and that it leaves alone what lies in front. */
function written(size: number, write: (into: Buffer) => number): Uint8Array {
  const into = Buffer.alloc(AT + size + 5, 0xee);
  const end = write(into);
  expect([...into.subarray(0, AT)]).toEqual([0xee, 0xee, 0xee]);
  return Uint8Array.from(into.subarray(AT, end));
}

/** Around every length at which a writer goes another way, or a length takes a byte more, in units and in bytes. */
const LENGTHS = [0, 1, 11, 12, 13, 20, 21, 22, 24, 25, 31, 32, 33, 62, 63, 64, 65, 2730, 2731, 4095, 4096, 8191, 8192];

const FILLINGS = { "one byte": "a", "two bytes": "é", "three bytes": "语", "four bytes in two units": "😀" };

describe("writeRecord", () => {
  /** Field by field, behind a length that was counted. */
  function expected(delta: number, index: number, key: Uint8Array | null, value: Uint8Array | null): Uint8Array {
    const long = new Uint8Array(10);
    const body = concat(
      Uint8Array.of(0),
      long.slice(0, writeVarlong(long, 0, delta)),
      varint(index),
      reference(key as Field),
      reference(value as Field),
      Uint8Array.of(0),
    );
    return concat(varint(body.length), body);
  }

  it.each([0, 1, 63, 64, 8191, 8192, -1, -64, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 52, -(2 ** 52)])(
    "writes what its fields are one by one, at a timestamp delta of %d",
    (delta) => {
      for (const index of [0, 63, 64, 8192]) {
        for (const length of [...LENGTHS, 45, 46, 47, 48, 49, 50, 56, 57, 58, 59, 60, 61]) {
          const bytes = Uint8Array.from({ length }, (_, i) => i);
          const pairs = [
            [bytes, null],
            [null, bytes],
            [bytes.subarray(0, 16), bytes],
          ] as const;
          for (const [key, value] of pairs) {
            const record = written(2 * length + 40, (into) => writeRecord(into, AT, delta, index, key, value));
            expect(Buffer.compare(record, expected(delta, index, key, value))).toBe(0);
          }
        }
      }
    },
  );
});

describe("writeField", () => {
  it.each(Object.entries(FILLINGS))("writes strings of %s a character, whatever their length", (_, filling) => {
    for (const length of LENGTHS) {
      const whole = filling.repeat(length);
      for (const text of [whole, `x${whole}`, `${"x".repeat(length)}${filling}`]) {
        const bytes = written(text.length * MAX_BYTES_PER_UNIT, (into) => writeField(into, AT, text));
        expect(Buffer.compare(bytes, reference(text))).toBe(0);
      }
    }
  });

  it("writes bytes of any length, and null", () => {
    for (const length of LENGTHS) {
      const field = Uint8Array.from({ length }, (_, i) => i);
      expect(written(length, (into) => writeField(into, AT, field))).toEqual(reference(field));
    }
    expect(written(0, (into) => writeField(into, AT, null))).toEqual(reference(null));
  });
});

describe("headers", () => {
  const names = fc.oneof(fc.string(), fc.string({ unit: "binary", maxLength: 80 }));
  const pairs = fc.array(fc.tuple(names, fc.oneof(names, fc.uint8Array(), fc.constant(null))), { maxLength: 70 });

  it("take the size that they say", () => {
    holds(
      fc.property(pairs, (headers: HeaderPairs) => {
        const expected = concat(varint(headers.length), ...headers.flatMap((pair) => pair.map(reference)));
        const size = sizeOfHeaders(headers);
        expect(written(size, (into) => writeHeaders(into, AT, headers))).toEqual(expected);
        expect(size).toBe(expected.length);
      }),
    );
  });
});

describe("putLength", () => {
  it.each([1, 2, 3])("moves what was written behind room for %i", (room) => {
    for (const length of [0, 1, 63, 64, 100, 8191, 8192]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i);
      const expected = concat(varint(length), bytes);
      const put = (into: Buffer) => {
        into.set(bytes, AT + room);
        return putLength(into, AT, AT + room, AT + room + length);
      };
      expect(Buffer.compare(written(length, put), expected)).toBe(0);
    }
  });
});

describe("a record", () => {
  /** By the book: its fields in their order, and their length in front. */
  function record(key: Field, value: Field, headers: HeaderPairs): Uint8Array {
    const pairs = headers.flatMap((pair) => pair.map(reference));
    const body = concat(Uint8Array.of(0, 0, 0), reference(key), reference(value), varint(headers.length), ...pairs);
    return concat(varint(body.length), body);
  }

  function appended(key: Field, value: Field, headers: HeaderPairs | undefined): Uint8Array {
    const builder = new BatchBuilder();
    const start = builder.sizeInBytes;
    builder.append(key, value, headers, 0);
    return Uint8Array.from(builder.seal().bytes.subarray(start, builder.sizeInBytes));
  }

  it("is the same to the byte where its length takes a byte more, and where it was guessed wrong", () => {
    const sizes = [...Array(130).keys(), ...Array.from({ length: 40 }, (_, i) => 8165 + i)];
    for (const size of sizes) {
      for (const value of ["v".repeat(size), "é".repeat(size >>> 1), "语".repeat(size), Buffer.alloc(size, 1)]) {
        for (const key of ["k", "ключ", null]) {
          expect(Buffer.compare(appended(key, value, undefined), record(key, value, []))).toBe(0);
          const headers: HeaderPairs = [["имя", "v"]];
          expect(Buffer.compare(appended(key, value, headers), record(key, value, headers))).toBe(0);
        }
      }
    }
  });
});
