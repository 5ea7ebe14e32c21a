/** The coordinator, state by state, with a clock in hand. */
import { describe, expect, it } from "vitest";
import { BatchBuilder } from "../../../src/format/batch-builder.ts";
import { TestClock } from "../../../src/testing/clock.ts";
import { errorOf, FOLDER, openEngine, rebootEngine, reopenEngine } from "../engines.ts";
import { committedValues, openWorld, TestProducer, TIMEOUT_MS, told, transactionalBatch } from "./producers.ts";

describe("a transaction", () => {
  it("is seen when it is committed, in every partition at once", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a", "b");
    await producer.send("bills", 0, "c");
    const [orders, bills] = [engine.topic("orders").partition(0), engine.topic("bills").partition(0)];
    expect(producer.state).toBe("Ongoing");
    expect([orders.lastStableOffset, orders.highWatermark, bills.lastStableOffset]).toEqual([0, 2, 0]);
    expect([...committedValues(orders), ...committedValues(bills)]).toEqual([]);
    await producer.commit();
    expect(producer.state).toBe("CompleteCommit");
    expect([committedValues(orders), committedValues(bills)]).toEqual([["a", "b"], ["c"]]);
    expect([orders.lastStableOffset, orders.endOffset, bills.endOffset]).toEqual([3, 3, 2]);
    await engine.close();
  });

  it("is not seen when it is aborted", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await producer.abort();
    await producer.send("orders", 0, "b");
    await producer.commit();
    const orders = engine.topic("orders").partition(0);
    expect(told(orders)).toEqual(["a", "abort 0/0", "b", "commit 0/0"]);
    expect(committedValues(orders)).toEqual(["b"]);
    expect(orders.abortedTransactions(0, 4)).toMatchObject([{ producerId: 0, firstOffset: 0, lastOffset: 1 }]);
    await engine.close();
  });

  it("marks every partition that was added, also one without a record, and no other", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.add("orders", 0, 1);
    await producer.commit();
    const { partitions } = engine.topic("orders");
    expect([...partitions, engine.topic("bills").partition(0)].map((one) => told(one!))).toEqual([
      ["commit 0/0"],
      ["commit 0/0"],
      [],
    ]);
    await engine.close();
  });

  it("ends for one producer while another's stays open: readers stop at that", async () => {
    const { engine } = await openWorld();
    const [slow, fast] = [await TestProducer.init(engine, "slow"), await TestProducer.init(engine, "fast")];
    await fast.send("orders", 0, "a");
    await slow.send("orders", 0, "b");
    await fast.commit();
    const orders = engine.topic("orders").partition(0);
    expect([orders.lastStableOffset, committedValues(orders)]).toEqual([1, ["a"]]);
    await slow.commit();
    expect(committedValues(orders)).toEqual(["a", "b"]);
    await engine.close();
  });

  it("has ended when a batch of it comes again, which is answered with where it stands", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a", "b");
    await producer.commit();
    const orders = engine.topic("orders").partition(0);
    const send = (baseSequence: number, ...values: string[]) => {
      return orders.append(transactionalBatch(producer.identity, baseSequence, values));
    };
    expect([send(0, "a", "b"), orders.endOffset]).toEqual([0, 3]);
    expect(await errorOf(() => send(2, "c"))).toMatchObject({ code: "VARVE_TRANSACTION_STATE" });
    await engine.close();
  });

  it("is all that its producer may write there while it is open", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    const send = (index: number, baseSequence: number) => {
      const builder = new BatchBuilder();
      builder.append(null, "b", undefined, 1);
      return engine
        .topic("orders")
        .partition(index)
        .append(builder.seal({ ...producer.identity, baseSequence }));
    };
    expect(await errorOf(() => send(0, 1))).toMatchObject({ code: "VARVE_TRANSACTION_STATE" });
    expect(send(1, 0)).toBe(0);
    await producer.commit();
    await engine.close();
  });

  it("goes on without a topic that is deleted, and with one of that name only when it is added", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await producer.send("bills", 0, "b");
    await engine.deleteTopic("orders");
    const orders = (await engine.createTopic("orders")).partition(0);
    expect((await errorOf(() => producer.append("orders", 0, "c"))).code).toBe("VARVE_TRANSACTION_STATE");
    await producer.commit();
    expect([told(orders), committedValues(engine.topic("bills").partition(0))]).toEqual([[], ["b"]]);
    await engine.close();
  });

  it("whose first records are deleted holds readers at the log start, and no further back", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a", "b", "c");
    const orders = engine.topic("orders").partition(0);
    await orders.deleteRecordsBefore(2);
    expect([orders.startOffset, orders.lastStableOffset]).toEqual([2, 2]);
    await producer.commit();
    expect(orders.lastStableOffset).toBe(4);
    await engine.close();
  });

  it("of a partition that is truncated meanwhile leaves nothing open there", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    const orders = engine.topic("orders").partition(0);
    await orders.truncate();
    expect([orders.startOffset, orders.lastStableOffset, orders.endOffset]).toEqual([1, 1, 1]);
    await producer.commit();
    expect([told(orders), orders.lastStableOffset]).toEqual([["commit 0/0"], 2]);
    await engine.close();
  });

  it("of a partition that is truncated meanwhile is followed by the producer's next one there", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a", "b", "c");
    const orders = engine.topic("orders").partition(0);
    await orders.truncate();
    await producer.commit();
    await producer.send("orders", 0, "d");
    await producer.commit();
    expect(committedValues(orders)).toEqual(["d"]);
    await engine.close();
  });

  it("is shown while it is open", async () => {
    const { engine, clock } = await openWorld();
    const producer = await TestProducer.init(engine, "b");
    await TestProducer.init(engine, "a");
    expect(engine.transactions.describe("b")).toMatchObject({ state: "Empty", startTimestamp: -1, topics: [] });
    const startTimestamp = clock.now();
    await producer.add("orders", 1, 0);
    await producer.send("bills", 0, "x");
    clock.advance(10);
    expect(engine.transactions.describe("b")).toEqual({
      transactionalId: "b",
      producerId: 0,
      producerEpoch: 0,
      state: "Ongoing",
      timeoutMs: TIMEOUT_MS,
      startTimestamp,
      topics: [
        { topic: "orders", partitions: [0, 1] },
        { topic: "bills", partitions: [0] },
      ],
    });
    const idsOf = (filter: Parameters<typeof engine.transactions.list>[0]) =>
      engine.transactions.list(filter).map(({ transactionalId }) => transactionalId);
    expect([idsOf({}), idsOf({ states: ["Empty"] }), idsOf({ producerIds: [0] })]).toEqual([["a", "b"], ["a"], ["b"]]);
    expect([idsOf({ durationMs: 9 }), idsOf({ durationMs: 10 })]).toEqual([["b"], []]);
    expect(engine.stats()).toMatchObject({ openTransactions: 1 });
    expect(await engine.topic("bills").describe()).toMatchObject({ partitions: [{ openTransactions: 1 }] });
    await producer.commit();
    expect(engine.stats()).toMatchObject({ openTransactions: 0 });
    expect(engine.transactions.describe("c")).toBeUndefined();
    await engine.close();
  });
});

