import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as transactionIndex from "../../src/format/transaction-index.ts";
import { baseOffsetOf, golden, goldenFiles } from "./golden.ts";

const { ENTRY_BYTES } = transactionIndex;
const decoder = new TextDecoder();

function build(entries: transactionIndex.AbortedTransaction[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * ENTRY_BYTES);
  for (const [index, entry] of entries.entries()) transactionIndex.writeEntry(bytes, index, entry);
  return bytes;
}

function entries(bytes: Uint8Array): transactionIndex.AbortedTransaction[] {
  return Array.from({ length: bytes.length / ENTRY_BYTES }, (_, index) => transactionIndex.readEntry(bytes, index));
}

/** The abort markers in what Kafka's dump tool printed: [producer id, offset]. */
function abortMarkers(dump: string): [producerId: number, offset: number][] {
  const markers: [number, number][] = [];
  let producerId = -1;
  for (const line of dump.split("\n")) {
    const batch = /^baseOffset: .* producerId: (-?\d+)/.exec(line);
    if (batch) producerId = Number(batch[1]);
    const marker = /^\| offset: (\d+) .*endTxnMarker: ABORT/.exec(line);
    if (marker) markers.push([producerId, Number(marker[1])]);
  }
  return markers;
}

describe("Kafka's own files", () => {
  const files = goldenFiles(".txnindex").filter((file) => file.startsWith("g-small") || file.startsWith("g-txn"));

  test("exist", () => expect(files).toHaveLength(7));

  test.each(files)("%s: one entry for each abort marker of the dump", (file) => {
    const bytes = golden(file);
    expect(transactionIndex.validPrefix(bytes, bytes.length, baseOffsetOf(file))).toBe(bytes.length / ENTRY_BYTES);
    const markers = abortMarkers(decoder.decode(golden(file.replace(/txnindex$/, "dump.txt"))));
    expect(entries(bytes).map(({ producerId, lastOffset }) => [producerId, lastOffset])).toEqual(markers);
    expect(build(entries(bytes))).toEqual(bytes);
  });

  test("g-txn-0, entry by entry", () => {
    expect(entries(golden("g-txn-0/00000000000000000007.txnindex"))).toEqual([
      { producerId: 3, firstOffset: 1, lastOffset: 8, lastStableOffset: 9 },
      { producerId: 2, firstOffset: 9, lastOffset: 16, lastStableOffset: 10 },
      { producerId: 2, firstOffset: 27, lastOffset: 34, lastStableOffset: 28 },
      { producerId: 3, firstOffset: 36, lastOffset: 37, lastStableOffset: 38 },
    ]);
  });

  test("the prefix ends at the first marker outside the segment", () => {
    const bytes = golden("g-txn-0/00000000000000000007.txnindex");
    expect(transactionIndex.validPrefix(bytes, bytes.length, 7, 35)).toBe(3);
    expect(transactionIndex.validPrefix(bytes, bytes.length, 7, 34)).toBe(2);
    expect(transactionIndex.validPrefix(bytes, bytes.length, 9)).toBe(0);
  });
});

const good = { producerId: 7, firstOffset: 3, lastOffset: 9, lastStableOffset: 10 };

describe("valid prefix", () => {
  test("zeros, half an entry", () => {
    expect(transactionIndex.validPrefix(new Uint8Array(340), 340, 0)).toBe(0);
    expect(transactionIndex.validPrefix(build([good]), ENTRY_BYTES - 1, 0)).toBe(0);
  });

  test("a last offset twice", () => {
    const bytes = build([good, { ...good, producerId: 8 }]);
    expect(transactionIndex.validPrefix(bytes, bytes.length, 0)).toBe(1);
  });

  test("another version", () => {
    const bytes = build([good, { ...good, lastOffset: 11 }]);
    expect(transactionIndex.validPrefix(bytes, bytes.length, 0)).toBe(2);
    bytes[ENTRY_BYTES + 1] = 1;
    expect(transactionIndex.validPrefix(bytes, bytes.length, 0)).toBe(1);
  });

  test.each([2, 10, 18, 26])("a sign bit set in the field at %i", (at) => {
    const bytes = build([good]);
    bytes[at] |= 0x80;
    expect(transactionIndex.validPrefix(bytes, bytes.length, 0)).toBe(0);
  });
});

test.each([
  ["a marker before the first record", { ...good, firstOffset: 9 }],
  ["a last stable offset past the marker", { ...good, lastStableOffset: 11 }],
  ["no producer id", { ...good, producerId: -1 }],
  ["an unsafe offset", { ...good, lastOffset: 2 ** 53 }],
])("refuses %s", (_, entry) => {
  expect(() => build([entry])).toThrow(expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }));
});

test("what is written is read and found again", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 45 }), fc.nat(1000), fc.nat(2 ** 40)), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(steps, (gaps) => {
      let lastOffset = 0;
      const list = gaps.map(([more, back, producerId]) => {
        lastOffset += more;
        const firstOffset = Math.max(0, lastOffset - 1 - back);
        return { producerId, firstOffset, lastOffset, lastStableOffset: firstOffset };
      });
      const bytes = build(list);
      expect(entries(bytes)).toEqual(list);
      expect(transactionIndex.validPrefix(bytes, bytes.length, 0)).toBe(list.length);
      for (const [index, entry] of list.entries()) {
        expect(transactionIndex.search(bytes, list.length, entry.lastOffset)).toBe(index);
        expect(transactionIndex.search(bytes, list.length, entry.lastOffset - 1)).toBe(index - 1);
      }
    }),
  );
});
