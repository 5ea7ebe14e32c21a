/** Offsets that a transaction commits: with what was made of the records, or not at all. */
import { describe, expect, it } from "vitest";
import { ENGINE } from "../../src/engine/engine.ts";
import { type Consumer, open, type Topic, type VarveLog } from "../../src/index.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { createTestLog } from "../../src/testing/index.ts";
import { identity } from "../engine/engines.ts";
import { isPending, take, valuesOf } from "./reading.ts";

async function filled(log: VarveLog, count = 6): Promise<{ input: Topic<number>; output: Topic<number> }> {
  const input = await log.createTopic<number>("input", { partitions: 2 });
  const output = await log.createTopic<number>("output");
  for (let value = 0; value < count; value++) await input.send({ partition: value % 2, value });
  return { input, output };
}

/** Copies with ten times the value, until `stop` says so. */
async function copy(log: VarveLog, stop?: (value: number) => void): Promise<void> {
  const producer = log.producer({ transactionalId: "copier" });
  const consumer = log.consumer<number>({ topics: ["input"], group: "copiers", autoCommit: false, until: "end" });
  try {
    for await (const batch of consumer.batches({ maxRecords: 2 })) {
      await producer.transaction((tx) => {
        for (const { value } of batch) {
          tx.send("output", { value: value! * 10 });
          stop?.(value!);
        }
        tx.commitOffsets(consumer);
      });
    }
  } finally {
    await consumer.close();
    await producer.close();
  }
}

const sorted = (values: unknown[]) => (values as number[]).sort((x, y) => x - y);

describe("consume, transform, produce", () => {
  it("stores each record's outcome once, and goes on where it stopped", async () => {
    const log = await createTestLog();
    const { input, output } = await filled(log);
    const stop = (value: number) => {
      if (value === 2) throw new Error("stopped");
    };
    await expect(copy(log, stop)).rejects.toThrow("stopped");
    expect(valuesOf(await output.all()).length).toBeLessThan(6);
    await copy(log);
    await input.send({ value: 6 });
    await copy(log);
    expect(sorted(valuesOf(await output.all()))).toEqual([0, 10, 20, 30, 40, 50, 60]);
    expect((await log.group("copiers").lag()).map(({ lag }) => lag)).toEqual([0, 0]);
    await log.close();
  });

  it("leaves the offsets alone when it is aborted", async () => {
    const log = await createTestLog();
    const { output } = await filled(log);
    const producer = log.producer({ transactionalId: "copier" });
    const consumer = log.consumer<number>({ topics: ["input"], group: "g", autoCommit: false });
    await take(consumer, 3);
    const tx = await producer.begin();
    tx.send(output, { value: 1 });
    tx.commitOffsets(consumer);
    await tx.abort();
    await log[ENGINE].offsets.ready();
    expect(log[ENGINE].offsets.allCommitted("g")).toEqual([]);
    await producer.transaction((next) => next.commitOffsets(consumer));
    expect((await log.group("g").lag()).reduce((sum, { lag }) => sum + lag, 0)).toBe(3);
    await consumer.close();
    await log.close();
  });

  it("commits what was handed out at the call, and nothing later", async () => {
    const log = await createTestLog();
    await filled(log);
    const producer = log.producer({ transactionalId: "copier" });
    const consumer = log.consumer<number>({ topics: ["input"], partitions: undefined, group: "g", autoCommit: false });
    await take(consumer, 1);
    await producer.transaction(async (tx) => {
      tx.commitOffsets(consumer);
      await take(consumer, 2);
    });
    expect((await log.group("g").lag()).reduce((sum, { lag }) => sum + lag, 0)).toBe(5);
    await consumer.close();
    await log.close();
  });
});

