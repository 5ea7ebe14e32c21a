/** Transactions of this process: all or nothing for every reader, whoever fails on the way. */
import { describe, expect, it } from "vitest";
import { ENGINE } from "../../src/engine/engine.ts";
import { open, type Producer, type Topic } from "../../src/index.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { createTestLog, type TestLog, type TestLogOptions } from "../../src/testing/index.ts";
import { identity } from "../engine/engines.ts";
import { drain, isPending, settle, take, valuesOf } from "./reading.ts";

interface World {
  log: TestLog;
  a: Topic<unknown>;
  b: Topic<unknown>;
  producer: Producer;
}

async function world(options: TestLogOptions = {}): Promise<World> {
  const log = await createTestLog(options);
  const a = await log.createTopic("a");
  const b = await log.createTopic("b", { partitions: 2 });
  return { log, a, b, producer: log.producer({ transactionalId: "tx" }) };
}

const refused = { code: "VARVE_TRANSACTION_STATE" };

describe("a transaction", () => {
  it("is seen as a whole when it is committed, and not before", async () => {
    const { log, a, b, producer } = await world();
    const live = log.consumer({ topics: [a, b] });
    const seen = take(live, 3);
    const result = await producer.transaction(async (tx) => {
      tx.send(a, { value: 1 });
      tx.send(b, { key: "k", value: 2 });
      await producer.flush();
      expect(valuesOf(await a.all())).toEqual([]);
      expect(valuesOf(await a.all({ isolation: "read_uncommitted" }))).toEqual([1]);
      expect(await isPending(seen)).toBe(true);
      tx.send(a, { value: 3 });
      return "done";
    });
    expect(result).toBe("done");
    expect(valuesOf(await seen).sort()).toEqual([1, 2, 3]);
    expect([...valuesOf(await a.all()), ...valuesOf(await b.all())]).toEqual([1, 3, 2]);
    await live.close();
    await log.close();
  });

  it("that throws is aborted, and the error comes out; no reader ever sees it", async () => {
    const { log, a, b, producer } = await world();
    const live = log.consumer({ topics: [a] });
    const seen = take(live, 2);
    const broken = producer.transaction(async (tx) => {
      tx.send(a, { value: "never" });
      tx.send(b, { value: "never" });
      await producer.flush();
      throw new Error("on the way");
    });
    await expect(broken).rejects.toThrow("on the way");
    await producer.transaction((tx) => {
      tx.send(a, { value: 1 });
      tx.send(a, { value: 2 });
    });
    expect(valuesOf(await seen)).toEqual([1, 2]);
    expect(valuesOf(await a.all())).toEqual([1, 2]);
    expect(await a.get(0, 0)).toBeUndefined();
    expect(await b.all()).toEqual([]);
    await live.close();
    await log.close();
  });

  it("with nothing in it writes nothing", async () => {
    const { log, a, producer } = await world();
    await producer.transaction(() => {});
    await producer.transaction((tx) => tx.abort());
    await a.send({ value: 1 });
    expect(log[ENGINE].topic("a").partition(0).endOffset).toBe(1);
    await log.close();
  });

  it("stores what is sent in batches as large as may be, whatever the ticks", async () => {
    const { log, a, producer } = await world();
    await producer.transaction(async (tx) => {
      for (let i = 0; i < 10; i++) {
        tx.send(a, { value: i });
        await settle();
      }
    });
    const [batch] = log[ENGINE]
      .topic("a")
      .partition(0)
      .read(0, 1 << 20, 10);
    expect(batch).toMatchObject({ recordCount: 10, isTransactional: true, baseSequence: 0 });
    await log.close();
  });

  it("is ended by hand where it was begun by hand", async () => {
    const { log, a, producer } = await world();
    const first = await producer.begin();
    first.send(a, { value: 1 });
    await first.abort();
    const second = await producer.begin();
    second.send(a, { value: 2 });
    await second.commit();
    expect(valuesOf(await a.all())).toEqual([2]);
    for (const over of [first, second]) {
      expect(() => over.send(a, { value: 3 })).toThrow(expect.objectContaining(refused));
      await expect(over.commit()).rejects.toMatchObject(refused);
      await expect(over.abort()).rejects.toMatchObject(refused);
    }
    await log.close();
  });

  it("is one at a time", async () => {
    const { log, a, producer } = await world();
    const first = await producer.begin();
    await expect(producer.begin()).rejects.toMatchObject(refused);
    await expect(producer.transaction(() => {})).rejects.toMatchObject(refused);
    first.send(a, { value: 1 });
    await first.commit();
    expect(valuesOf(await a.all())).toEqual([1]);
    await log.close();
  });

  it("reaches into what the other ways to send store meanwhile", async () => {
    const { log, a, b, producer } = await world();
    await producer.transaction(async (tx) => {
      tx.send(a, { value: 1 });
      expect(await producer.send(a, { value: 2 })).toMatchObject({ offset: 1 });
      expect(producer.appendSync(b, { partition: 1, value: 3 })).toMatchObject({ offset: 0 });
      expect(await producer.sendBatch(b, [{ partition: 0, value: 4 }])).toMatchObject([{ baseOffset: 0 }]);
      expect(producer.push(a, { value: 5 })).toBe(true);
      await producer.flush();
      expect([...(await a.all()), ...(await b.all())]).toEqual([]);
    });
    expect(valuesOf(await a.all())).toEqual([1, 2, 5]);
    expect(valuesOf(await b.all()).sort()).toEqual([3, 4]);
    await log.close();
  });

  it("is what a producer with a transactionalId sends in; outside it is refused", async () => {
    const { log, a, producer } = await world();
    await expect(producer.send(a, { value: 1 })).rejects.toMatchObject(refused);
    await expect(producer.sendBatch(a, [{ value: 1 }])).rejects.toMatchObject(refused);
    expect(() => producer.appendSync(a, { value: 1 })).toThrow(expect.objectContaining(refused));
    expect(() => producer.push(a, { value: 1 })).toThrow(expect.objectContaining(refused));
    await producer.flush();
    const plain = log.producer();
    await expect(plain.begin()).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION", option: "transactionalId" });
    await expect(plain.transaction(() => {})).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION" });
    expect(await a.all({ isolation: "read_uncommitted" })).toEqual([]);
    await log.close();
  });

  it("at power, is durable in all partitions when the commit resolves", async () => {
    const { log, a, b, producer } = await world({ durability: "power" });
    await producer.transaction((tx) => {
      tx.send(a, { value: 1 });
      tx.send(b, { partition: 0, value: 2 });
    });
    for (const name of ["a", "b"]) {
      const partition = log[ENGINE].topic(name).partition(0);
      expect([partition.endOffset, partition.durableOffset, partition.lastStableOffset]).toEqual([2, 2, 2]);
    }
    expect(valuesOf(await b.all())).toEqual([2]);
    await log.close();
  });

  it("makes topics where the log makes them", async () => {
    const { log, producer } = await world({ autoCreateTopics: true });
    await producer.transaction((tx) => tx.send("new", { value: 1 }));
    expect(valuesOf(await log.topic("new").all())).toEqual([1]);
    await log.close();
  });
});

