/** Batches as Kafka wrote them, against what its DumpLogSegments prints of them; and what is wrong with bent ones. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hasCode } from "../../src/errors.ts";
import {
  ATTRIBUTES,
  BASE_OFFSET,
  BATCH_LENGTH,
  Batch,
  batchProblem,
  CRC,
  HEADER_BYTES,
  LAST_OFFSET_DELTA,
  LOG_OVERHEAD,
  lastSequence,
  MAGIC,
  PARTITION_LEADER_EPOCH,
  placeBatch,
  RECORD_COUNT,
  sealBatch,
} from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { crc32c } from "../../src/format/crc32c.ts";
import { writeInt16, writeInt32 } from "../../src/format/integers.ts";
import {
  COLUMNS,
  HEADERS_AT,
  KEY_AT,
  KEY_LENGTH,
  OFFSET_DELTA,
  readHeaders,
  VALUE_AT,
  VALUE_LENGTH,
} from "../../src/format/record.ts";
import { type DumpedBatch, parseDump } from "../oracle/dump-output.ts";
import { batchesOf, golden, goldenFiles } from "./golden.ts";
import { concat, hex, text } from "./payloads.ts";

const MEBIBYTE = 1024 * 1024;

function dumped(path: string): DumpedBatch[] {
  const file = new URL(`../fixtures/golden/${path}`, import.meta.url);
  return parseDump(readFileSync(file, "latin1"), "").files[0].batches;
}

/** As the parser of dumps gives a batch, by our own reading. */
function told(log: Uint8Array, position: number): DumpedBatch {
  expect(batchProblem(log, position, log.length)).toBeUndefined();
  const batch = new Batch(log, position);
  return {
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    count: batch.recordCount,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    partitionLeaderEpoch: batch.leaderEpoch,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    deleteHorizonMs: batch.deleteHorizonMs,
    position,
    timestampType: batch.timestampType,
    maxTimestamp: batch.maxTimestamp,
    size: batch.sizeInBytes,
    magic: log[position + MAGIC],
    compresscodec: batch.compression,
    crc: batch.crc,
    isvalid: true,
    records: recordsOf(batch),
  };
}

function recordsOf(batch: Batch): DumpedBatch["records"] {
  const { bytes, rows, count, timestampDeltas } = batch.records(MEBIBYTE);
  const string = (at: number, length: number) =>
    length < 0 ? null : Buffer.from(bytes.subarray(at, at + length)).toString("utf8");
  return Array.from({ length: count }, (_, i) => {
    const row = rows.subarray(i * COLUMNS);
    const isAppendTime = batch.timestampType === "LogAppendTime";
    return {
      offset: batch.baseOffset + row[OFFSET_DELTA],
      timestampType: batch.timestampType,
      timestamp: isAppendTime ? batch.maxTimestamp : batch.baseTimestamp + timestampDeltas[i],
      keySize: row[KEY_LENGTH],
      valueSize: row[VALUE_LENGTH],
      sequence: batch.baseSequence < 0 ? -1 : batch.baseSequence + row[OFFSET_DELTA],
      headerKeys: readHeaders(bytes, row[HEADERS_AT]).map(([name]) => name),
      key: string(row[KEY_AT], row[KEY_LENGTH]),
      value: string(row[VALUE_AT], row[VALUE_LENGTH]),
    };
  });
}

describe("golden batches", () => {
  it.each(goldenFiles(".dump.txt"))("%s: every field of every batch and record is what Kafka prints", (path) => {
    const log = golden(path.replace(".dump.txt", ".log"));
    const expected = dumped(path);
    expect(batchesOf(log).map(({ position }) => position)).toEqual(expected.map(({ position }) => position));
    for (const batch of expected) {
      const mine = told(log, batch.position);
      mine.records.forEach((record, i) => {
        const theirs = batch.records[i];
        // What the dump cannot show: a marker's bytes, bytes that are no UTF-8, and names of headers with a comma.
        if (theirs.endTxnMarker !== undefined) Object.assign(theirs, { key: record.key, value: record.value });
        if (theirs.key === undefined) Object.assign(theirs, { key: record.key, value: record.value });
        delete theirs.endTxnMarker;
      });
      expect(mine).toEqual(batch);
    }
  });

  it.each(goldenFiles(".log"))("%s has nothing but good batches", (path) => {
    const log = golden(path);
    for (const { position, size } of batchesOf(log)) {
      expect(batchProblem(log, position, position + size)).toBeUndefined();
      expect(() => new Batch(log, position).records(MEBIBYTE)).not.toThrow();
      expect(batchProblem(log, position, position + size - 1)).toBe("short");
    }
  });
});