describe("calls that do not fit", () => {
  it("are refused with the state, and one that is made again is not", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    const codes = async (call: () => unknown) => {
      const { code, retriable } = await errorOf(call);
      return [code, retriable];
    };
    const invalid = ["VARVE_TRANSACTION_STATE", false];
    expect(await codes(() => producer.commit())).toEqual(invalid);
    expect(await codes(() => producer.abort())).toEqual(invalid);
    expect(await codes(() => producer.append("orders", 0, "x"))).toEqual(invalid);
    await producer.add("orders", 0);
    expect(await codes(() => producer.append("orders", 1, "x"))).toEqual(invalid);
    await producer.commit();
    await producer.commit();
    expect(await codes(() => producer.abort())).toEqual(invalid);
    expect(await codes(() => producer.append("orders", 0, "x"))).toEqual(invalid);
    await producer.add("orders", 0);
    await producer.abort();
    await producer.abort();
    expect(await codes(() => producer.commit())).toEqual(invalid);
    expect(told(engine.topic("orders").partition(0))).toEqual(["commit 0/0", "abort 0/0"]);
    await engine.close();
  });

  it("are refused while a call before them is being written, to be made again", async () => {
    const { engine, files } = await openWorld({ durability: "power" });
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    const release = files.holdSyncs(/__transaction_state/);
    const ending = producer.commit();
    await new Promise((resolve) => setImmediate(resolve));
    const refused = [() => producer.commit(), () => producer.add("orders", 1), () => producer.append("orders", 0, "b")];
    for (const call of refused) expect((await errorOf(call)).code).toBe("VARVE_TRANSACTION_STATE");
    expect((await errorOf(() => producer.commit())).retriable).toBe(true);
    const next = TestProducer.init(engine);
    release();
    await ending;
    expect((await next).identity).toEqual({ producerId: 0, producerEpoch: 1 });
    expect(committedValues(engine.topic("orders").partition(0))).toEqual(["a"]);
    await engine.close();
  });

  it("name what is wrong with them", async () => {
    const { engine } = await openWorld();
    const { transactions } = engine;
    const producer = await TestProducer.init(engine);
    const other = { producerId: 99, producerEpoch: 0 };
    const cases: [string, () => unknown][] = [
      ["VARVE_INVALID_ARGUMENT", () => transactions.initProducerId("", 1000)],
      ["VARVE_INVALID_OPTION", () => transactions.initProducerId("x", 0)],
      ["VARVE_INVALID_OPTION", () => transactions.initProducerId("x", 900_001)],
      ["VARVE_INVALID_OPTION", () => transactions.initProducerId("x", 1.5)],
      ["VARVE_UNKNOWN_TOPIC", () => producer.add("nothing", 0)],
      ["VARVE_UNKNOWN_PARTITION", () => producer.add("orders", 2)],
      ["VARVE_INVALID_TOPIC", () => producer.add("__transaction_state", 0)],
      ["VARVE_UNKNOWN_PRODUCER", () => transactions.end("nobody", producer.identity, "commit")],
      ["VARVE_UNKNOWN_PRODUCER", () => transactions.end("tx", other, "commit")],
      ["VARVE_UNKNOWN_PRODUCER", () => new TestProducer(engine, "tx", other).append("orders", 0, "x")],
      ["VARVE_FENCED", () => transactions.end("tx", { ...producer.identity, producerEpoch: 1 }, "commit")],
    ];
    for (const [code, call] of cases) expect((await errorOf(call)).code, String(call)).toBe(code);
    expect((await errorOf(() => transactions.initProducerId("x", 0))).option).toBe("transactionTimeoutMs");
    expect(transactions.list()).toMatchObject([{ transactionalId: "tx", state: "Empty" }]);
    await engine.close();
    expect((await errorOf(() => transactions.initProducerId("x", 1))).code).toBe("VARVE_CLOSED");
  });

  it("add nothing when one of the partitions is wrong", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await errorOf(() => producer.add("orders", 0, 7));
    expect(producer.state).toBe("Empty");
    await engine.close();
  });
});

