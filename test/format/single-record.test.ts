import { describe, expect, it } from "vitest";
import { HEADER_BYTES } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import {
  COLUMNS,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  type RecordTable,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../src/format/record.ts";
import { copyRecord } from "../../src/format/single-record.ts";
import { concat, hex } from "./payloads.ts";

/** Offset deltas 0, 2 and 200, as compaction leaves them; the keys "a", "b" and "c", the value "hello". */
const RECORDS = concat(
  hex("18 00 00 00 02 61 0a 68 65 6c 6c 6f 00"),
  hex("18 00 14 04 02 62 0a 68 65 6c 6c 6f 00"),
  hex("1a 00 16 90 03 02 63 0a 68 65 6c 6c 6f 00"),
);

const find = (bytes: Uint8Array, delta: number, count = 3) => copyRecord(bytes, 0, bytes.length, count, delta);

function tell({ bytes, rows, timestampDeltas, count }: RecordTable, index = count - 1) {
  const row = rows.subarray(index * COLUMNS);
  const text = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length)).toString();
  return {
    delta: row[OFFSET_DELTA],
    timestampDelta: timestampDeltas[index],
    key: text(row[KEY_AT], row[KEY_LENGTH]),
    value: text(row[VALUE_AT], row[VALUE_LENGTH]),
  };
}

describe("copyRecord", () => {
  it.each([
    [0, "a", 0],
    [2, "b", 10],
    [200, "c", 11],
  ])("finds the record with the delta %i", (delta, key, timestampDelta) => {
    expect(tell(find(RECORDS, delta)!)).toEqual({ delta, timestampDelta, key, value: "hello" });
  });

  it("finds none between the records, or behind them", () => {
    for (const delta of [1, 3, 199, 201]) expect(find(RECORDS, delta)).toBeUndefined();
  });

  it("gives a copy: the batch may be overwritten", () => {
    const batch = RECORDS.slice();
    const table = find(batch, 2)!;
    const { count } = table;
    batch.fill(0xff);
    expect(tell(table, count - 1)).toMatchObject({ delta: 2, key: "b" });
  });

  it("leaves each copy as it is, however many follow", () => {
    const tables = Array.from({ length: 1000 }, (_, i) => {
      const table = find(RECORDS, i % 2 === 0 ? 0 : 200)!;
      return { table, index: table.count - 1, key: i % 2 === 0 ? "a" : "c" };
    });
    for (const { table, index, key } of tables) expect(tell(table, index).key).toBe(key);
  });

  it("copies what is larger than many together", () => {
    const value = "x".repeat(100_000);
    const builder = new BatchBuilder();
    builder.append("k", value, undefined, 0);
    const { bytes, end } = builder.seal();
    expect(tell(copyRecord(bytes, HEADER_BYTES, end, 1, 0)!)).toMatchObject({ key: "k", value });
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