describe("commitOffsets", () => {
  it("refuses a consumer that commits by itself, and says what to do", async () => {
    const log = await createTestLog();
    await filled(log);
    const producer = log.producer({ transactionalId: "copier" });
    const consumer = log.consumer({ topics: ["input"], group: "g" });
    await take(consumer, 1);
    const broken = producer.transaction((tx) => tx.commitOffsets(consumer));
    await expect(broken).rejects.toMatchObject({
      code: "VARVE_INVALID_ARGUMENT",
      message: expect.stringContaining("autoCommit: false"),
    });
    const groupless = log.consumer({ topics: ["input"], autoCommit: false });
    await take(groupless, 1);
    await expect(producer.transaction((tx) => tx.commitOffsets(groupless))).rejects.toMatchObject({
      code: "VARVE_INVALID_ARGUMENT",
      message: expect.stringContaining("group"),
    });
    await Promise.all([consumer.close(), groupless.close()]);
    await log.close();
  });

  it("names what is no consumer, and `transaction` what is no function", async () => {
    const log = await createTestLog();
    const producer = log.producer({ transactionalId: "copier" });
    const refused = (words: string) => ({
      code: "VARVE_INVALID_ARGUMENT",
      message: expect.stringContaining(words),
    });
    const stranger = {} as unknown as Consumer;
    const broken = producer.transaction((tx) => tx.commitOffsets(stranger));
    await expect(broken).rejects.toMatchObject(refused("commitOffsets: expected a consumer"));
    const work = "commit" as unknown as () => void;
    await expect(producer.transaction(work)).rejects.toMatchObject(refused("expected a function, not string"));
    await producer.transaction(() => {}); // neither has left one open
    await log.close();
  });

  it("rejects the commit of a consumer that its group has given up, and nothing of it is seen", async () => {
    const log = await createTestLog();
    const { output } = await filled(log);
    const producer = log.producer({ transactionalId: "copier" });
    const options = { topics: ["input"], group: "g", autoCommit: false };
    const slow = log.consumer({ ...options, maxPollIntervalMs: 100 });
    await take(slow, 1);
    const tx = await producer.begin();
    tx.send(output, { value: 1 });
    tx.commitOffsets(slow);
    // In hand for too long: the group goes on without it.
    await log.clock.advanceAsync(100);
    await log.clock.advanceAsync(100);
    await expect(tx.commit()).rejects.toMatchObject({ code: "VARVE_FENCED" });
    const late = await producer.begin();
    expect(() => late.commitOffsets(slow)).toThrow(expect.objectContaining({ code: "VARVE_FENCED" }));
    await late.abort();
    expect(await output.all()).toEqual([]);
    // It was the consumer that was fenced, not the producer.
    await producer.transaction((next) => next.send(output, { value: 2 }));
    expect(valuesOf(await output.all())).toEqual([2]);
    await slow.close();
    await log.close();
  });
});

describe("a consumer of a group for which an open transaction has committed", () => {
  it("waits for the end of that before it begins, and begins where that says", async () => {
    const memory = new MemoryFiles();
    const first = await open("/log", { surroundings: { files: memory, identity: identity(1) } });
    await filled(first);
    const { transactions, coordinator } = first[ENGINE];
    const producer = await transactions.initProducerId("copier", 60_000);
    await transactions.addOffsets("copier", producer, "copiers");
    const entry = { topic: "input", partition: 0, offset: 2 };
    await coordinator.commitInTransaction("copier", producer, "copiers", [entry]);
    const killed = memory.clone();
    await first.close();

    const log = await open("/log", { surroundings: { files: killed, identity: identity(2) } });
    const consumer = log.consumer({ topics: ["input"], group: "copiers", autoCommit: false });
    const taken = take(consumer, 6);
    expect(await isPending(taken)).toBe(true);
    // Whoever comes to do the work of the one before takes its id.
    await log.producer({ transactionalId: "copier" }).begin();
    expect(valuesOf(await taken).length).toBe(6);
    await consumer.close();

    const second = log.consumer({ topics: ["input"], group: "copiers", autoCommit: false });
    const again = await log[ENGINE].transactions.initProducerId("other", 60_000);
    await log[ENGINE].transactions.addOffsets("other", again, "copiers");
    await log[ENGINE].coordinator.commitInTransaction("other", again, "copiers", [entry]);
    await second.close();
    const third = log.consumer({ topics: ["input"], group: "copiers", autoCommit: false });
    const rest = take(third, 4);
    expect(await isPending(rest)).toBe(true);
    await log[ENGINE].transactions.end("other", again, "commit");
    expect(sorted(valuesOf(await rest))).toEqual([1, 3, 4, 5]);
    await third.close();
    await log.close();
  });

  it("can be closed while it waits", async () => {
    const log = await createTestLog();
    await filled(log);
    const { transactions, coordinator } = log[ENGINE];
    const producer = await transactions.initProducerId("copier", 60_000);
    await transactions.addOffsets("copier", producer, "copiers");
    await coordinator.commitInTransaction("copier", producer, "copiers", [{ topic: "input", partition: 0, offset: 2 }]);
    const consumer = log.consumer({ topics: ["input"], group: "copiers" });
    const taken = take(consumer, 1);
    expect(await isPending(taken)).toBe(true);
    await consumer.close();
    expect(await taken).toEqual([]);
    await log.close();
  });
});