describe("initProducerId", () => {
  it("gives the next epoch, and fences the producer before", async () => {
    const { engine } = await openWorld();
    const zombie = await TestProducer.init(engine);
    const producer = await TestProducer.init(engine);
    expect([zombie.identity, producer.identity]).toEqual([
      { producerId: 0, producerEpoch: 0 },
      { producerId: 0, producerEpoch: 1 },
    ]);
    expect((await errorOf(() => zombie.add("orders", 0))).code).toBe("VARVE_FENCED");
    await engine.close();
  });

  it("aborts first what a producer left open, under an epoch of its own", async () => {
    const { engine } = await openWorld();
    const zombie = await TestProducer.init(engine);
    await zombie.send("orders", 0, "a");
    const producer = await TestProducer.init(engine);
    const orders = engine.topic("orders").partition(0);
    expect(told(orders)).toEqual(["a", "abort 0/1"]);
    expect([zombie.identity, producer.identity].map((one) => one.producerEpoch)).toEqual([0, 2]);
    const calls = [() => zombie.append("orders", 0, "b"), () => zombie.add("orders", 0), () => zombie.commit()];
    for (const call of calls) expect((await errorOf(call)).code).toBe("VARVE_FENCED");
    await producer.send("orders", 0, "c");
    await producer.commit();
    expect(committedValues(orders)).toEqual(["c"]);
    await engine.close();
  });

  it("lets go on who knows what it had, and answers again who asks again", async () => {
    const { engine } = await openWorld();
    const { transactions } = engine;
    const first = await transactions.initProducerId("tx", 1000);
    const second = await transactions.initProducerId("tx", 1000, first);
    expect(second).toEqual({ producerId: 0, producerEpoch: 1 });
    expect(await transactions.initProducerId("tx", 1000, first)).toEqual(second);
    // Somebody without knowledge takes the id: nobody that knows goes on.
    const third = await transactions.initProducerId("tx", 1000);
    for (const known of [first, second, { producerId: 7, producerEpoch: 0 }]) {
      expect((await errorOf(() => transactions.initProducerId("tx", 1000, known))).code).toBe("VARVE_FENCED");
    }
    expect(await transactions.initProducerId("tx", 1000, third)).toEqual({ producerId: 0, producerEpoch: 3 });
    await engine.close();
  });

  it("of who knows what it had aborts its own open transaction; a zombie's leaves that of the successor alone", async () => {
    const { engine } = await openWorld();
    const { transactions } = engine;
    const zombie = await TestProducer.init(engine);
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    expect((await errorOf(() => transactions.initProducerId("tx", 1000, zombie.identity))).code).toBe("VARVE_FENCED");
    expect(producer.state).toBe("Ongoing");
    expect(await transactions.initProducerId("tx", 1000, producer.identity)).toEqual({
      producerId: 0,
      producerEpoch: 3,
    });
    expect(told(engine.topic("orders").partition(0))).toEqual(["a", "abort 0/2"]);
    await engine.close();
  });

  it("gives a new producer id when the epochs are used up, the last one being kept for fencing", async () => {
    const { engine } = await openWorld();
    const { transactions } = engine;
    let last = await transactions.initProducerId("tx", 1000);
    while (last.producerEpoch < 0x7ffe) last = await transactions.initProducerId("tx", 1000);
    const producer = new TestProducer(engine, "tx", last);
    await producer.send("orders", 0, "a");
    const next = await transactions.initProducerId("tx", 1000);
    expect(next).toEqual({ producerId: 1, producerEpoch: 0 });
    expect(told(engine.topic("orders").partition(0))).toEqual(["a", `abort 0/${0x7fff}`]);
    expect((await errorOf(() => producer.commit())).code).toBe("VARVE_UNKNOWN_PRODUCER");
    expect((await errorOf(() => producer.append("orders", 0, "b"))).code).toBe("VARVE_FENCED");
    const successor = new TestProducer(engine, "tx", next);
    await successor.send("orders", 0, "c");
    await successor.commit();
    expect(committedValues(engine.topic("orders").partition(0))).toEqual(["c"]);
    await engine.close();
  });

  it("called at once by several gives each another epoch", async () => {
    const { engine } = await openWorld({ durability: "power" });
    const all = await Promise.all(Array.from({ length: 5 }, () => engine.transactions.initProducerId("tx", 1000)));
    expect(all.map(({ producerEpoch }) => producerEpoch).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(all.map(({ producerId }) => producerId))).toHaveLength(1);
    await engine.close();
  });
});

