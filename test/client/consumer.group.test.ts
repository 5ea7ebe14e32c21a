import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ConsumerOptions, open, type Topic } from "../../src/index.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { drain, isPending, settle, take, valuesOf } from "./reading.ts";

async function numbers(log: TestLog, count: number): Promise<Topic<number>> {
  const topic = await log.createTopic<number>("t");
  const producer = log.producer();
  await producer.sendBatch(
    topic,
    Array.from({ length: count }, (_, value) => ({ value })),
  );
  await producer.close();
  return topic;
}

/** Where the group would go on: what a new member of it reads first, without committing anything. */
async function resumesAt(log: TestLog, group = "g"): Promise<number> {
  const consumer = log.consumer<number>({ topics: ["t"], group, autoCommit: false, until: "end" });
  const [first] = await take(consumer, 1);
  await consumer.close();
  return first?.offset ?? -1;
}

describe("processed means that the next record was asked for", () => {
  it("auto-commit commits up to it, at the interval", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    const records = consumer[Symbol.asyncIterator]();
    for (let i = 0; i < 3; i++) await records.next();
    log.clock.advance(999);
    await settle();
    log.faults.resetCounts();
    log.clock.advance(1);
    await settle();
    expect(log.faults.counts.write).toBeGreaterThan(0);
    // Records 0 and 1 are processed; 2 is in hand. Nothing can be written from here on.
    log.faults.fail({ on: "write", code: "VARVE_IO", times: Number.POSITIVE_INFINITY });
    await consumer.close();
    log.faults.clear();
    expect(await resumesAt(log)).toBe(2);
    await log.close();
  });

  it("the interval is an option, and nothing is written while nothing is processed", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const consumer = topic.consumer({ group: "g", autoCommitIntervalMs: 50 });
    const records = consumer[Symbol.asyncIterator]();
    await records.next();
    await records.next();
    await log.clock.advanceAsync(50);
    log.faults.resetCounts();
    await log.clock.advanceAsync(500);
    expect(log.faults.counts.write).toBe(0);
    await consumer.close();
    expect(await resumesAt(log)).toBe(1);
    await log.close();
  });

  it("leaving by break commits up to, not including, the record in hand", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    for await (const record of consumer) if (record.value === 4) break;
    await consumer.close();
    expect(await resumesAt(log)).toBe(4);
    await log.close();
  });

  it("break has committed when the loop is left, without a close", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    log.faults.resetCounts();
    for await (const record of consumer) if (record.value === 4) break;
    expect(log.faults.counts.write).toBeGreaterThan(0);
    log.faults.fail({ on: "write", code: "VARVE_IO", times: Number.POSITIVE_INFINITY });
    await consumer.close();
    log.faults.clear();
    expect(await resumesAt(log)).toBe(4);
    await log.close();
  });

  it("leaving by throw does the same, and the error comes out", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    const reading = async () => {
      for await (const record of consumer) if (record.value === 6) throw new Error("mine");
    };
    await expect(reading()).rejects.toThrow("mine");
    await consumer.close();
    expect(await resumesAt(log)).toBe(6);
    await log.close();
  });

  it("a loop after that begins with the record that was in hand", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g", until: "end" });
    let failures = 0;
    const handled: unknown[] = [];
    while (handled.length < 10) {
      try {
        for await (const record of consumer) {
          if (record.value === 3 && failures++ < 2) throw new Error("try again");
          handled.push(record.value);
        }
      } catch {}
    }
    expect(handled).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(failures).toBe(3);
    await log.close();
  });

  it("commit() inside the body includes the record in hand", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    for await (const record of consumer) {
      if (record.value !== 4) continue;
      await consumer.commit();
      break;
    }
    expect(valuesOf(await take(consumer, 1))).toEqual([5]);
    await consumer.close();
    expect(await resumesAt(log)).toBe(5);
    await log.close();
  });

  it("the end of a bounded loop commits everything", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const consumer = topic.consumer({ group: "g", until: "end" });
    expect((await drain(consumer)).length).toBe(10);
    await topic.send({ value: 10 });
    log.faults.fail({ on: "write", code: "VARVE_IO", times: Number.POSITIVE_INFINITY });
    await consumer.close();
    log.faults.clear();
    expect(await resumesAt(log)).toBe(10);
    await log.close();
  });

  it("close inside the body does not include the record in hand", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    for await (const record of consumer) if (record.value === 4) await consumer.close();
    expect(await resumesAt(log)).toBe(4);
    await log.close();
  });

  it("after an abort in the body, the loop's next step processes the record in hand", async () => {
    const log = await createTestLog();
    const controller = new AbortController();
    const consumer = (await numbers(log, 10)).consumer({ group: "g", signal: controller.signal });
    const read: unknown[] = [];
    for await (const record of consumer) {
      read.push(record.value);
      if (record.value === 4) controller.abort();
      await settle();
    }
    expect(read).toEqual([0, 1, 2, 3, 4]);
    expect(log.leaks().clients).toEqual([]);
    expect(await resumesAt(log)).toBe(5);
    await log.close();
  });

  it("an abort while it waits commits what is processed", async () => {
    const log = await createTestLog();
    const controller = new AbortController();
    const topic = await numbers(log, 3);
    const reading = drain(topic.consumer({ group: "g", signal: controller.signal }));
    await settle();
    controller.abort();
    expect((await reading).length).toBe(3);
    await topic.send({ value: 3 });
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });

  it("the close of the log commits what is processed", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    await take(consumer, 4);
    const again = await log.restart();
    expect(await resumesAt(again)).toBe(3);
    await again.close();
  });

  it("after a seek, what was in hand no longer counts", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    await take(consumer, 8);
    await consumer.commit();
    consumer.seek({ topic: "t", partition: 0, offset: 2 });
    await take(consumer, 2);
    await consumer.close();
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });
});

