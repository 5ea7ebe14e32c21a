/** Idempotent producers: what stands in their batches, and that no failure breaks their sequence. */
import { describe, expect, it } from "vitest";
import { ENGINE } from "../../src/engine/engine.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { isPending, valuesOf } from "./reading.ts";

/** [producer id, epoch, first sequence, records] of each stored batch. */
function stored(log: TestLog, topic: string, partition = 0): number[][] {
  const batches: number[][] = [];
  const end = log[ENGINE].topic(topic).partition(partition).endOffset;
  for (let offset = 0; offset < end; ) {
    for (const batch of log[ENGINE]
      .topic(topic)
      .partition(partition)
      .read(offset, 1 << 20, end)) {
      batches.push([batch.producerId, batch.producerEpoch, batch.baseSequence, batch.recordCount]);
      offset = batch.nextOffset;
    }
  }
  return batches;
}

describe("the batches of a producer", () => {
  it("carry its id and epoch, and their place in the sequence of the partition", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 2 });
    const producer = log.producer();
    await Promise.all([
      producer.send(topic, { partition: 0, value: 1 }),
      producer.send(topic, { partition: 0, value: 2 }),
    ]);
    await producer.sendBatch(topic, [
      { partition: 0, value: 3 },
      { partition: 1, value: 1 },
      { partition: 1, value: 2 },
    ]);
    producer.appendSync(topic, { partition: 1, value: 3 });
    producer.push(topic, { partition: 0, value: 4 });
    await producer.flush();
    expect(stored(log, "t", 0)).toEqual([
      [0, 0, 0, 2],
      [0, 0, 2, 1],
      [0, 0, 3, 1],
    ]);
    expect(stored(log, "t", 1)).toEqual([
      [0, 0, 0, 2],
      [0, 0, 2, 1],
    ]);
    await log.producer().send(topic, { partition: 0, value: 5 });
    expect(stored(log, "t", 0).at(-1)).toEqual([1, 0, 0, 1]);
    await log.close();
  });

  it("carry none when it is told not to", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    await log.producer({ idempotent: false }).send(topic, { value: 1 });
    expect(stored(log, "t")).toEqual([[-1, -1, -1, 1]]);
    await log.close();
  });

  it("have new ids after a restart", async () => {
    let log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    log = await log.restart();
    const ways = [
      () => log.topic("t").send({ value: 2 }),
      async () => log.producer().appendSync("t", { value: 3 }),
      () => log.producer().sendBatch("t", [{ value: 4 }]),
    ];
    for (const way of ways) {
      await way();
      log = await log.restart();
    }
    expect(stored(log, "t").map(([id]) => id)).toEqual([0, 1000, 2000, 3000]);
    await log.close();
  });
});

describe("a failed append", () => {
  it("leaves no gap in the sequence", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await producer.send(topic, { value: 1 });
    log.faults.fail({ on: "write", path: /\.log$/, code: "VARVE_NO_SPACE", times: 3 });
    const failed = { code: "VARVE_NO_SPACE" };
    await expect(producer.send(topic, { value: 2 })).rejects.toMatchObject(failed);
    await expect(producer.sendBatch(topic, [{ value: 3 }])).rejects.toMatchObject(failed);
    expect(() => producer.appendSync(topic, { value: 4 })).toThrow(expect.objectContaining(failed));
    await producer.send(topic, { value: 2 });
    expect(stored(log, "t")).toEqual([
      [0, 0, 0, 1],
      [0, 0, 1, 1],
    ]);
    expect(valuesOf(await topic.all())).toEqual([1, 2]);
    await log.close();
  });

  it("goes on after a truncation, which forgets what producers had sent", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await producer.send(topic, { value: 1 });
    await topic.truncate();
    expect(await producer.send(topic, { value: 2 })).toMatchObject({ offset: 1 });
    await log.close();
  });

  it("where the partition knows another story, refuses that batch and goes on under the next epoch", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    const producer = log.producer();
    await producer.send(topic, { value: 1 });
    const foreign = new BatchBuilder();
    foreign.append(null, "2", undefined, 1);
    log[ENGINE]
      .topic("t")
      .partition(0)
      .append(foreign.seal({ producerId: 0, producerEpoch: 0, baseSequence: 1 }));
    await producer.sendBatch(topic, [{ value: 3 }, { value: 4 }]).then(
      () => expect.unreachable(),
      (error) => expect(error).toMatchObject({ code: "VARVE_OUT_OF_SEQUENCE", topic: "t", partition: 0 }),
    );
    await producer.send(topic, { value: 5 });
    expect(stored(log, "t").at(-1)).toEqual([0, 1, 0, 1]);
    expect(valuesOf(await topic.all())).toEqual([1, 2, 5]);
    await log.close();
  });
});

describe("the id of a producer, where the log has none at hand", () => {
  async function reopened() {
    const log = await createTestLog();
    await log.createTopic<number>("t");
    return log.restart();
  }

  it("is waited for by all that is sent meanwhile, in order", async () => {
    const log = await reopened();
    const release = log.faults.holdSyncs(/topics\.json/);
    const producer = log.producer();
    const first = producer.send("t", { value: 1 });
    const second = producer.sendBatch("t", [{ value: 2 }]);
    producer.push("t", { value: 3 });
    expect(await isPending(first)).toBe(true);
    expect(() => producer.appendSync("t", { value: 4 })).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_ARGUMENT" }),
    );
    release();
    expect(await first).toMatchObject({ offset: 0 });
    expect(await second).toMatchObject([{ baseOffset: 1 }]);
    await producer.flush();
    expect(producer.appendSync("t", { value: 4 })).toMatchObject({ offset: 3 });
    expect(stored(log, "t")).toEqual([
      [1000, 0, 0, 1],
      [1000, 0, 1, 1],
      [1000, 0, 2, 1],
      [1000, 0, 3, 1],
    ]);
    await log.close();
  });

  it("is had at once by a call that cannot wait", async () => {
    const log = await reopened();
    const producer = log.producer({ lingerMs: 100 });
    const lingering = producer.send("t", { value: 1 });
    expect(producer.appendSync("t", { value: 2 })).toMatchObject({ offset: 1 });
    expect(await lingering).toMatchObject({ offset: 0 });
    expect(stored(log, "t")).toEqual([
      [1000, 0, 0, 1],
      [1000, 0, 1, 1],
    ]);
    await log.close();
  });

  it("that cannot be had rejects what waits for it, and is asked for again", async () => {
    const log = await reopened();
    log.faults.fail({ on: "write", path: /topics\.json/, code: "VARVE_NO_SPACE" });
    const producer = log.producer();
    await expect(producer.send("t", { value: 1 })).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(await producer.send("t", { value: 2 })).toMatchObject({ offset: 0 });
    expect(stored(log, "t")[0].slice(1)).toEqual([0, 0, 1]);
    await log.close();
  });
});

it("a producer's id survives in the snapshot of a partition that was closed", async () => {
  let log = await createTestLog();
  const topic = await log.createTopic<number>("t");
  await topic.send({ value: 1 });
  log = await log.restart();
  const partition = log[ENGINE].topic("t").partition(0);
  const [{ bytes, at: start, sizeInBytes, recordCount, maxTimestamp }] = partition.read(0, 1 << 20, 1);
  const again = { bytes: bytes.slice(), start, end: start + sizeInBytes, recordCount, maxTimestamp };
  expect(partition.append(again)).toBe(0);
  expect(partition.endOffset).toBe(1);
  await log.close();
});
