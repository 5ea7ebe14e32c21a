import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch, batchProblem, DELETE_HORIZON, placeBatch } from "../../src/format/batch.ts";
import { BatchBuilder, type SealOptions } from "../../src/format/batch-builder.ts";
import { COMPRESSIONS, canCompress } from "../../src/format/compression.ts";
import { sizeOfHeaders } from "../../src/format/field-writer.ts";
import {
  COLUMNS,
  HEADERS_AT,
  type HeaderPairs,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  readHeaders,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../src/format/record.ts";
import { holds } from "../property.ts";
import { batchesOf, golden, goldenFiles } from "./golden.ts";
import { text } from "./payloads.ts";

interface Written {
  key: Uint8Array | string | null;
  value: Uint8Array | string | null;
  headers: HeaderPairs;
  timestamp: number;
}

const MAX_BYTES = 16 * 1024 * 1024;

/** A batch's records as they would go into a builder, and where each lies. */
function recordsOf(batch: Batch): (Written & { offset: number })[] {
  const { bytes, rows, count, timestampDeltas } = batch.records(MAX_BYTES);
  const slice = (at: number, length: number) => (length < 0 ? null : Uint8Array.from(bytes.subarray(at, at + length)));
  return Array.from({ length: count }, (_, i) => {
    const row = rows.subarray(i * COLUMNS);
    return {
      offset: batch.baseOffset + row[OFFSET_DELTA],
      key: slice(row[KEY_AT], row[KEY_LENGTH]),
      value: slice(row[VALUE_AT], row[VALUE_LENGTH]),
      headers: readHeaders(bytes, row[HEADERS_AT]),
      timestamp: batch.baseTimestamp + timestampDeltas[i],
    };
  });
}

/** What comes back of a field: bytes; a lone surrogate is U+FFFD, as everywhere else in JavaScript. */
const stored = (field: Uint8Array | string | null) => (typeof field === "string" ? text(field) : field);

function build(builder: BatchBuilder, records: readonly Written[], options: SealOptions): Batch {
  for (const { key, value, headers, timestamp } of records) builder.append(key, value, headers, timestamp);
  const { bytes, start, end, recordCount, maxTimestamp } = builder.seal(options);
  placeBatch(bytes, start, 1000, 3);
  expect(batchProblem(bytes, start, end)).toBeUndefined();
  const batch = new Batch(Uint8Array.from(bytes.subarray(start, end)), 0);
  expect({ recordCount, maxTimestamp }).toEqual({ recordCount: batch.recordCount, maxTimestamp: batch.maxTimestamp });
  return batch;
}

const strings = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 80 }),
  // Any UTF-16 at all: lone surrogates too.
  fc.array(fc.nat(0xffff), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
  fc.string({ minLength: 40, maxLength: 60 }),
);
const bytes = fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 40, maxLength: 300 }));
const fields = fc.oneof(strings, bytes, fc.constant(null));
const headers = fc.array(fc.tuple(strings, fields), { maxLength: 3 });
const moments = fc.oneof(
  fc.nat(2_000_000_000_000),
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }),
);
const records: fc.Arbitrary<Written> = fc.record({ key: fields, value: fields, headers, timestamp: moments });
const codecs = COMPRESSIONS.filter((codec) => canCompress(codec));
const options: fc.Arbitrary<SealOptions> = fc.record(
  {
    compression: fc.constantFrom(...codecs),
    producerId: fc.maxSafeNat(),
    producerEpoch: fc.nat(2 ** 15 - 1),
    baseSequence: fc.nat(2 ** 31 - 1),
    isTransactional: fc.boolean(),
    isControl: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe("BatchBuilder", () => {
  it("writes what Batch reads back, whatever the fields", () => {
    const builder = new BatchBuilder(256);
    holds(
      fc.property(fc.array(records, { minLength: 1, maxLength: 8 }), options, (written, sealOptions) => {
        builder.reset();
        const batch = build(builder, written, sealOptions);
        const expected = written.map((record, i) => ({
          offset: 1000 + i,
          key: stored(record.key),
          value: stored(record.value),
          headers: record.headers.map(([name, value]) => [Buffer.from(name).toString(), stored(value)]),
          timestamp: record.timestamp,
        }));
        expect(recordsOf(batch)).toEqual(expected);
        expect({
          compression: batch.compression,
          producerId: batch.producerId,
          producerEpoch: batch.producerEpoch,
          baseSequence: batch.baseSequence,
          isTransactional: batch.isTransactional,
          isControl: batch.isControl,
          timestampType: batch.timestampType,
          baseTimestamp: batch.baseTimestamp,
          maxTimestamp: batch.maxTimestamp,
          place: [batch.baseOffset, batch.leaderEpoch, batch.nextOffset],
        }).toEqual({
          compression: sealOptions.compression ?? "none",
          producerId: sealOptions.producerId ?? -1,
          producerEpoch: sealOptions.producerEpoch ?? -1,
          baseSequence: sealOptions.baseSequence ?? -1,
          isTransactional: sealOptions.isTransactional ?? false,
          isControl: sealOptions.isControl ?? false,
          timestampType: "CreateTime",
          baseTimestamp: written[0].timestamp,
          maxTimestamp: Math.max(...written.map(({ timestamp }) => timestamp)),
          place: [1000, 3, 1000 + written.length],
        });
      }),
      200,
    );
  });

  it("knows its size before it is sealed", () => {
    const builder = new BatchBuilder(256);
    holds(
      fc.property(fc.array(records, { minLength: 1, maxLength: 5 }), (written) => {
        builder.reset();
        expect(builder.isEmpty).toBe(true);
        for (const { key, value, headers, timestamp } of written) builder.append(key, value, headers, timestamp);
        expect(builder.seal().end).toBe(builder.sizeInBytes);
        for (const { headers } of written) expect(sizeOfHeaders(headers)).toBeGreaterThan(headers.length * 2);
      }),
      50,
    );
  });

  it("gives records the time of the append when that is asked for", () => {
    const builder = new BatchBuilder();
    builder.append("k", "v", undefined, 5);
    const { bytes, maxTimestamp } = builder.seal({ timestampType: "LogAppendTime", appendTimestamp: 1234 });
    const batch = new Batch(bytes, 0);
    expect([batch.timestampType, batch.maxTimestamp, maxTimestamp, batch.baseTimestamp]).toEqual([
      "LogAppendTime",
      1234,
      1234,
      5,
    ]);
  });

  it("writes a lone surrogate as U+FFFD, in short and in long strings", () => {
    const builder = new BatchBuilder();
    for (const value of ["\ud800", `${"x".repeat(100)}\udc00`]) builder.append(null, value, undefined, 0);
    const values = recordsOf(new Batch(builder.seal().bytes, 0)).map(({ value }) => Buffer.from(value as Uint8Array));
    expect(values.map(String)).toEqual(["\ufffd", `${"x".repeat(100)}\ufffd`]);
  });

  it.each([
    [0, Number.NaN],
    [0, 0.5],
    [0, 2 ** 53],
    [0, Number.POSITIVE_INFINITY],
    [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [Number.MAX_SAFE_INTEGER, -1],
    [1, Number.MAX_SAFE_INTEGER + 1],
  ])("refuses after %d the timestamp %d, and keeps what it had", (first, second) => {
    const builder = new BatchBuilder();
    builder.append("a", "1", undefined, first);
    expect(() => builder.append("b", "2", undefined, second)).toThrow(
      expect.objectContaining({ code: "VARVE_UNSAFE_INTEGER" }),
    );
    builder.append("c", "3", undefined, first);
    const batch = new Batch(builder.seal().bytes, 0);
    expect(recordsOf(batch).map(({ key }) => String(Buffer.from(key as Uint8Array)))).toEqual(["a", "c"]);
  });

  it("keeps timestamps at both ends of the safe integers", () => {
    for (const timestamp of [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) {
      const builder = new BatchBuilder();
      builder.append(null, null, undefined, timestamp);
      const batch = new Batch(builder.seal().bytes, 0);
      expect([batch.baseTimestamp, batch.maxTimestamp]).toEqual([timestamp, timestamp]);
    }
  });

  it("forgets all of a batch with reset", () => {
    const builder = new BatchBuilder();
    const empty = builder.sizeInBytes;
    builder.append("a", "1", undefined, 9000);
    builder.reset();
    expect([builder.sizeInBytes, builder.recordCount]).toEqual([empty, 0]);
    builder.append("b", "2", undefined, 5);
    const batch = new Batch(builder.seal().bytes, 0);
    expect([batch.baseTimestamp, batch.maxTimestamp, batch.recordCount]).toEqual([5, 5, 1]);
  });
});

describe("golden batches without compression", () => {
  const logs = goldenFiles(".log").filter((path) => !/gzip|snappy|lz4|zstd/.test(path));

  it.each(logs)("%s is written again to the byte from its records", (path) => {
    const log = golden(path);
    const builder = new BatchBuilder();
    let count = 0;
    for (const { position, size } of batchesOf(log)) {
      const batch = new Batch(log, position);
      // Where compaction has been, offsets and base timestamps are no longer those of the first record: nothing to append.
      const records = recordsOf(batch);
      const isWhole = batch.recordCount === batch.lastOffset - batch.baseOffset + 1;
      if (batch.compression !== "none" || !isWhole || (batch.attributes & DELETE_HORIZON) !== 0) continue;
      if (records[0].timestamp !== batch.baseTimestamp) continue;
      builder.reset();
      for (const { key, value, headers, timestamp } of records) builder.append(key, value, headers, timestamp);
      const { bytes, end } = builder.seal({
        timestampType: batch.timestampType,
        appendTimestamp: batch.maxTimestamp,
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        isTransactional: batch.isTransactional,
        isControl: batch.isControl,
      });
      placeBatch(bytes, 0, batch.baseOffset, batch.leaderEpoch);
      expect(Buffer.from(bytes.subarray(0, end)).toString("hex")).toBe(
        Buffer.from(log.subarray(position, position + size)).toString("hex"),
      );
      count++;
    }
    expect(count > 0 || log.length === 0 || path.startsWith("g-compact-0/") || path.startsWith("g-logappend-0/")).toBe(
      true,
    );
  });
});