describe("batches in a group", () => {
  it("a batch is processed when the next one is asked for", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    for await (const batch of consumer.batches({ maxRecords: 3 })) if (batch.firstOffset === 6) break;
    await consumer.close();
    expect(await resumesAt(log)).toBe(6);
    await log.close();
  });

  it("batch.commit() includes the batch", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g", autoCommit: false });
    for await (const batch of consumer.batches({ maxRecords: 3 })) {
      if (batch.firstOffset < 3) continue;
      await batch.commit();
      break;
    }
    await consumer.close();
    expect(await resumesAt(log)).toBe(6);
    await log.close();
  });

  it("an older batch's commit does not go backwards; one from before a seek is refused", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g", autoCommit: false });
    const batches = consumer.batches({ maxRecords: 3 });
    const first = (await batches.next()).value!;
    const second = (await batches.next()).value!;
    await second.commit();
    await first.commit();
    consumer.seek({ topic: "t", partition: 0, offset: 0 });
    await expect(second.commit()).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT", topic: "t", partition: 0 });
    await consumer.close();
    expect(await resumesAt(log)).toBe(6);
    await log.close();
  });

  it("going back and committing there goes back", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g", autoCommit: false });
    await take(consumer, 9);
    await consumer.commit();
    consumer.seek({ topic: "t", partition: 0, offset: 1 });
    for await (const batch of consumer.batches({ maxRecords: 2 })) {
      await batch.commit();
      break;
    }
    await consumer.close();
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });
});

describe("where a group begins", () => {
  it.each<[string, Partial<ConsumerOptions<number>>, number]>([
    ["at what it has committed, whatever `from` says", { from: "latest" }, 4],
    ["at what it has committed", {}, 4],
  ])("%s", async (_, options, expected) => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const first = topic.consumer({ group: "g" });
    await take(first, 5);
    await first.close();
    const second = log.consumer<number>({ topics: ["t"], group: "g", until: "end", ...options });
    expect((await drain(second))[0].offset).toBe(expected);
    await log.close();
  });

  it("at `from`, where it has committed nothing", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const latest = topic.consumer({ group: "g", from: "latest", until: { offsets: { 0: 11 } } });
    const reading = drain(latest);
    await settle();
    await topic.send({ value: 10 });
    expect(valuesOf(await reading)).toEqual([10]);
    await log.close();
  });

  it("does not commit without autoCommit, except when told", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const silent = topic.consumer({ group: "g", autoCommit: false, until: "end" });
    await drain(silent);
    await silent.close();
    expect(await resumesAt(log)).toBe(0);
    const told = topic.consumer({ group: "g", autoCommit: false });
    await take(told, 3);
    await told.commit();
    await take(told, 3);
    await told.close();
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });

  it("keeps each partition's own place", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t", { partitions: 3 });
    for (let value = 0; value < 9; value++) await topic.send({ partition: value % 3, value });
    const first = topic.consumer({ group: "g" });
    const read = await take(first, 5);
    await first.close();
    const rest = topic.consumer({ group: "g", until: "end" });
    const seen = [...valuesOf(read.slice(0, 4)), ...valuesOf(await drain(rest))];
    expect(seen.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    await log.close();
  });
});

