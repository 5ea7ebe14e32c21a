import { describe, expect, it } from "vitest";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, VALUE_AT, VALUE_LENGTH } from "../../src/format/record.ts";
import { tableRecord } from "../../src/format/single-record.ts";
import { concat, hex } from "./payloads.ts";

/** Offset deltas 0, 2 and 200, as compaction leaves them; the keys "a", "b" and "c", the value "hello". */
const RECORDS = concat(
  hex("18 00 00 00 02 61 0a 68 65 6c 6c 6f 00"),
  hex("18 00 14 04 02 62 0a 68 65 6c 6c 6f 00"),
  hex("1a 00 16 90 03 02 63 0a 68 65 6c 6c 6f 00"),
);

const find = (bytes: Uint8Array, delta: number, count = 3) => tableRecord(bytes, 0, bytes.length, count, delta);

describe("tableRecord", () => {
  it.each([
    [0, "a", 0],
    [2, "b", 10],
    [200, "c", 11],
  ])("finds the record with the delta %i", (delta, key, timestampDelta) => {
    const { bytes, count, rows, timestampDeltas } = find(RECORDS, delta)!;
    const text = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)).toString();
    expect([count, rows.length, rows[OFFSET_DELTA], timestampDeltas[0]]).toEqual([1, COLUMNS, delta, timestampDelta]);
    expect(text(rows[KEY_AT], rows[KEY_LENGTH])).toBe(key);
    expect(text(rows[VALUE_AT], rows[VALUE_LENGTH])).toBe("hello");
  });

  it("finds none between the records, or behind them", () => {
    for (const delta of [1, 3, 199, 201]) expect(find(RECORDS, delta)).toBeUndefined();
  });

  it("gives a copy: the batch may be overwritten", () => {
    const batch = RECORDS.slice();
    const { bytes, rows } = find(batch, 2)!;
    batch.fill(0xff);
    expect(bytes[rows[KEY_AT]]).toBe("b".charCodeAt(0));
    expect(bytes.length).toBe(13);
  });

  it.each([
    ["a length past the end", "18 00 00 00 02 61 0a 68", 0],
    ["a length too small", "08 00 00 00 01 01 00", 0],
    ["an endless length", "ff ff ff ff ff ff ff", 0],
    ["an endless offset", "0c 00 00 ff ff ff ff", 0],
    ["an offset that cannot be that of the second record", "0c 00 00 00 01 01 00  0c 00 00 00 01 01 00", 1],
    ["a key past the end of its record", "0c 00 00 00 10 01 00", 0],
  ])("refuses %s", (_, bytes, delta) => {
    expect(() => find(hex(bytes), delta)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
  });
});
