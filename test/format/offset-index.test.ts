import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as offsetIndex from "../../src/format/offset-index.ts";
import { baseOffsetOf, batchesOf, golden, goldenFiles, lengthWithoutTail } from "./golden.ts";

const { ENTRY_BYTES } = offsetIndex;

/** `pairs`: offset, position, offset, position, … */
function build(pairs: number[], tail = 0, baseOffset = 0): Uint8Array {
  const count = pairs.length / 2;
  const bytes = new Uint8Array(count * ENTRY_BYTES + tail);
  for (let index = 0; index < count; index++) {
    offsetIndex.writeEntry(bytes, index, baseOffset, pairs[2 * index], pairs[2 * index + 1]);
  }
  return bytes;
}

describe("Kafka's own files", () => {
  const files = goldenFiles(".index");

  test("exist: empty, full, and one with a preallocated tail", () => {
    expect(files.filter((file) => golden(file).length > 0).length).toBeGreaterThan(6);
    const tailed = files.filter((file) => lengthWithoutTail(golden(file), ENTRY_BYTES) < golden(file).length);
    expect(tailed).toEqual(["pre-compaction/g-compact-0/00000000000000000175.index"]);
  });

  test.each(files)("%s: every entry is the last offset and the start of a batch", (file) => {
    const bytes = golden(file);
    const batches = batchesOf(golden(file.replace(/index$/, "log")));
    const baseOffset = baseOffsetOf(file);
    const count = offsetIndex.validPrefix(bytes, bytes.length, baseOffset);
    expect(count).toBe(lengthWithoutTail(bytes, ENTRY_BYTES) / ENTRY_BYTES);
    for (let index = 0; index < count; index++) {
      const offset = offsetIndex.offsetAt(bytes, index, baseOffset);
      const batch = batches.find(({ position }) => position === offsetIndex.positionAt(bytes, index));
      expect(batch?.lastOffset).toBe(offset);
    }
  });

  test.each(files)("%s: a look-up answers as a scan does", (file) => {
    const bytes = golden(file);
    const baseOffset = baseOffsetOf(file);
    const count = lengthWithoutTail(bytes, ENTRY_BYTES) / ENTRY_BYTES;
    const batches = batchesOf(golden(file.replace(/index$/, "log")));
    for (let offset = baseOffset; offset <= (batches.at(-1)?.lastOffset ?? baseOffset); offset++) {
      let scanned = -1;
      for (let i = 0; i < count; i++) if (offsetIndex.offsetAt(bytes, i, baseOffset) <= offset) scanned = i;
      expect(offsetIndex.search(bytes, count, baseOffset, offset)).toBe(scanned);
    }
  });

  test("an end offset or a log size cuts the prefix", () => {
    const bytes = golden("g-small-0/00000000000000000003.index");
    expect(offsetIndex.validPrefix(bytes, bytes.length, 3, 8)).toBe(2);
    expect(offsetIndex.validPrefix(bytes, bytes.length, 3, 7)).toBe(1);
    expect(offsetIndex.validPrefix(bytes, bytes.length, 3, 29, 0x136)).toBe(2);
    expect(offsetIndex.validPrefix(bytes, bytes.length, 3, 29, 0x135)).toBe(1);
  });
});

describe("valid prefix", () => {
  const zeros = 10 * ENTRY_BYTES;
  test.each([
    ["nothing", build([]), 0],
    ["preallocated zeros alone", build([], zeros), 0],
    ["half an entry", build([5, 100]).subarray(0, 7), 0],
    ["a lone record at position 0 is not told from zeros", build([0, 0], zeros), 0],
    ["a lone record at position 0, where there is room for one entry", build([0, 0]), 1],
    ["a lone record at position 0, and more behind it", build([0, 0, 1, 90], zeros), 2],
    ["several records in the batch at position 0", build([4, 0], zeros), 1],
    ["entries and zeros", build([4, 100, 9, 300], zeros), 2],
    ["offset 0 anywhere but at position 0", build([0, 100, 9, 300]), 0],
    ["an offset twice", build([4, 100, 4, 300]), 1],
    ["a position twice", build([4, 100, 5, 100]), 1],
    ["an offset that goes back", build([4, 100, 3, 300, 9, 400]), 1],
    ["an entry and a half", build([4, 100, 9, 300]).subarray(0, 15), 1],
    ["a negative offset", Uint8Array.of(0x80, 0, 0, 1, 0, 0, 0, 9), 0],
    ["a negative position", Uint8Array.of(0, 0, 0, 1, 0xff, 0, 0, 9), 0],
  ])("%s", (_, bytes, expected) => {
    expect(offsetIndex.validPrefix(bytes, bytes.length, 0)).toBe(expected);
  });

  test("stops at the byte length, not at the end of the array", () => {
    const bytes = build([4, 100, 9, 300]);
    expect(offsetIndex.validPrefix(bytes, ENTRY_BYTES, 0)).toBe(1);
  });
});

test("what is written is found again, between and around the entries", () => {
  const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 61, max: 1e6 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 2 ** 52 }), fc.constantFrom(0, 2, 20), (steps, baseOffset, tail) => {
      let [offset, position] = [baseOffset, 0];
      const entries = steps.map(([more, further]): [number, number] => {
        offset += more;
        position += further;
        return [offset, position];
      });
      const bytes = build(entries.flat(), tail * ENTRY_BYTES, baseOffset);
      expect(offsetIndex.validPrefix(bytes, bytes.length, baseOffset)).toBe(entries.length);
      for (const [index, entry] of entries.entries()) {
        expect([offsetIndex.offsetAt(bytes, index, baseOffset), offsetIndex.positionAt(bytes, index)]).toEqual(entry);
        expect(offsetIndex.search(bytes, entries.length, baseOffset, entry[0])).toBe(index);
        expect(offsetIndex.search(bytes, entries.length, baseOffset, entry[0] - 1)).toBe(index - 1);
      }
      expect(offsetIndex.search(bytes, entries.length, baseOffset, Number.MAX_SAFE_INTEGER)).toBe(entries.length - 1);
    }),
  );
});

test("what does not fit 31 bits is refused", () => {
  const bytes = new Uint8Array(ENTRY_BYTES);
  const refused = { code: "VARVE_INVALID_ARGUMENT" };
  offsetIndex.writeEntry(bytes, 0, 10, 10 + 0x7fff_ffff, 0x7fff_ffff);
  expect(offsetIndex.offsetAt(bytes, 0, 10)).toBe(10 + 0x7fff_ffff);
  expect(() => offsetIndex.writeEntry(bytes, 0, 10, 10 + 0x8000_0000, 0)).toThrow(expect.objectContaining(refused));
  expect(() => offsetIndex.writeEntry(bytes, 0, 10, 9, 0)).toThrow(expect.objectContaining(refused));
  expect(() => offsetIndex.writeEntry(bytes, 0, 10, 11, 0x8000_0000)).toThrow(expect.objectContaining(refused));
});
