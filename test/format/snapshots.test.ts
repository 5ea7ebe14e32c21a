import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/format/crc32c.ts";
import { type ProducerSnapshotEntry, readProducerSnapshot, writeProducerSnapshot } from "../../src/format/snapshots.ts";
import { golden, goldenFiles } from "./golden.ts";

const EMPTY = Uint8Array.of(0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0);

describe("Kafka's own files", () => {
  const files = goldenFiles(".snapshot");

  test.each(files)("%s is written back byte for byte", (file) => {
    expect(writeProducerSnapshot(readProducerSnapshot(golden(file), file))).toEqual(golden(file));
  });

  test("the empty one", () => {
    expect(golden("g-none-0/00000000000000000064.snapshot")).toEqual(EMPTY);
    expect(readProducerSnapshot(EMPTY)).toEqual([]);
    expect(writeProducerSnapshot([])).toEqual(EMPTY);
  });

  test("a producer inside a transaction, the same one after it", () => {
    expect(readProducerSnapshot(golden("g-small-0/00000000000000000115.snapshot"))).toEqual([
      {
        producerId: 4,
        epoch: 0,
        lastSequence: 86,
        lastOffset: 114,
        offsetDelta: 0,
        timestamp: 1700000086000,
        coordinatorEpoch: 0,
        currentTxnFirstOffset: 112,
      },
    ]);
    expect(readProducerSnapshot(golden("g-small-0/00000000000000000160.snapshot"))).toMatchObject([
      { lastSequence: 119, lastOffset: 158, currentTxnFirstOffset: -1 },
    ]);
    expect(readProducerSnapshot(golden("g-small-0/00000000000000000003.snapshot"))).toMatchObject([
      { coordinatorEpoch: -1 },
    ]);
  });
});

const entry: fc.Arbitrary<ProducerSnapshotEntry> = fc.record({
  producerId: fc.maxSafeInteger(),
  epoch: fc.integer({ min: -0x8000, max: 0x7fff }),
  lastSequence: fc.integer(),
  lastOffset: fc.maxSafeInteger(),
  offsetDelta: fc.integer(),
  timestamp: fc.maxSafeInteger(),
  coordinatorEpoch: fc.integer(),
  currentTxnFirstOffset: fc.maxSafeInteger(),
});

test("what is written is read again", () => {
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      expect(readProducerSnapshot(writeProducerSnapshot(entries))).toEqual(entries);
    }),
  );
});

function codeOf(bytes: Uint8Array): string {
  try {
    readProducerSnapshot(bytes, "00000000000000000007.snapshot");
  } catch (error) {
    expect(error).toMatchObject({ file: "00000000000000000007.snapshot" });
    return (error as { code: string }).code;
  }
  return "read";
}

describe("damage", () => {
  const good = golden("g-txn-0/00000000000000000007.snapshot");

  test("every flipped bit is noticed", () => {
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bytes = good.slice();
      bytes[bit >> 3] ^= 0x80 >> (bit & 7);
      const newer = bit > 0 && bit < 15;
      expect([bit, codeOf(bytes)]).toEqual([bit, newer ? "VARVE_UNSUPPORTED_VERSION" : "VARVE_CORRUPT"]);
    }
  });

  test("cut at any byte, or with a byte more", () => {
    for (let length = 0; length < good.length; length++) expect(codeOf(good.slice(0, length))).toBe("VARVE_CORRUPT");
    expect(codeOf(new Uint8Array([...good, 0]))).toBe("VARVE_CORRUPT");
  });

  test.each([0x7fff_ffff, -1, -0x8000_0000, 3, 1])("a right checksum over a count of %i", (count) => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setInt32(6, count);
    new DataView(bytes.buffer).setUint32(2, crc32c(bytes, 6, bytes.length));
    const read = () => readProducerSnapshot(bytes);
    expect(read).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
  });
});