describe("what cannot be stored", () => {
  it.each([
    ["an unknown topic", "nowhere", { value: 1 }, "VARVE_UNKNOWN_TOPIC"],
    ["no record", "a", undefined, "VARVE_INVALID_ARGUMENT"],
    ["a record that is too large", "a", { value: "x".repeat(9 << 20) }, "VARVE_RECORD_TOO_LARGE"],
  ])("rejects the commit: %s", async (_, topic, record, code) => {
    const { log, a, producer } = await world();
    const broken = producer.transaction((tx) => {
      tx.send(a, { value: "before" });
      tx.send(topic, record as never);
      tx.send(a, { value: "behind" });
    });
    await expect(broken).rejects.toMatchObject({ code });
    await producer.transaction((tx) => tx.send(a, { value: "next" }));
    expect(valuesOf(await a.all())).toEqual(["next"]);
    await producer.close();
    await log.close();
  });

  it.each([
    ["of tx.send", (tx: { send: (topic: string, record: object) => void }) => tx.send("a", { value: 1 })],
    ["of send", (_: unknown, producer: Producer) => producer.send("a", { value: 1 }).catch(() => {})],
    ["of sendBatch", (_: unknown, producer: Producer) => producer.sendBatch("a", [{ value: 1 }]).catch(() => {})],
    ["of push", (_: unknown, producer: Producer) => void producer.push("a", { value: 1 })],
    [
      "of appendSync",
      (_: unknown, producer: Producer) => {
        expect(() => producer.appendSync("a", { value: 1 })).toThrow();
      },
    ],
  ])("rejects the commit: a full disk, for the record %s", async (_, work) => {
    const { log, a, b, producer } = await world();
    const broken = producer.transaction(async (tx) => {
      tx.send(b, { partition: 0, value: "kept?" });
      log.faults.fail({ on: "write", path: /\/a-0\/.*\.log$/, code: "VARVE_NO_SPACE" });
      await work(tx as never, producer);
    });
    await expect(broken).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect([...(await a.all()), ...(await b.all())]).toEqual([]);
    await producer.transaction((tx) => tx.send(a, { value: 2 }));
    expect(valuesOf(await a.all())).toEqual([2]);
    await log.close();
  });

  it("where even the end cannot be written, goes with the next transaction", async () => {
    const { log, a, producer } = await world();
    const broken = producer.transaction(async (tx) => {
      tx.send(a, { value: "never" });
      await producer.flush();
      log.faults.fail({ on: "write", path: /__transaction_state/, code: "VARVE_NO_SPACE", times: 2 });
    });
    await expect(broken).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    await producer.transaction((tx) => tx.send(a, { value: 1 }));
    expect(valuesOf(await a.all())).toEqual([1]);
    await log.close();
  });
});

