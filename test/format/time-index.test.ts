import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as timeIndex from "../../src/format/time-index.ts";
import { baseOffsetOf, batchesOf, golden, goldenFiles, lengthWithoutTail } from "./golden.ts";

const { ENTRY_BYTES } = timeIndex;

/** `pairs`: timestamp, offset, timestamp, offset, … */
function build(pairs: number[], tail = 0, baseOffset = 0): Uint8Array {
  const count = pairs.length / 2;
  const bytes = new Uint8Array(count * ENTRY_BYTES + tail);
  for (let index = 0; index < count; index++) {
    timeIndex.writeEntry(bytes, index, baseOffset, pairs[2 * index], pairs[2 * index + 1]);
  }
  return bytes;
}

describe("Kafka's own files", () => {
  const files = goldenFiles(".timeindex");

  test("exist: short, long, and one with a preallocated tail", () => {
    expect(files.filter((file) => golden(file).length > ENTRY_BYTES).length).toBeGreaterThan(5);
    const tailed = files.filter((file) => lengthWithoutTail(golden(file), ENTRY_BYTES) < golden(file).length);
    expect(tailed).toEqual(["pre-compaction/g-compact-0/00000000000000000175.timeindex"]);
  });

  test.each(files)("%s: every entry is the largest timestamp so far and the batch that holds it", (file) => {
    const bytes = golden(file);
    const batches = batchesOf(golden(file.replace(/timeindex$/, "log")));
    const baseOffset = baseOffsetOf(file);
    const count = timeIndex.validPrefix(bytes, bytes.length, baseOffset);
    expect(count).toBe(lengthWithoutTail(bytes, ENTRY_BYTES) / ENTRY_BYTES);
    for (let index = 0; index < count; index++) {
      const offset = timeIndex.offsetAt(bytes, index, baseOffset);
      const soFar = batches.filter(({ lastOffset }) => lastOffset <= offset);
      expect(soFar.at(-1)?.lastOffset).toBe(offset);
      expect(soFar.at(-1)?.maxTimestamp).toBe(timeIndex.timestampAt(bytes, index));
      expect(Math.max(...soFar.map(({ maxTimestamp }) => maxTimestamp))).toBe(timeIndex.timestampAt(bytes, index));
    }
    const last = count === 0 ? undefined : timeIndex.timestampAt(bytes, count - 1);
    expect(last).toBe(
      batches
        .map((batch) => batch.maxTimestamp)
        .sort((a, b) => a - b)
        .at(-1),
    );
  });

  test("the final entry's offset lies below the end offset", () => {
    const bytes = golden("g-small-0/00000000000000000003.timeindex");
    expect(timeIndex.validPrefix(bytes, bytes.length, 3, 28)).toBe(7);
    expect(timeIndex.validPrefix(bytes, bytes.length, 3, 27)).toBe(6);
  });
});

describe("valid prefix", () => {
  const zeros = 10 * ENTRY_BYTES;
  test.each([
    ["nothing", build([]), 0],
    ["preallocated zeros alone", build([], zeros), 0],
    ["a lone entry of 1970 is not told from zeros", build([0, 0], zeros), 0],
    ["an entry of 1970, and a later one", build([0, 0, 5, 1], zeros), 2],
    ["1970, but not the base offset", build([0, 3], zeros), 1],
    ["the base offset, and a timestamp", build([7, 0], zeros), 1],
    ["a timestamp twice", build([7, 1, 7, 2]), 1],
    ["a timestamp that goes back", build([7, 1, 6, 2, 9, 3]), 1],
    ["an offset twice", build([7, 1, 8, 1]), 1],
    ["an entry and a half", build([7, 1, 8, 2]).subarray(0, 23), 1],
    ["before 1970", build([-1, 1]), 0],
    ["past the safe integers", Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 0],
    ["a negative offset", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9, 0x80, 0, 0, 1), 0],
  ])("%s", (_, bytes, expected) => {
    expect(timeIndex.validPrefix(bytes, bytes.length, 0)).toBe(expected);
  });
});

test("what is written is found again by timestamp and by offset", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 1e6 })), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 2 ** 52 }), fc.nat(20), (gaps, baseOffset, tail) => {
      let [timestamp, offset] = [0, baseOffset];
      const entries = gaps.map(([later, more]): [number, number] => {
        timestamp += later;
        offset += more;
        return [timestamp, offset];
      });
      const bytes = build(entries.flat(), tail * ENTRY_BYTES, baseOffset);
      expect(timeIndex.validPrefix(bytes, bytes.length, baseOffset)).toBe(entries.length);
      for (const [index, entry] of entries.entries()) {
        expect([timeIndex.timestampAt(bytes, index), timeIndex.offsetAt(bytes, index, baseOffset)]).toEqual(entry);
        expect(timeIndex.search(bytes, entries.length, entry[0])).toBe(index);
        expect(timeIndex.search(bytes, entries.length, entry[0] - 1)).toBe(index - 1);
      }
    }),
  );
});

test("timestamps keep all their bits", () => {
  const bytes = new Uint8Array(ENTRY_BYTES);
  for (const timestamp of [1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_700_000_000_123, Number.MAX_SAFE_INTEGER]) {
    timeIndex.writeEntry(bytes, 0, 5, timestamp, 6);
    expect(timeIndex.timestampAt(bytes, 0)).toBe(timestamp);
    expect(timeIndex.validPrefix(bytes, ENTRY_BYTES, 5)).toBe(1);
  }
});

test.each([
  ["an unsafe timestamp", 2 ** 53, 0],
  ["an offset before the base", 1, -1],
  ["an offset 2^31 past the base", 1, 2 ** 31],
])("refuses %s", (_, timestamp, relative) => {
  const write = () => timeIndex.writeEntry(new Uint8Array(ENTRY_BYTES), 0, 100, timestamp, 100 + relative);
  expect(write).toThrow(expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }));
});
