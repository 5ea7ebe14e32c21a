/** Batches whose memory is used again: right while they are in hand, gone afterwards, and nothing else is. */
import { inspect } from "node:util";
import * as fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ConsumerRecord, Topic } from "../../src/index.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { holdsAsync } from "../property.ts";

const stale = expect.objectContaining({ code: "VARVE_STALE_RECORD", topic: "t" });

afterEach(() => {
  vi.restoreAllMocks();
});

/** Stored batches of three records, some 40 KiB each, so that a read brings a few; every fifth is compressed. */
async function largeBatches(log: TestLog, count: number, partitions = 1): Promise<Topic<Uint8Array>> {
  const topic = await log.createTopic<Uint8Array>("t", { partitions, codec: "bytes" });
  const [plain, gzip] = [log.producer(), log.producer({ compression: "gzip" })];
  for (let batch = 0; batch < count; batch++) {
    const records = [0, 1, 2].map((i) => ({
      key: `${batch}-${i}`,
      value: contentOf(`${batch}-${i}`),
      partition: batch % partitions,
    }));
    await (batch % 5 === 4 ? gzip : plain).sendBatch(topic, records);
  }
  return topic;
}

function contentOf(key: string): Uint8Array {
  return Buffer.alloc(13_000, `${key},`);
}

/** Every way to touch a record. */
function touches(record: ConsumerRecord<Uint8Array>): (() => unknown)[] {
  return [
    () => record.key,
    () => record.value,
    () => record.rawKey,
    () => record.rawValue,
    () => record.timestamp,
    () => record.headers,
    () => record.header("h"),
    () => record.isTombstone,
    () => record.toJSON(),
  ];
}

describe("batches whose memory is used again", () => {
  it("are right while they are in hand, and gone afterwards, however they are cut", async () => {
    const log = await createTestLog();
    const topic = await largeBatches(log, 30, 2);
    const cuts = fc.record({ maxRecords: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }) });
    await holdsAsync(
      fc.asyncProperty(cuts, async ({ maxRecords }) => {
        const keys = new Set<string | null>();
        let last: { record: ConsumerRecord<Uint8Array>; value: Uint8Array }[] = [];
        for await (const batch of topic.consumer({ until: "end" }).batches({ maxRecords, reuse: true })) {
          for (const { record, value } of last) {
            for (const touch of touches(record)) expect(touch).toThrow(stale);
            // Empty, or not used for something else yet.
            expect(value.length === 0 || !isTorn(value)).toBe(true);
          }
          last = Array.from(batch, (record) => ({ record, value: record.value! }));
          for (const { record, value } of last) {
            expect(Buffer.compare(value, contentOf(record.key!))).toBe(0);
            keys.add(record.key);
          }
        }
        expect(keys.size).toBe(90);
      }),
      12,
    );
    await log.close();
  });

  it("leave empty what was taken from them as bytes, and strings as they are", async () => {
    const log = await createTestLog();
    const topic = await largeBatches(log, 12);
    const iterator = topic.consumer({ until: "end" }).batches({ reuse: true });
    const [record] = (await iterator.next()).value!;
    const { key, value, offset } = record;
    await iterator.next();
    expect([key, offset, value!.length]).toEqual(["0-0", 0, 0]);
    expect(inspect(record)).toContain("isStale");
    await log.close();
  });

  it("take a few pieces of memory for any number of reads", async () => {
    const log = await createTestLog();
    const topic = await largeBatches(log, 60);
    const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
    const chunks = () => allocated.mock.calls.filter(([size]) => size > 100_000).length;
    for await (const batch of topic.consumer({ until: "end" }).batches()) expect(batch.count).toBeGreaterThan(0);
    const fresh = chunks();
    for await (const batch of topic.consumer({ until: "end" }).batches({ reuse: true })) {
      expect(batch.count).toBeGreaterThan(0);
    }
    expect(fresh).toBeGreaterThan(15);
    expect(chunks() - fresh).toBeLessThanOrEqual(4);
    await log.close();
  });

  it("come back when the loop is left, and leave other ways of reading alone", async () => {
    const log = await createTestLog();
    const topic = await largeBatches(log, 12);
    const consumer = topic.consumer({ until: "end" });
    for await (const batch of consumer.batches({ maxRecords: 2, reuse: true })) if (batch.firstOffset === 2) break;
    const records: ConsumerRecord<Uint8Array>[] = [];
    for await (const record of consumer) records.push(record);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 34 }, (_, i) => i + 2));
    for (const record of records) expect(Buffer.compare(record.value!, contentOf(record.key!))).toBe(0);
    await log.close();
  });
});

/** Bytes of something else than one record. */
function isTorn(value: Uint8Array): boolean {
  const text = Buffer.from(value).toString();
  return text !== contentOf(text.slice(0, text.indexOf(","))).toString();
}
