import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEADER_BYTES } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { BatchRecords } from "../../src/format/batch-records.ts";
import { COLUMNS, type HeaderPairs, OFFSET_DELTA, type RecordTable, tableRecords } from "../../src/format/record.ts";
import { loadNative } from "../../src/native.ts";
import { holds } from "../property.ts";
import { concat, hex } from "./payloads.ts";

const EXAMPLE = hex("18 00 00 00 02 6b 0a 68 65 6c 6c 6f 00");
const SECOND = hex("18 00 14 02 02 6b 0a 68 65 6c 6c 6f 00");

const { native } = loadNative();
const engines = native === undefined ? [undefined] : [undefined, native];

function told(table: RecordTable | string): unknown {
  return typeof table === "string" ? table : { rows: [...table.rows], timestampDeltas: [...table.timestampDeltas] };
}

/** However it was checked, it is what the table says. */
function agrees(bytes: Uint8Array, start: number, end: number, count: number): boolean {
  const table = tableRecords(bytes, start, end, count);
  for (const engine of engines) {
    for (const isTabled of [false, true]) {
      const records = BatchRecords.check(bytes, start, end, count, isTabled, engine);
      if (typeof records === "string" || typeof table === "string") {
        expect(records).toBe(table);
        continue;
      }
      const last = count === 0 ? -1 : table.rows[(count - 1) * COLUMNS + OFFSET_DELTA];
      expect(records.lastOffsetDelta).toBe(last);
      if (records.known === undefined) expect({ isTabled, last }).toEqual({ isTabled: false, last: count - 1 });
      expect(told(records.table)).toEqual(told(table));
    }
  }
  return typeof table !== "string";
}

const fields = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 70 }),
  fc.uint8Array({ minLength: 8190, maxLength: 8200 }),
);
interface Given {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: HeaderPairs;
  delta: number;
}

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    key: fields,
    value: fields,
    headers: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      fc.constant([["name", "value"]] as [string, string][]),
    ),
    delta: fc.oneof(fc.nat(100), fc.nat(20_000), fc.integer({ min: -(2 ** 50), max: 2 ** 50 })),
  }),
  { minLength: 1, maxLength: 40 },
);

function built(given: readonly Given[], from: number): Uint8Array {
  const builder = new BatchBuilder();
  for (const { key, value, headers, delta } of given) {
    builder.append(key, value, headers.length === 0 ? undefined : headers, from + delta);
  }
  const { bytes, end } = builder.seal();
  return Uint8Array.from(bytes.subarray(HEADER_BYTES, end));
}

describe("BatchRecords", () => {
  it("makes no table of records before somebody wants it", () => {
    const bytes = concat(hex("ee ee"), EXAMPLE, SECOND);
    const records = BatchRecords.check(bytes, 2, 28, 2, false);
    if (typeof records === "string") throw new Error(records);
    expect(records.known).toBeUndefined();
    expect(records.lastOffsetDelta).toBe(1);
    const { table } = records;
    expect(records.known).toBe(table);
    expect(told(table)).toEqual(told(tableRecords(bytes, 2, 28, 2)));
  });

  it("makes it at once where an index is no offset delta", () => {
    const records = BatchRecords.check(concat(EXAMPLE, hex("18 00 14 06 02 6b 0a 68 65 6c 6c 6f 00")), 0, 26, 2, false);
    if (typeof records === "string") throw new Error(records);
    expect(records.known).toBeDefined();
    expect(records.lastOffsetDelta).toBe(3);
  });

  it("holds none", () => {
    expect(agrees(new Uint8Array(0), 0, 0, 0)).toBe(true);
    expect(agrees(new Uint8Array(1), 0, 1, 0)).toBe(false);
  });

  it("refuses what was changed in the meantime", () => {
    const bytes = Uint8Array.from(EXAMPLE);
    const records = BatchRecords.check(bytes, 0, bytes.length, 1, false);
    if (typeof records === "string") throw new Error(records);
    bytes[0] = 1;
    expect(() => records.table).toThrow(
      "the records have changed after they were checked: record 0 has a wrong length",
    );
  });

  it("takes what a table is made of, and nothing else", () => {
    holds(
      fc.property(records, fc.nat(3), (given, pad) => {
        const bytes = concat(new Uint8Array(pad), built(given, 2 ** 51));
        expect(agrees(bytes, pad, bytes.length, given.length)).toBe(true);
        agrees(bytes, pad, bytes.length, given.length + 1);
        agrees(bytes, pad, bytes.length - 1, given.length);
      }),
    );
  });

  it("agrees on records with one byte changed", () => {
    const short = Array.from({ length: 20 }, (_, i) => ({
      key: hex("6b"),
      value: hex("76 76"),
      headers: [],
      delta: i * 9,
    }));
    const bytes = built(short, 1000);
    let refused = 0;
    for (let at = 0; at < 60; at++) {
      for (const byte of [0, 1, 2, 3, 4, 5, 6, 12, 13, 14, 15, 16, 17, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff]) {
        const bent = bytes.map((old, i) => (i === at || i === bytes.length - 1 - at ? byte : old));
        if (!agrees(bent, 0, bent.length, short.length)) refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });

  it("never looks past the end", () => {
    holds(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(4), (bytes, count) => {
        for (const filler of [0x00, 0x01, 0xff]) {
          agrees(concat(bytes, new Uint8Array(20).fill(filler)), 0, bytes.length, count);
        }
      }),
      500,
    );
  });
});
