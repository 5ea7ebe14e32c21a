/** The latest record by key, against a map that is kept beside it. */
import { afterEach, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { randomFor } from "../sampling.ts";

let log: Awaited<ReturnType<typeof open>>;
afterEach(() => log.close());

it("agrees with a map, whatever is written, compacted and deleted", async () => {
  log = await open(":memory:");
  const topic = await log.createTopic<string>("t", { partitions: 3, cleanupPolicy: "compact", segmentBytes: 2000 });
  const random = randomFor("latest values");
  const expected = new Map<string, string>();
  const latest = await topic.latest();
  for (let round = 0; round < 30; round++) {
    const records = Array.from({ length: 40 }, (_, i) => {
      // Of all lengths, and more of them than the smallest table holds.
      const key = `${"k".repeat(Math.floor(random() * 9))}${Math.floor(random() * 900)}`;
      const value = random() < 0.2 ? null : `${round} ${i}`;
      if (value === null) expected.delete(key);
      else expected.set(key, value);
      return { key, value };
    });
    await log.producer().sendBatch(topic, records);
    if (round % 10 === 9) await topic.compact();
    for (const { key } of records) expect((await latest.get(key))?.value).toBe(expected.get(key));
    expect(latest.size).toBe(expected.size);
  }
  const again = await topic.latest();
  expect(again.size).toBe(expected.size);
  for (const [key, value] of expected) {
    const record = await again.get(key);
    expect([record?.key, record?.value]).toEqual([key, value]);
  }
  expect(await again.get("never written")).toBeUndefined();
  await topic.truncate();
  expect(await latest.get([...expected.keys()][0])).toBeUndefined();
});

it("shows what is committed, and nothing else", async () => {
  log = await open(":memory:");
  const topic = await log.createTopic<number>("t");
  const producer = log.producer({ transactionalId: "writer" });
  const latest = await topic.latest();
  await producer.transaction(async (transaction) => {
    transaction.send(topic, { key: "a", value: 1 });
    expect(await latest.get("a")).toBeUndefined();
  });
  expect((await latest.get(Buffer.from("a")))?.value).toBe(1);
  await expect(
    producer.transaction(async (transaction) => {
      transaction.send(topic, { key: "a", value: 2 });
      throw new Error("no");
    }),
  ).rejects.toThrow("no");
  expect([(await latest.get("a"))?.value, latest.size]).toEqual([1, 1]);
});

it("finds a key that another partitioner has put elsewhere, and the keys of all who write", async () => {
  log = await open(":memory:");
  const topic = await log.createTopic<number>("t", { partitions: 4 });
  for (const partition of [0, 1, 2, 3]) await topic.send({ key: `in ${partition}`, value: partition, partition });
  const latest = await topic.latest();
  for (const partition of [0, 1, 2, 3]) {
    const found = await Promise.all([latest.get(`in ${partition}`), latest.get(`in ${partition}`)]);
    expect(found.map((record) => [record?.partition, record?.value])).toEqual([
      [partition, partition],
      [partition, partition],
    ]);
  }
  await topic.send({ key: null, value: 9 });
  await latest.catchUp();
  expect(latest.size).toBe(4);
});
