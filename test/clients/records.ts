/** What the clients write and read, and what of it lies in the log. */
import { setTimeout as pause } from "node:timers/promises";
import type { Engine } from "../../src/engine/engine.ts";
import type { Batch } from "../../src/format/batch.ts";
import { BatchBuilder, type SealOptions } from "../../src/format/batch-builder.ts";
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
import type { DriverRecord } from "./driver.ts";

export type NewRecord = Omit<DriverRecord, "offset">;

const MAX_BYTES = 64 * 1024 * 1024;
const START_TIME = 1_700_000_000_000;

/** Records of every shape, over `partitions` partitions. */
export function variedRecords(partitions: number): NewRecord[] {
  const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
  const shapes: [key: string | null, value: string | Uint8Array | null, headers: NewRecord["headers"]][] = [
    ["k", "plain", []],
    [null, "no key", []],
    ["ключ", "Größe 漢字 🙂", [["h", base64("1")]]],
    ["bytes", everyByte, [["h", base64(everyByte)]]],
    ["deleted", null, []],
    ["empty", "", [["", base64("")]]],
    ["headers", "v", [...pairs("a", "1"), ...pairs("b", "2"), ...pairs("a", "3")]],
    ["null header", "v", [["n", null]]],
    ["long", "0123456789".repeat(3000), []],
  ];
  return Array.from({ length: shapes.length * partitions }, (_, i) => {
    const [key, value, headers] = shapes[i % shapes.length];
    return {
      partition: Math.floor(i / shapes.length),
      timestamp: START_TIME + i * 1000,
      key: base64(key),
      value: base64(value),
      headers,
    };
  });
}

/** Records that count: the value is the number. */
export function numbered(from: number, count: number, partitions: number): NewRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const value = base64(String(from + i));
    return { partition: i % partitions, timestamp: START_TIME + i, key: base64(`k${i}`), value, headers: [] };
  });
}

export function base64(bytes: string | Uint8Array): string;
export function base64(bytes: string | Uint8Array | null): string | null;
export function base64(bytes: string | Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes as string).toString("base64");
}

/** What a record says, of `numbered`. */
export function textOf({ value }: Pick<DriverRecord, "value">): string {
  return Buffer.from(value ?? "", "base64").toString();
}

/** Appends the records as one batch for each partition. */
export async function append(engine: Engine, topic: string, records: readonly NewRecord[], options: SealOptions = {}) {
  for (const partition of engine.topic(topic).partitions) {
    const own = records.filter((record) => record.partition === partition!.index);
    if (own.length === 0) continue;
    await partition!.ready();
    const builder = new BatchBuilder();
    for (const { key, value, headers, timestamp } of own) {
      const headerPairs = headers.map(([name, bytes]) => [name, bytesOf(bytes)] as const);
      builder.append(bytesOf(key), bytesOf(value), headerPairs, timestamp);
    }
    partition!.append(builder.seal(options));
  }
}

export async function storedBatches(engine: Engine, topic: string): Promise<{ partition: number; batch: Batch }[]> {
  const found: { partition: number; batch: Batch }[] = [];
  for (const partition of engine.topic(topic).partitions) {
    await partition!.ready();
    for (let offset = partition!.startOffset; offset < partition!.endOffset; ) {
      const batches = partition!.read(offset, MAX_BYTES, partition!.endOffset);
      found.push(...batches.map((batch) => ({ partition: partition!.index, batch })));
      offset = batches[batches.length - 1].nextOffset;
    }
  }
  return found;
}

export function recordsOf({ partition, batch }: { partition: number; batch: Batch }): DriverRecord[] {
  const { bytes, rows, timestampDeltas, count } = batch.records(MAX_BYTES);
  const field = (at: number, length: number) => (length < 0 ? null : base64(bytes.subarray(at, at + length)));
  return Array.from({ length: count }, (_, i) => {
    const row = rows.subarray(i * COLUMNS, (i + 1) * COLUMNS);
    return {
      partition,
      offset: batch.baseOffset + row[OFFSET_DELTA],
      timestamp: batch.baseTimestamp + timestampDeltas[i],
      key: field(row[KEY_AT], row[KEY_LENGTH]),
      value: field(row[VALUE_AT], row[VALUE_LENGTH]),
      headers: readHeaders(bytes, row[HEADERS_AT]).map(([name, value]) => [name, base64(value)]),
    };
  });
}

/** In the order in which each partition has them. */
export function byPartition<R extends { partition: number }>(records: readonly R[]): R[] {
  return records.toSorted((a, b) => a.partition - b.partition);
}

/** For clients whose headers are an object: duplicates stand together, at the place of the first. */
export function withGroupedHeaders<R extends NewRecord>(record: R): R {
  const names = [...new Set(record.headers.map(([name]) => name))];
  return { ...record, headers: names.flatMap((name) => record.headers.filter((header) => header[0] === name)) };
}

/** For clients to which nothing and null are the same. */
export function withNullForEmpty<R extends NewRecord>(record: R): R {
  const headers = record.headers.map(([name, value]) => [name, value || null] as [string, string | null]);
  return { ...record, key: record.key || null, value: record.value || null, headers };
}

/** For clients whose headers have a value always. */
export function withEmptyForNullHeaders<R extends NewRecord>(record: R): R {
  return { ...record, headers: record.headers.map(([name, value]) => [name, value ?? ""]) };
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, "base64");
}

function pairs(name: string, value: string): NewRecord["headers"] {
  return [[name, base64(value)]];
}

/** Waits for what another process brings about. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(20);
  }
}