describe("a member", () => {
  it("goes on where the one before it has left, and groups do not know each other", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 3);
    const first = topic.consumer({ group: "g" });
    await take(first, 3);
    const other = topic.consumer({ group: "h" });
    await first.close();
    const second = topic.consumer({ group: "g", until: "end" });
    expect(valuesOf(await drain(second))).toEqual([2]);
    expect(valuesOf(await take(other, 3))).toEqual([0, 1, 2]);
    await Promise.all([second.close(), other.close()]);
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("a refused consumer leaves nothing behind", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 3);
    expect(() => topic.consumer({ group: "g", partitions: [0] } as never)).toThrow();
    expect(() => topic.consumer({ group: "g", from: "nowhere" as never })).toThrow();
    const consumer = topic.consumer({ group: "g" });
    await consumer.close();
    await log.close();
  });

  it("commit without a group is refused", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 3)).consumer();
    await expect(consumer.commit()).rejects.toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
    await consumer.close();
    await log.close();
  });
});

describe("commits that fail", () => {
  const full = {
    on: "write",
    path: /__consumer_offsets/,
    code: "VARVE_NO_SPACE",
    times: Number.POSITIVE_INFINITY,
  } as const;

  it("come out of commit(), and count as not done", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    await take(consumer, 1);
    await consumer.commit();
    await take(consumer, 2);
    log.faults.fail(full);
    await expect(consumer.commit()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    log.faults.clear();
    await consumer.commit();
    await consumer.close();
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });

  it("at the interval, come out of the next step of the loop; the next loop goes on", async () => {
    const log = await createTestLog();
    const consumer = (await numbers(log, 10)).consumer({ group: "g" });
    const records = consumer[Symbol.asyncIterator]();
    await records.next();
    await consumer.commit();
    await records.next();
    await records.next();
    log.faults.fail(full);
    await log.clock.advanceAsync(1000);
    await expect(records.next()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    log.faults.clear();
    expect((await records.next()).value?.value).toBe(3);
    await consumer.close();
    expect(await resumesAt(log)).toBe(3);
    await log.close();
  });

  it("at the end of the loop and at close, come out there; the group is left all the same", async () => {
    const log = await createTestLog();
    const topic = await numbers(log, 10);
    const consumer = topic.consumer({ group: "g" });
    await take(consumer, 1);
    await consumer.commit();
    log.faults.fail(full);
    const reading = async () => {
      for await (const record of consumer) if (record.value === 5) break;
    };
    await expect(reading()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    await expect(consumer.close()).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    log.faults.clear();
    expect(await resumesAt(log)).toBe(1);
    await log.close();
  });

  it("at power, commits are durable when they return", async () => {
    const log = await createTestLog({ durability: "power" });
    const consumer = (await numbers(log, 3)).consumer({ group: "g" });
    await take(consumer, 2);
    const release = log.faults.holdSyncs(/__consumer_offsets/);
    const commit = consumer.commit();
    expect(await isPending(commit)).toBe(true);
    release();
    await commit;
    await consumer.close();
    await log.close();
  });
});

describe("on a real disk", () => {
  it("a restart resumes at the committed offsets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "varve-group-"));
    try {
      const log = await open(join(folder, "data"));
      const topic = await log.createTopic<{ n: number }>("t", { partitions: 2 });
      const producer = log.producer();
      await Promise.all(Array.from({ length: 100 }, (_, n) => producer.send(topic, { key: `k${n}`, value: { n } })));
      const consumer = topic.consumer({ group: "g" });
      const seen = new Set<number>();
      for (const record of await take(consumer, 40)) seen.add(record.value!.n);
      await log.close();

      const again = await open(join(folder, "data"));
      const rest = again.consumer<{ n: number }>({ topics: ["t"], group: "g", until: "end" });
      const records = await drain(rest);
      expect(records.length).toBe(61);
      for (const record of records) seen.add(record.value!.n);
      expect(seen.size).toBe(100);
      await again.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