describe("batchProblem", () => {
  const builder = new BatchBuilder();
  for (let i = 0; i < 3; i++) builder.append(`key-${i}`, `value-${i}`, undefined, 1000 + i);
  const sealed = builder.seal();
  const good = Uint8Array.from(sealed.bytes.subarray(0, sealed.end));
  placeBatch(good, 0, 7, 2);

  /** The batch with some fields changed and a checksum that fits. */
  const bent = (change: (bytes: Uint8Array) => void) => {
    const bytes = good.slice();
    change(bytes);
    writeInt32(bytes, CRC, crc32c(bytes, ATTRIBUTES, bytes.length));
    return batchProblem(bytes, 0, bytes.length);
  };

  it("finds nothing wrong with a good one, wherever it lies", () => {
    expect(batchProblem(good, 0, good.length)).toBeUndefined();
    expect(batchProblem(concat(hex("01 02 03"), good, hex("04")), 3, good.length + 4)).toBeUndefined();
  });

  it("says short when it reaches past the end, and only then", () => {
    for (let end = 0; end < good.length; end++) expect(batchProblem(good, 0, end)).toBe("short");
  });

  it.each([
    ["length", BATCH_LENGTH, 48, "batch length 48 is less than a header"],
    ["length", BATCH_LENGTH, -1, "batch length -1 is less than a header"],
    ["length", BATCH_LENGTH, 0x7fffffff, "short"],
    ["count", RECORD_COUNT, 4, "4 records cannot span 3 offsets"],
    ["count", RECORD_COUNT, -1, "-1 records cannot span 3 offsets"],
    ["last offset delta", LAST_OFFSET_DELTA, -1, "3 records cannot span 0 offsets"],
  ])("finds a wrong %s", (_, at, value, problem) => {
    expect(bent((bytes) => writeInt32(bytes, at, value))).toBe(problem);
  });

  it.each([0, 1, 3, 255])("finds magic %i", (magic) => {
    expect(bent((bytes) => bytes.fill(magic, MAGIC, MAGIC + 1))).toBe(`magic ${magic} is not 2`);
  });

  it.each([5, 6, 7])("finds a compression %i that there is not", (codec) => {
    expect(bent((bytes) => writeInt16(bytes, ATTRIBUTES, codec))).toBe("the compression is not one of Kafka's");
  });

  it("takes a batch that compaction has left empty", () => {
    const empty = new Uint8Array(HEADER_BYTES);
    const fields = { attributes: 0, lastOffsetDelta: 4, baseTimestamp: -1, maxTimestamp: -1, recordCount: 0 };
    sealBatch(empty, 0, HEADER_BYTES, { ...fields, producerId: 5, producerEpoch: 0, baseSequence: 10 });
    expect(batchProblem(empty, 0, HEADER_BYTES)).toBeUndefined();
    const batch = new Batch(empty, 0);
    expect([batch.nextOffset, batch.lastSequence, batch.records(0).count]).toEqual([5, 14, 0]);
  });

  it("finds every flipped bit but those of base offset, epoch and what the length says", () => {
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bytes = good.slice();
      bytes[bit >> 3] ^= 0x80 >> (bit & 7);
      const problem = batchProblem(bytes, 0, bytes.length);
      const at = bit >> 3;
      const isPlace = at < BATCH_LENGTH || (at >= PARTITION_LEADER_EPOCH && at < MAGIC);
      if (isPlace) expect(problem).toBeUndefined();
      else if (at < PARTITION_LEADER_EPOCH) expect(problem).toBeDefined();
      else if (at === MAGIC) expect(problem).toMatch(/^magic/);
      else expect(problem).toMatch(/^CRC32C [0-9a-f]{8} is not the stored [0-9a-f]{8}$/);
    }
  });
});