describe("time", () => {
  it("that is up aborts a transaction, and fences its producer", async () => {
    const { engine, clock, warnings } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await clock.advanceAsync(TIMEOUT_MS - 1);
    // Growing gives no more of it.
    await producer.add("orders", 1);
    expect(producer.state).toBe("Ongoing");
    await clock.advanceAsync(1);
    expect(producer.state).toBe("CompleteAbort");
    expect(warnings).toContainEqual(expect.stringContaining("longer than its timeout"));
    expect((await errorOf(() => producer.commit())).code).toBe("VARVE_FENCED");
    await engine.close();
  });

  it("is counted for each transaction from its own begin, whoever has the shortest timeout", async () => {
    const { engine, clock } = await openWorld();
    const long = await TestProducer.init(engine, "long", 50_000);
    const short = await TestProducer.init(engine, "short", 10_000);
    await long.add("orders", 0);
    await clock.advanceAsync(5_000);
    await short.add("orders", 0);
    await clock.advanceAsync(9_999);
    expect([long.state, short.state]).toEqual(["Ongoing", "Ongoing"]);
    await clock.advanceAsync(1);
    expect([long.state, short.state]).toEqual(["Ongoing", "CompleteAbort"]);
    await long.commit();
    await long.add("orders", 0);
    await clock.advanceAsync(49_999);
    expect(long.state).toBe("Ongoing");
    await clock.advanceAsync(1);
    expect(long.state).toBe("CompleteAbort");
    await engine.close();
  });

  it("on the wall may jump: it aborts nothing", async () => {
    const { engine, clock } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.add("orders", 0);
    clock.jump(10 * TIMEOUT_MS);
    await clock.advanceAsync(TIMEOUT_MS - 1);
    expect(producer.state).toBe("Ongoing");
    await engine.close();
  });

  it("that was aborted is not shown by the commit of the next one, when a power cut took what was between them", async () => {
    const { engine, clock, files, memory } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await engine.flush();
    const path = `${FOLDER}/orders-0/00000000000000000000.log`;
    const { size } = memory.stat(path)!;
    await producer.abort();
    await producer.send("orders", 0, "b");
    files.fail({ on: "write", path: /orders-0.*log$/, code: "VARVE_NO_SPACE", times: Number.POSITIVE_INFINITY });
    await producer.commit();
    expect(producer.state).toBe("PrepareCommit");
    const left = memory.clone();
    left.open(path, "write").truncate(size);
    const again = await rebootEngine({ files: left, clock });
    const orders = again.topic("orders").partition(0);
    expect(committedValues(orders)).toEqual([]);
    expect(orders.lastStableOffset).toBe(orders.endOffset);
    await again.close();
    files.clear();
    await engine.close();
  });

  it("leaves no timer behind, and what was open stays open", async () => {
    const { engine, clock, memory } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await clock.advanceAsync(TIMEOUT_MS / 2);
    const killed = memory.clone();
    await engine.close();
    expect(clock.pending).toBe(0);
    for (const files of [memory, killed]) {
      const time = new TestClock({ now: clock.now() });
      const again = await reopenEngine({ files, clock: time });
      const orders = again.topic("orders").partition(0);
      expect(orders.lastStableOffset).toBe(0);
      await time.advanceAsync(TIMEOUT_MS / 2 - 1);
      expect(told(orders)).toEqual(["a"]);
      await time.advanceAsync(1);
      expect(told(orders)).toEqual(["a", "abort 0/1"]);
      await again.close();
    }
  });

  it("without use takes a transactional id away, for good, but not one that is open", async () => {
    const WEEK = 7 * 86_400_000;
    const { engine, clock, memory } = await openWorld({ transactionMaxTimeoutMs: 2 ** 31 - 1 });
    const idle = await TestProducer.init(engine, "idle");
    await idle.send("orders", 0, "a");
    await idle.commit();
    const open = await TestProducer.init(engine, "open", 2 ** 31 - 1);
    await open.add("orders", 0);
    await clock.advanceAsync(WEEK - 1);
    expect(engine.transactions.list()).toHaveLength(2);
    await clock.advanceAsync(3_600_000);
    expect(engine.transactions.list()).toMatchObject([{ transactionalId: "open", state: "Ongoing" }]);
    expect((await errorOf(() => idle.add("orders", 0))).code).toBe("VARVE_UNKNOWN_PRODUCER");
    await engine.close();
    const again = await reopenEngine({ files: memory, clock });
    expect(again.transactions.list()).toMatchObject([{ transactionalId: "open" }]);
    await again.close();
  });
});

