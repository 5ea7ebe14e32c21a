/**
 * What the native module computes, held against its twin in TypeScript on good, bent and random bytes: the same verdict, the same
 * numbers. The codecs are in test/format/compression.test.ts, the files in test/storage/disk-files.test.ts.
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchProblem, checksumBatch, LOG_OVERHEAD } from "../src/format/batch.ts";
import { BatchBuilder } from "../src/format/batch-builder.ts";
import { crc32c } from "../src/format/crc32c.ts";
import { readInt32 } from "../src/format/integers.ts";
import { COLUMNS, tableRecords } from "../src/format/record.ts";
import { loadNative } from "../src/native.ts";
import { loadKeyFingerprints, takeAll } from "../src/storage/key-fingerprints.ts";
import { concat } from "./format/payloads.ts";
import { holds } from "./property.ts";

const { native } = loadNative();

/** A sealed batch: keys, nulls, headers, timestamps up and down. */
function batchOf(count: number, salt: number): Uint8Array {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++) {
    const value = (i + salt) % 5 === 0 ? null : "v".repeat((i * salt) % 200);
    const headers = (i + salt) % 3 === 0 ? [["name", i % 2 ? null : `h${i}`] as const] : undefined;
    builder.append(i % 4 ? `key-${i}` : null, value, headers, 1_700_000_000_000 + ((i * 7919) % 10_000) - 5000);
  }
  const { bytes, end } = builder.seal();
  return bytes.slice(0, end);
}

/** Some bytes changed: near the start, where headers are, or anywhere. */
const changes = fc.array(fc.tuple(fc.oneof(fc.nat(80), fc.nat(100_000)), fc.nat(255)), { maxLength: 3 });

function bent(bytes: Uint8Array, edits: readonly (readonly [number, number])[]): Uint8Array {
  const copy = bytes.slice();
  for (const [at, byte] of edits) copy[at % copy.length] = byte;
  return copy;
}

describe.runIf(native)("the native module", () => {
  it("checksums as TypeScript does", () => {
    holds(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(40), (bytes, start) => {
        const from = Math.min(start, bytes.length);
        expect(native!.crc32c(bytes, from, bytes.length)).toBe(crc32c(bytes, from, bytes.length));
      }),
      200,
    );
  });

  it("seals as TypeScript does", () => {
    const batch = batchOf(20, 3);
    const sealed = batch.slice();
    sealed.fill(0, 17, 21);
    native!.seal(sealed, 0, sealed.length);
    expect(sealed).toEqual(batch);
    sealed.fill(0, 17, 21);
    checksumBatch(sealed, 0, sealed.length, native);
    expect(sealed).toEqual(batch);
  });

  it("runs over good batches as far as TypeScript does", () => {
    const run = concat(batchOf(3, 1), batchOf(40, 2), batchOf(1, 3), batchOf(17, 4));
    const goodUpTo = (bytes: Uint8Array, end: number) => {
      let at = 0;
      while (at < end && batchProblem(bytes, at, end) === undefined) at += LOG_OVERHEAD + readInt32(bytes, at + 8);
      return at;
    };
    expect(native!.goodBatches(run, 0, run.length)).toBe(run.length);
    holds(
      fc.property(changes, fc.nat(300), (edits, cut) => {
        const bytes = bent(run, edits);
        expect(native!.goodBatches(bytes, 0, bytes.length - cut)).toBe(goodUpTo(bytes, bytes.length - cut));
      }),
      500,
    );
  });

  it("takes the fingerprints of keys as TypeScript does", async () => {
    const fingerprints = await loadKeyFingerprints();
    const key = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null });
    holds(
      fc.property(fc.array(key, { maxLength: 20 }), fc.nat(9), (keys, salt) => {
        const bytes = concat(new Uint8Array(salt), ...keys.map((key) => key ?? new Uint8Array(0)));
        const rows = new Int32Array(keys.length * COLUMNS);
        let at = salt;
        for (const [i, key] of keys.entries()) {
          rows.set([i, at, key?.length ?? -1, at, 0, -1], i * COLUMNS);
          at += key?.length ?? 0;
        }
        const [ours, theirs] = [new Int32Array(keys.length * 4), new Int32Array(keys.length * 4)];
        takeAll(fingerprints, bytes, rows, ours, undefined);
        expect(native!.keyFingerprints(bytes, rows, theirs)).toBe(true);
        expect(theirs).toEqual(ours);
      }),
      300,
    );
    expect(native!.keyFingerprints(new Uint8Array(3), Int32Array.of(0, 2, 2, 0, 0, -1), new Int32Array(4))).toBe(false);
  });

  it("tables records as TypeScript does, or leaves them to it", () => {
    const records = batchOf(30, 5).subarray(61);
    const good = tableRecords(records, 0, records.length, 30);
    expect(tableRecords(records, 0, records.length, 30, native)).toEqual(good);
    holds(
      fc.property(changes, fc.constantFrom(29, 30, 31), (edits, count) => {
        const bytes = bent(records, edits);
        const rows = new Int32Array(count * COLUMNS);
        const deltas = new Float64Array(count);
        const twin = tableRecords(bytes, 0, bytes.length, count);
        if (native!.tableRecords(bytes, 0, bytes.length, count, rows, deltas)) {
          expect({ bytes, count, rows, timestampDeltas: deltas }).toEqual(twin);
        } else if (typeof twin !== "string") {
          // In doubt, it leaves it: a timestamp outside the safe integers.
          expect([...twin.timestampDeltas].some((delta) => Number.isNaN(delta))).toBe(true);
        }
      }),
      500,
    );
  });

  it("refuses a range outside of its buffer", () => {
    const bytes = new Uint8Array(10);
    expect(() => native!.crc32c(bytes, 0, 11)).toThrow(/outside of the buffer/);
    expect(() => native!.crc32c(bytes, 5, 4)).toThrow(/outside of the buffer/);
    expect(() => native!.seal(bytes, 11, 12)).toThrow(/outside of the buffer/);
    expect(() => native!.goodBatches(bytes, -1, 10)).toThrow(/outside of the buffer/);
    expect(() => native!.lz4Compress(bytes, 0, 10, bytes.slice(), 0, 11)).toThrow(/outside of the buffer/);
  });
});

it("says where the module is missing", () => {
  expect(native === undefined).toBe(loadNative().error !== undefined);
});
