import { describe, expect, it } from "vitest";
import { KeyScratch } from "../../src/client/partitioner.ts";
import { createTestLog } from "../../src/testing/index.ts";

/** Computed with org.apache.kafka.common.utils.Utils: toPositive(murmur2(key)) % 7. */
const OF_SEVEN: [key: string, hash: number][] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
];

function positive(hash: number): number {
  return hash & 0x7fffffff;
}

describe("the partition of a record", () => {
  it("is murmur2 of the key, as Kafka's Java client has it", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 7 });
    for (const [key, hash] of OF_SEVEN) {
      expect((await topic.send({ key, value: 1 })).partition).toBe(positive(hash) % 7);
      expect((await topic.send({ key: Buffer.from(key), value: 1 })).partition).toBe(positive(hash) % 7);
    }
    await log.close();
  });

  it("is the same for a key as a string and as its UTF-8, short and long", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 100 });
    for (const key of ["", "ü", "größer ☃ 𝒳", "x".repeat(47), "ß".repeat(48), "y".repeat(5000), "☃".repeat(3000)]) {
      const { partition } = await topic.send({ key, value: 1 });
      const bytes = new Uint8Array(Buffer.from(key));
      expect((await topic.send({ key: bytes, value: 1 })).partition).toBe(partition);
      const records = await topic.all({ partition });
      expect(records.slice(-2).map((record) => record.key)).toEqual([key, key]);
    }
    await log.close();
  });

  it("sticks without a key until the batch is sealed, then goes round", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    const producer = log.producer();
    const partitions: number[] = [];
    for (let tick = 0; tick < 4; tick++) {
      const together = await Promise.all([1, 2, 3].map((value) => producer.send(topic, { value })));
      expect(new Set(together.map(({ partition }) => partition)).size).toBe(1);
      partitions.push(together[0].partition);
    }
    expect(partitions).toEqual([0, 1, 2, 0]);
    await log.close();
  });

  it("is the record's own, if it names one", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    const metadata = await topic.send({ key: "21", partition: 2, value: 1 });
    expect(metadata).toMatchObject({ topic: "t", partition: 2, offset: 0 });
    await log.close();
  });

  it.each([
    [3, "VARVE_UNKNOWN_PARTITION"],
    [-1, "VARVE_UNKNOWN_PARTITION"],
    [0.5, "VARVE_INVALID_ARGUMENT"],
    ["0", "VARVE_INVALID_ARGUMENT"],
  ])("cannot be %j", async (partition, code) => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    await expect(topic.send({ partition: partition as number, value: 1 })).rejects.toMatchObject({ code, topic: "t" });
    expect(await topic.all()).toEqual([]);
    await log.close();
  });

  it("is what a custom partitioner says, which is checked", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    const asked: unknown[] = [];
    const producer = log.producer({
      partitioner: (record, partitionCount, name) => {
        asked.push([record.key, partitionCount, name]);
        return record.value === 9 ? 3 : 1;
      },
    });
    expect((await producer.send(topic, { key: "k", value: 1 })).partition).toBe(1);
    expect(asked).toEqual([["k", 3, "t"]]);
    await expect(producer.send(topic, { value: 9 })).rejects.toMatchObject({ code: "VARVE_UNKNOWN_PARTITION" });
    await log.close();
  });
});

describe("KeyScratch", () => {
  it("encodes what Buffer encodes", () => {
    const scratch = new KeyScratch();
    for (const key of ["", "a", "aü", "x".repeat(49), "☃".repeat(200), "\ud800"]) {
      const length = scratch.write(key);
      expect(scratch.bytes.subarray(0, length)).toEqual(Buffer.from(key));
    }
  });
});