describe("the state log", () => {
  it("is a topic of the log's own, made by the first transactional producer, with as many partitions as asked for", async () => {
    const { engine, memory, clock } = await openWorld({ transactionsTopicPartitions: 50 });
    expect(engine.topics.has("__transaction_state")).toBe(false);
    await TestProducer.init(engine, "billing");
    const topic = engine.topic("__transaction_state");
    expect([topic.partitionCount, topic.config.cleanupPolicy, topic.isInternal]).toEqual([50, "compact", true]);
    // "billing".hashCode() in Java is -109829509; abs % 50 = 9.
    expect(topic.partition(9).endOffset).toBe(1);
    await engine.close();
    const again = await reopenEngine({ files: memory, clock });
    expect(again.transactions.list()).toMatchObject([{ transactionalId: "billing", state: "Empty" }]);
    await again.close();
  });

  it("keeps the epochs: nobody gets one that somebody had before", async () => {
    const { engine, memory, clock } = await openWorld();
    await TestProducer.init(engine);
    const killed = memory.clone();
    await engine.close();
    for (const files of [memory, killed]) {
      const again = await reopenEngine({ files, clock });
      expect((await TestProducer.init(again)).identity).toEqual({ producerId: 0, producerEpoch: 1 });
      await again.close();
    }
  });

  it("of a log that is only read is looked at and not touched", async () => {
    const { engine, memory, clock } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    const files = memory.clone();
    const reader = await openEngine({ files, clock, readOnly: true });
    await reader.transactions.ready();
    expect(reader.transactions.describe("tx")).toMatchObject({ state: "Ongoing" });
    const orders = reader.topic("orders").partition(0);
    await orders.ready();
    expect([told(orders), orders.lastStableOffset]).toEqual([["a"], 0]);
    expect((await errorOf(() => reader.transactions.initProducerId("tx", 1000))).code).toBe("VARVE_READ_ONLY");
    await reader.close();
    await engine.close();
  });
});

describe("a batch", () => {
  it("of a newer epoch than the one in force is refused as well", async () => {
    const { engine } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.add("orders", 0);
    const ahead = { ...producer.identity, producerEpoch: 5 };
    const orders = engine.topic("orders").partition(0);
    expect((await errorOf(() => orders.append(transactionalBatch(ahead, 0, ["x"])))).code).toBe("VARVE_FENCED");
    await engine.close();
  });
});