describe("the transactional id", () => {
  it("taken by another producer fences the one before, for good, and aborts what it left open", async () => {
    const { log, a, producer: zombie } = await world();
    const open = await zombie.begin();
    open.send(a, { value: "zombie" });
    await zombie.flush();
    const producer = log.producer({ transactionalId: "tx" });
    await producer.transaction((tx) => tx.send(a, { value: 1 }));
    open.send(a, { value: "zombie" });
    await expect(open.commit()).rejects.toMatchObject({ code: "VARVE_FENCED" });
    await expect(zombie.begin()).rejects.toMatchObject({ code: "VARVE_FENCED" });
    await producer.transaction((tx) => tx.send(a, { value: 2 }));
    expect(valuesOf(await a.all())).toEqual([1, 2]);
    await log.close();
  });

  it("fences one with nothing open, too, at its next transaction", async () => {
    const { log, a, producer: zombie } = await world();
    await zombie.transaction((tx) => tx.send(a, { value: 1 }));
    const producer = log.producer({ transactionalId: "tx" });
    await (await producer.begin()).commit();
    await expect(zombie.transaction((tx) => tx.send(a, { value: "zombie" }))).rejects.toMatchObject({
      code: "VARVE_FENCED",
    });
    await expect(zombie.begin()).rejects.toMatchObject({ code: "VARVE_FENCED" });
    await producer.transaction((tx) => tx.send(a, { value: 2 }));
    expect(valuesOf(await a.all())).toEqual([1, 2]);
    await log.close();
  });

  it("aborts, when it is taken after kill -9, what the process before left open", async () => {
    const memory = new MemoryFiles();
    const first = await open("/log", { surroundings: { files: memory, identity: identity(1) } });
    const topic = await first.createTopic("a");
    const producer = first.producer({ transactionalId: "tx" });
    const left = await producer.begin();
    left.send(topic, { value: "lost" });
    await producer.flush();
    const killed = memory.clone();
    await first.close();
    const second = await open("/log", { surroundings: { files: killed, identity: identity(2) } });
    await second.topic("a").send({ value: 1 });
    expect(await second.topic("a").all()).toEqual([]);
    await second.producer({ transactionalId: "tx" }).transaction((tx) => tx.send("a", { value: 2 }));
    expect(valuesOf(await second.topic("a").all())).toEqual([1, 2]);
    await second.close();
  });

  it("is refused when it is empty, with idempotence off, or a timeout without one", async () => {
    const { log } = await world();
    const option = (name: string) => expect.objectContaining({ code: "VARVE_INVALID_OPTION", option: name });
    expect(() => log.producer({ transactionalId: "" })).toThrow(option("transactionalId"));
    expect(() => log.producer({ transactionalId: "x", idempotent: false })).toThrow(option("idempotent"));
    expect(() => log.producer({ transactionTimeoutMs: 5 })).toThrow(option("transactionTimeoutMs"));
    await log.close();
  });
});