describe("Batch", () => {
  it("wraps sequences as Kafka does", () => {
    expect(lastSequence(-1, 5)).toBe(-1);
    expect(lastSequence(0, 0)).toBe(0);
    expect(lastSequence(2 ** 31 - 1, 0)).toBe(2 ** 31 - 1);
    expect(lastSequence(2 ** 31 - 1, 1)).toBe(0);
    expect(lastSequence(2 ** 31 - 3, 5)).toBe(2);
  });

  it("shows numbers past 2^53 as no safe integers", () => {
    const bytes = new Uint8Array(HEADER_BYTES);
    bytes.set(hex("7f ff ff ff ff ff ff ff"), BASE_OFFSET);
    expect(Number.isSafeInteger(new Batch(bytes, 0).baseOffset)).toBe(false);
  });

  const seal = (records: Uint8Array, recordCount: number, lastOffsetDelta = recordCount - 1, attributes = 0) => {
    const bytes = concat(new Uint8Array(HEADER_BYTES), records);
    const times = { baseTimestamp: 0, maxTimestamp: 0 };
    const producer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };
    sealBatch(bytes, 0, bytes.length, { attributes, lastOffsetDelta, recordCount, ...times, ...producer });
    expect(batchProblem(bytes, 0, bytes.length)).toBeUndefined();
    return new Batch(bytes, 0);
  };

  const record = hex("0c 00 00 00 01 01 00");

  it.each([
    ["a record that is longer than the batch", hex("0e 00 00 00 01 01 00"), 1],
    ["a record that is shorter than its fields", hex("0c 00 00 00 02 61 00"), 1],
    ["fewer records than it counts", record, 2],
    ["more records than it counts", concat(record, hex("0c 00 00 02 01 01 00")), 1],
    ["an offset twice", concat(record, record), 2],
    ["an offset past its last", concat(record, hex("0c 00 00 04 01 01 00")), 2],
  ])("with a good checksum and %s is VARVE_CORRUPT", (_, records, count) => {
    expect(() => seal(records, count).records(MEBIBYTE)).toThrow(expect.objectContaining({ code: "VARVE_CORRUPT" }));
  });

  it("of which compaction has taken records keeps their offsets", () => {
    const { rows } = seal(concat(hex("0c 00 00 02 01 01 00"), hex("0c 00 00 06 01 01 00")), 2, 5).records(0);
    expect([rows[OFFSET_DELTA], rows[COLUMNS + OFFSET_DELTA]]).toEqual([1, 3]);
  });

  it.each([
    ["damaged", 1, text("this is not gzip")],
    ["damaged", 2, text("\xff\xff\xff\xff\xff\xff")],
    ["damaged", 3, text("nor lz4")],
    ["damaged", 4, text("nor zstd")],
  ])("with %s compressed records (codec %i) is VARVE_CORRUPT", (_, codec, bytes) => {
    expect(() => seal(bytes, 1, 0, codec).records(MEBIBYTE)).toThrow(
      expect.objectContaining({ code: "VARVE_CORRUPT" }),
    );
  });

  it("decompresses no more than it may", () => {
    const builder = new BatchBuilder();
    builder.append(null, new Uint8Array(100_000), undefined, 0);
    const { bytes } = builder.seal({ compression: "gzip" });
    expect(bytes.length).toBeLessThan(1000);
    expect(new Batch(bytes, 0).records(100_100).count).toBe(1);
    let thrown: unknown;
    try {
      new Batch(bytes, 0).records(100_000);
    } catch (error) {
      thrown = error;
    }
    expect(hasCode(thrown, "VARVE_CORRUPT")).toBe(true);
  });

  it("counts its size with what the length leaves out", () => {
    expect(seal(record, 1).sizeInBytes).toBe(HEADER_BYTES + record.length);
    expect(LOG_OVERHEAD).toBe(12);
  });
});
