import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  COLUMNS,
  HEADERS_AT,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  readHeaders,
  tableRecords,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../src/format/record.ts";
import { holds } from "../property.ts";
import { concat, hex } from "./payloads.ts";

/** The worked example in the head of record.ts: key "k", value "hello". */
const EXAMPLE = hex("18 00 00 00 02 6b 0a 68 65 6c 6c 6f 00");
/** The same as the second record: offset delta 1, timestamp delta 10. */
const SECOND = hex("18 00 14 02 02 6b 0a 68 65 6c 6c 6f 00");

const table = (bytes: Uint8Array, count: number) => tableRecords(bytes, 0, bytes.length, count);

describe("tableRecords", () => {
  it("tells where everything lies", () => {
    const found = tableRecords(concat(hex("ee ee"), EXAMPLE, SECOND), 2, 28, 2);
    if (typeof found === "string") throw new Error(found);
    expect(found.count).toBe(2);
    expect([...found.timestampDeltas]).toEqual([0, 10]);
    const [first, second] = [found.rows.subarray(0, COLUMNS), found.rows.subarray(COLUMNS)];
    const columns = [OFFSET_DELTA, KEY_AT, KEY_LENGTH, VALUE_AT, VALUE_LENGTH, HEADERS_AT];
    expect(columns.map((column) => first[column])).toEqual([0, 7, 1, 9, 5, -1]);
    expect(columns.map((column) => second[column])).toEqual([1, 20, 1, 22, 5, -1]);
  });

  it("tells null from empty", () => {
    const found = table(hex("0c 00 00 00 01 01 00  0c 00 00 02 00 00 00"), 2);
    if (typeof found === "string") throw new Error(found);
    expect([found.rows[KEY_LENGTH], found.rows[VALUE_LENGTH]]).toEqual([-1, -1]);
    expect([found.rows[COLUMNS + KEY_LENGTH], found.rows[COLUMNS + VALUE_LENGTH]]).toEqual([0, 0]);
  });

  it("finds headers: their order, a name twice, null and empty values", () => {
    const headers = hex("08  02 61 02 31  02 61 02 32  02 6e 01  02 65 00");
    const bytes = concat(hex("28 00 00 00 01 01"), headers);
    const found = table(bytes, 1);
    if (typeof found === "string") throw new Error(found);
    expect(readHeaders(bytes, found.rows[HEADERS_AT])).toEqual([
      ["a", hex("31")],
      ["a", hex("32")],
      ["n", null],
      ["e", hex("")],
    ]);
    expect(readHeaders(bytes, -1)).toEqual([]);
  });

  it("copies what headers hold, out of a Buffer too", () => {
    const bytes = Buffer.from(hex("10 00 00 00 01 01 02 02 61 02 31".replace("10", "14")));
    const found = table(bytes, 1);
    if (typeof found === "string") throw new Error(found);
    const [[, value]] = readHeaders(bytes, found.rows[HEADERS_AT]);
    bytes.fill(0);
    expect(value).toEqual(hex("31"));
  });

  it.each([
    ["a length past the end", "1a 00 00 00 02 6b 0a 68 65 6c 6c 6f 00", 1, "record 0 has a wrong length"],
    ["a length that is too small", "0a 00 00 00 01 01", 1, "1 records cannot fit into 6 bytes"],
    ["a length that is negative", "01 00 00 00 01 01 00", 1, "record 0 has a wrong length"],
    ["a length without an end", "ff ff ff ff ff ff ff", 1, "record 0 has a wrong length"],
    ["a timestamp without an end", "0c 00 ff ff ff ff ff", 1, "record 0 has a wrong timestamp"],
    ["an offset without an end", "0c 00 00 ff ff ff ff", 1, "record 0 has a wrong offset"],
    ["a key past the record", "18 00 00 00 12 6b 0a 68 65 6c 6c 6f 00", 1, "record 0 has a wrong key length"],
    ["a key length of -2", "18 00 00 00 03 6b 0a 68 65 6c 6c 6f 00", 1, "record 0 has a wrong key length"],
    ["a value past the record", "18 00 00 00 02 6b 0e 68 65 6c 6c 6f 00", 1, "record 0 has a wrong value length"],
    ["a value length of -2", "18 00 00 00 02 6b 03 68 65 6c 6c 6f 00", 1, "record 0 has a wrong value length"],
    ["no room for the headers", "18 00 00 00 02 6b 0c 68 65 6c 6c 6f 00", 1, "record 0 has wrong headers"],
    ["more headers than bytes", "18 00 00 00 02 6b 0a 68 65 6c 6c 6f 02", 1, "record 0 has wrong headers"],
    ["2^31-1 headers", "14 00 00 00 01 01 fe ff ff ff 0f", 1, "record 0 has wrong headers"],
    ["a header name that is null", "10 00 00 00 01 01 02 01 01", 1, "record 0 has wrong headers"],
    ["bytes behind the headers", "10 00 00 00 01 01 00 00 00", 1, "record 0 has wrong headers"],
    [
      "fewer records than bytes",
      "0c 00 00 00 01 01 00 0c 00 00 02 01 01 00",
      1,
      "7 bytes follow the last of 1 records",
    ],
    ["more records than bytes", "0c 00 00 00 01 01 00", 2, "2 records cannot fit into 7 bytes"],
    ["an offset twice", "0c 00 00 00 01 01 00 0c 00 00 00 01 01 00", 2, "record 1 has a wrong offset"],
    ["an offset below the first", "0c 00 00 01 01 01 00", 1, "record 0 has a wrong offset"],
  ])("refuses %s", (_, bytes, count, reason) => {
    expect(table(hex(bytes), count)).toBe(reason);
  });

  it("never reads past the end, whatever the bytes", () => {
    const anyBytes = fc.uint8Array({ maxLength: 60 });
    const bent = fc
      .tuple(fc.nat(EXAMPLE.length * 2 - 1), fc.nat(255))
      .map(([at, byte]) => concat(EXAMPLE, SECOND).map((old, i) => (i === at ? byte : old)));
    holds(
      fc.property(fc.oneof(anyBytes, bent), fc.integer({ min: 0, max: 4 }), (bytes, count) => {
        // What lies behind must not matter.
        const ends = [0x00, 0x01, 0xff].map((filler) => concat(bytes, new Uint8Array(20).fill(filler)));
        const found = ends.map((padded) => tableRecords(padded, 0, bytes.length, count));
        const told = found.map((one) => (typeof one === "string" ? one : [...one.rows, ...one.timestampDeltas]));
        expect(told[1]).toEqual(told[0]);
        expect(told[2]).toEqual(told[0]);
        for (const one of found) {
          if (typeof one === "string") continue;
          for (let row = 0; row < one.rows.length; row += COLUMNS) {
            expect(one.rows[row + KEY_AT] + Math.max(0, one.rows[row + KEY_LENGTH])).toBeLessThan(bytes.length);
            expect(one.rows[row + VALUE_AT] + Math.max(0, one.rows[row + VALUE_LENGTH])).toBeLessThan(bytes.length);
            readHeaders(one.bytes, one.rows[row + HEADERS_AT]);
          }
        }
      }),
      1000,
    );
  });
});