describe("a transaction that takes too long", () => {
  it("is aborted; its commit says so, and the producer goes on", async () => {
    const { log, a } = await world();
    const producer = log.producer({ transactionalId: "slow", transactionTimeoutMs: 100 });
    const slow = await producer.begin();
    slow.send(a, { value: "late" });
    await producer.flush();
    await a.send({ value: "beside" });
    expect(valuesOf(await a.all())).toEqual([]);
    await log.clock.advanceAsync(100);
    expect(valuesOf(await a.all())).toEqual(["beside"]);
    slow.send(a, { value: "later" });
    await expect(slow.commit()).rejects.toMatchObject({ code: "VARVE_TIMEOUT" });
    await producer.transaction((tx) => tx.send(a, { value: "next" }));
    expect(valuesOf(await a.all())).toEqual(["beside", "next"]);
    await log.close();
  });

  it("can be aborted all the same", async () => {
    const { log, a } = await world();
    const producer = log.producer({ transactionalId: "slow", transactionTimeoutMs: 100 });
    const slow = await producer.begin();
    slow.send(a, { value: "late" });
    await producer.flush();
    await log.clock.advanceAsync(100);
    await slow.abort();
    await producer.transaction((tx) => tx.send(a, { value: "next" }));
    expect(valuesOf(await a.all())).toEqual(["next"]);
    await log.close();
  });
});

describe("the end of the producer", () => {
  it("aborts what is open", async () => {
    const { log, a, producer } = await world();
    const open = await producer.begin();
    open.send(a, { value: 1 });
    await producer.flush();
    await producer.close();
    await a.send({ value: 2 });
    expect(valuesOf(await a.all())).toEqual([2]);
    await expect(open.commit()).rejects.toMatchObject(refused);
    await expect(producer.begin()).rejects.toMatchObject({ code: "VARVE_CLOSED" });
    expect(log.leaks().clients).toEqual([]);
    await log.close();
  });

  it("waits for a commit that is under way", async () => {
    const { log, a, producer } = await world({ durability: "power" });
    const open = await producer.begin();
    open.send(a, { value: 1 });
    const release = log.faults.holdSyncs(/\.log$/);
    const committed = open.commit();
    const closed = producer.close();
    expect(await isPending(closed)).toBe(true);
    release();
    await Promise.all([committed, closed]);
    expect(valuesOf(await a.all())).toEqual([1]);
    await log.close();
  });
});

describe("readers", () => {
  it("of committed records know no open transaction: lag, caughtUp, until end, latest", async () => {
    const { log, a, producer } = await world();
    await a.send({ value: 1 });
    const open = await producer.begin();
    open.send(a, { value: 2 });
    await producer.flush();
    expect(valuesOf(await drain(log.consumer({ topics: [a], until: "end" })))).toEqual([1]);
    expect(await a.offsets("latest")).toMatchObject([{ offset: 1 }]);
    const consumer = log.consumer({ topics: [a] });
    expect(valuesOf(await take(consumer, 1))).toEqual([1]);
    expect(consumer.lag()).toMatchObject([{ lag: 0 }]);
    const next = take(consumer, 1);
    await consumer.caughtUp();
    const eager = log.consumer({ topics: [a], isolation: "read_uncommitted", until: "end" });
    expect(valuesOf(await drain(eager))).toEqual([1, 2]);
    await open.commit();
    expect(valuesOf(await next)).toEqual([2]);
    await Promise.all([consumer.close(), eager.close()]);
    await log.close();
  });

  it("stop before what came behind an open transaction, and see it all in order then", async () => {
    const { log, a, producer } = await world();
    const open = await producer.begin();
    open.send(a, { value: "in" });
    await producer.flush();
    await a.send({ value: "behind" });
    expect(await a.all()).toEqual([]);
    expect(await a.get(0, 1)).toBeUndefined();
    await open.commit();
    expect(valuesOf(await a.all())).toEqual(["in", "behind"]);
    expect((await a.get(0, 1))?.value).toBe("behind");
    await log.close();
  });

  it("leave out what was aborted, wherever they begin, also after a restart", async () => {
    let { log, a, producer } = await world();
    for (let i = 0; i < 6; i++) {
      const tx = await producer.begin();
      tx.send(a, { value: `${i}` });
      tx.send(a, { value: `${i}` });
      if (i % 2 === 0) await tx.commit();
      else await tx.abort();
    }
    const committed = ["0", "0", "2", "2", "4", "4"];
    for (const _ of ["before", "after"]) {
      const topic = log.topic("a");
      const [{ offset: end }] = await topic.offsets("latest");
      expect(valuesOf(await topic.all())).toEqual(committed);
      const byOffset = await Promise.all(Array.from({ length: end }, (_, offset) => topic.get(0, offset)));
      expect(byOffset.flatMap((record) => record?.value ?? [])).toEqual(committed);
      for (let from = 0; from < end; from++) {
        const rest = valuesOf(await topic.all({ partition: 0, from }));
        expect(rest).toEqual(byOffset.slice(from).flatMap((record) => record?.value ?? []));
      }
      log = await log.restart();
    }
    await log.close();
  });
});
