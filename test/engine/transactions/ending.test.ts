/** Ending a transaction on a disk that fails, at both levels of durability, and what an open makes of one that was not ended. */
import { describe, expect, it } from "vitest";
import { Engine } from "../../../src/engine/engine.ts";
import { hasCode } from "../../../src/errors.ts";
import type { MemoryFiles } from "../../../src/storage/memory-files.ts";
import { append, errorOf, FOLDER, identity, rebootEngine, reopenEngine } from "../engines.ts";
import { committedValues, openWorld, TestProducer, told } from "./producers.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function opened(durability: "process" | "power" = "process") {
  const world = await openWorld({ durability });
  append(world.engine.topic("orders").partition(1), "a", "b");
  const producer = await TestProducer.init(world.engine);
  await producer.send("orders", 0, "x");
  await producer.send("bills", 0, "y");
  await producer.addOffsets("g");
  const entries = [{ topic: "orders", partition: 1, offset: 2 }];
  await world.engine.coordinator.commitInTransaction(producer.id, producer.identity, "g", entries);
  const [orders, bills] = [world.engine.topic("orders").partition(0), world.engine.topic("bills").partition(0)];
  const committed = () => world.engine.offsets.committed("g", "orders", 1)?.offset;
  return { ...world, producer, orders, bills, committed };
}

const isFull = (error: unknown) => hasCode(error, "VARVE_NO_SPACE");

describe("a disk that is full", () => {
  it.each(["commit", "abort"] as const)("for any one write of a %s leaves all of it or nothing", async (outcome) => {
    for (let nth = 1; ; nth++) {
      const { engine, files, clock, producer, orders, bills, committed } = await opened();
      const restore = files.fail({ on: "write", code: "VARVE_NO_SPACE", nth });
      const writes = files.counts.write;
      const end = () => producer[outcome]();
      const isRefused = await end().then(() => false, isFull);
      restore();
      const isDone = files.counts.write - writes < nth;
      // Nothing was decided: it is still open, and ends when asked again.
      if (isRefused) expect(producer.state).toBe("Ongoing");
      if (isRefused) await end();
      await clock.advanceAsync(1000);
      expect(producer.state).toBe(outcome === "commit" ? "CompleteCommit" : "CompleteAbort");
      const isCommit = outcome === "commit";
      expect([committedValues(orders), committedValues(bills)]).toEqual(isCommit ? [["x"], ["y"]] : [[], []]);
      expect([orders.openTransactions, bills.openTransactions, committed()]).toEqual([
        [],
        [],
        isCommit ? 2 : undefined,
      ]);
      expect(engine.health().ok).toBe(true);
      await engine.close();
      if (isDone) return;
    }
  });

  it("for one marker does not undo the decision: the others are written, and that one is tried again", async () => {
    const { engine, files, clock, producer, orders, bills, committed } = await opened();
    files.fail({ on: "write", code: "VARVE_NO_SPACE", path: /bills-0/, times: Number.POSITIVE_INFINITY });
    await producer.commit();
    expect(producer.state).toBe("PrepareCommit");
    expect([orders.openTransactions, bills.openTransactions.length, committed()]).toEqual([[], 1, 2]);
    expect(engine.health()).toMatchObject({ ok: false, stuckTransactions: [{ transactionalId: "tx" }] });
    const busy = await errorOf(() => producer.add("orders", 0));
    expect([busy.code, busy.retriable, isFull(busy.cause)]).toEqual(["VARVE_TRANSACTION_STATE", true, true]);
    expect((await errorOf(() => TestProducer.init(engine))).code).toBe("VARVE_TRANSACTION_STATE");
    await clock.advanceAsync(5000);
    expect(producer.state).toBe("PrepareCommit");
    files.clear();
    await clock.advanceAsync(1000);
    expect([producer.state, committedValues(bills), engine.health().ok]).toEqual(["CompleteCommit", ["y"], true]);
    // The one marker was not written twice.
    expect(told(orders)).toEqual(["x", "commit 0/0"]);
    await engine.close();
  });

  it("is no hurdle for a successor once there is room", async () => {
    const { engine, files, producer, bills } = await opened();
    files.fail({ on: "write", code: "VARVE_NO_SPACE", path: /bills-0/ });
    await producer.commit();
    const next = await TestProducer.init(engine);
    expect(next.identity.producerEpoch).toBe(1);
    expect(told(bills)).toEqual(["y", "commit 0/0"]);
    await engine.close();
  });

  it("when a transaction begins leaves it as it was", async () => {
    const { engine, files } = await openWorld();
    const producer = await TestProducer.init(engine);
    files.fail({ on: "write", code: "VARVE_NO_SPACE" });
    expect(isFull(await errorOf(() => producer.add("orders", 0)))).toBe(true);
    expect([producer.state, engine.stats().openTransactions]).toEqual(["Empty", 0]);
    await producer.send("orders", 0, "x");
    await producer.commit();
    expect(told(engine.topic("orders").partition(0))).toEqual(["x", "commit 0/0"]);
    await engine.close();
  });
});

describe('at "power"', () => {
  it("the records are synced before the decision, the decision before the markers, the markers before the end", async () => {
    const { engine, files, producer, orders } = await opened("power");
    const state = engine.topic("__transaction_state").partition(0);
    const [decided, marked] = [state.endOffset + 1, orders.endOffset + 1];
    // Unsynced bytes of a partition that has been left waiting.
    producer.append("orders", 0, "z");
    const records = files.holdSyncs(/orders-0/);
    let isOver = false;
    const ending = producer.commit().then(() => {
      isOver = true;
    });
    await turn();
    expect(state.endOffset).toBe(decided - 1);
    const decision = files.holdSyncs(/__transaction_state/);
    records();
    await until(() => state.endOffset === decided);
    await turn();
    expect(orders.endOffset).toBe(marked);
    const markers = files.holdSyncs(/orders-0/);
    decision();
    await until(() => orders.endOffset === marked + 1);
    await turn();
    expect([state.endOffset, isOver]).toEqual([decided, false]);
    markers();
    await ending;
    expect([state.endOffset, orders.lastStableOffset]).toEqual([decided + 1, marked + 1]);
    await engine.close();
  });

  it("a transaction over both levels is as durable as its strongest partition", async () => {
    const { engine } = await openWorld();
    await engine.topic("bills").alterConfig({ durability: "power" });
    const producer = await TestProducer.init(engine);
    await producer.add("orders", 0);
    const state = engine.topic("__transaction_state").partition(0);
    expect(state.durableOffset).toBeLessThan(state.endOffset);
    await producer.add("bills", 0);
    expect(state.durableOffset).toBe(state.endOffset);
    producer.append("orders", 0, "x");
    producer.append("bills", 0, "y");
    await producer.commit();
    const orders = engine.topic("orders").partition(0);
    expect(orders.durableOffset).toBe(orders.endOffset);
    await engine.close();
  });

  it("records that cannot be synced are not committed: the next open aborts them", async () => {
    const { engine, files, memory, clock, producer } = await opened("power");
    producer.append("orders", 0, "z");
    files.fail({ on: "sync", path: /orders-0/, code: "VARVE_IO" });
    expect((await errorOf(() => producer.commit())).code).toBe("VARVE_POISONED");
    expect(producer.state).toBe("Ongoing");
    await producer.abort();
    expect([producer.state, engine.health().stuckTransactions.length]).toEqual(["PrepareAbort", 1]);
    await engine.close().catch(() => {});
    const again = await reopenEngine({ files: memory, clock, durability: "power" });
    expect(again.transactions.describe("tx")).toMatchObject({ state: "CompleteAbort" });
    const [orders, bills] = [again.topic("orders").partition(0), again.topic("bills").partition(0)];
    for (const partition of [orders, bills]) await partition.ready();
    expect([committedValues(orders), committedValues(bills)]).toEqual([[], []]);
    expect(again.health().ok).toBe(true);
    await again.close();
  });
});

describe("an open", () => {
  it("completes what was decided, and writes no marker twice", async () => {
    const { engine, files, memory, clock, producer } = await opened();
    files.fail({ on: "write", code: "VARVE_NO_SPACE", path: /bills-0/, times: Number.POSITIVE_INFINITY });
    await producer.commit();
    const killed = memory.clone();
    files.clear();
    await engine.close();
    for (const files of [memory, killed]) {
      const again = await reopenEngine({ files, clock });
      expect(again.transactions.describe("tx")).toMatchObject({ state: "CompleteCommit" });
      const [orders, bills] = [again.topic("orders").partition(0), again.topic("bills").partition(0)];
      for (const partition of [orders, bills]) await partition.ready();
      expect([told(orders), told(bills)]).toEqual([
        ["x", "commit 0/0"],
        ["y", "commit 0/0"],
      ]);
      await again.offsets.ready();
      expect(again.offsets.committed("g", "orders", 1)?.offset).toBe(2);
      await again.close();
    }
  });

  it("after the death of the machine aborts what was open: records of it may be gone", async () => {
    const { engine, memory, clock } = await opened();
    const image = memory.clone();
    await engine.close();
    const again = await rebootEngine({ files: image, clock });
    expect(again.transactions.describe("tx")).toMatchObject({ state: "CompleteAbort", producerEpoch: 1 });
    expect(told(again.topic("orders").partition(0))).toEqual(["x", "abort 0/1"]);
    await again.close();
  });

  it.each(["clean", "killed"])("aborts what nobody knows of, where the state log is lost (%s)", async (how) => {
    const { engine, memory, clock } = await opened();
    const image = how === "killed" ? memory.clone() : memory;
    await engine.close();
    loseStateLog(image);
    const warnings: string[] = [];
    const again = await reopenEngine({ files: image, clock, logger: { warn: (message) => warnings.push(message) } });
    const orders = again.topic("orders").partition(0);
    await orders.ready();
    expect([told(orders), orders.lastStableOffset]).toEqual([["x", "abort 0/0"], 2]);
    expect(warnings).toContainEqual(expect.stringContaining("of which nobody knows"));
    await again.close();
  });

  it("takes epochs from the partitions where the state log is behind them", async () => {
    const { engine, memory, clock } = await openWorld();
    let producer = await TestProducer.init(engine);
    const state = engine.topic("__transaction_state").partition(0);
    await state.flush();
    const size = memory.stat(`${FOLDER}/__transaction_state-0/00000000000000000000.log`)!.size;
    for (let round = 0; round < 3; round++) producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "x");
    await producer.commit();
    await producer.send("orders", 0, "y");
    const image = memory.clone();
    await engine.close();
    cut(image, `${FOLDER}/__transaction_state-0/00000000000000000000.log`, size);
    const again = await rebootEngine({ files: image, clock });
    const orders = again.topic("orders").partition(0);
    expect(told(orders)).toEqual(["x", "commit 0/3", "y", "abort 0/3"]);
    // It is known from then on, also when this process is killed before anybody asks.
    const killed = image.clone();
    const restarted = identity(4, { bootId: "boot-2" });
    for (const engine of [again, await Engine.open(FOLDER, { files: killed, clock, identity: restarted })]) {
      expect((await TestProducer.init(engine)).identity).toEqual({ producerId: 0, producerEpoch: 4 });
      await engine.close();
    }
  });

  it("does not commit the records of an aborted transaction with the decision on the next one", async () => {
    const { engine, memory, clock } = await openWorld();
    const producer = await TestProducer.init(engine);
    const orders = `${FOLDER}/orders-0/00000000000000000000.log`;
    const states = `${FOLDER}/__transaction_state-0/00000000000000000000.log`;
    await producer.send("orders", 0, "x");
    const beforeMarker = memory.stat(orders)!.size;
    await producer.abort();
    await producer.send("orders", 0, "y");
    await producer.send("bills", 0, "z");
    const beforeDecision = memory.stat(states)!.size;
    await producer.commit();
    const decided = beforeDecision + sizeOfBatchAt(memory, states, beforeDecision);
    const images = [memory.clone(), memory.clone()];
    await engine.close();
    // The same decision, on a partition that has lost its end, and on one that has not.
    cut(images[0], orders, beforeMarker);
    for (const [index, expected] of [[], ["y"]].entries()) {
      cut(images[index], states, decided);
      const again = await rebootEngine({ files: images[index], clock });
      expect(again.transactions.describe("tx")).toMatchObject({ state: "CompleteCommit" });
      expect(committedValues(again.topic("orders").partition(0))).toEqual(expected);
      expect(committedValues(again.topic("bills").partition(0))).toEqual(["z"]);
      expect(again.topic("orders").partition(0).openTransactions).toEqual([]);
      await again.close();
    }
  });

  it("commits what is left of a transaction whose first records the log start has passed", async () => {
    const { engine, memory, clock } = await openWorld({ durability: "power" });
    const log = (await engine.createTopic("small", { segmentBytes: 200 })).partition(0);
    const producer = await TestProducer.init(engine);
    await producer.send("small", 0, "x");
    for (let i = 0; i < 10; i++) append(log, "plain".padEnd(100));
    await producer.send("small", 0, "y");
    await log.flush();
    await log.deleteRecordsBefore(10);
    const states = `${FOLDER}/__transaction_state-0/00000000000000000000.log`;
    const decision = memory.stat(states)!.size;
    const last = memory.list(`${FOLDER}/small-0`)!.findLast((name) => name.endsWith(".log"))!;
    const beforeMarker = memory.stat(`${FOLDER}/small-0/${last}`)!.size;
    await producer.commit();
    const image = memory.clone();
    await engine.close();
    cut(image, states, decision + sizeOfBatchAt(image, states, decision));
    cut(image, `${FOLDER}/small-0/${last}`, beforeMarker);
    // What the snapshots knew of its beginning is lost as well.
    for (const name of image.list(`${FOLDER}/small-0`)!) {
      if (name.endsWith(".snapshot")) image.remove(`${FOLDER}/small-0/${name}`);
    }
    const again = await rebootEngine({ files: image, clock });
    const small = again.topic("small").partition(0);
    expect(told(small).at(-1)).toBe("commit 0/0");
    expect(committedValues(small)).toContain("y");
    await again.close();
  });

  it("does not commit the records of the next transaction with the decision on the one before", async () => {
    const { engine, memory, clock } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "x");
    const path = `${FOLDER}/__transaction_state-0/00000000000000000000.log`;
    const ongoing = memory.stat(path)!.size;
    clock.advance(1);
    await producer.commit();
    clock.advance(1);
    await producer.send("orders", 0, "y");
    const image = memory.clone();
    await engine.close();
    // As far as PrepareCommit: what comes behind is as long as that one and the record of the end.
    cut(image, path, ongoing + sizeOfBatchAt(image, path, ongoing));
    const again = await rebootEngine({ files: image, clock });
    const orders = again.topic("orders").partition(0);
    expect([told(orders), committedValues(orders)]).toEqual([["x", "commit 0/0", "y", "abort 0/0"], ["x"]]);
    await again.close();
  });
});

function loseStateLog(files: MemoryFiles): void {
  const folder = `${FOLDER}/__transaction_state-0`;
  for (const name of files.list(folder)!) if (/log$|index$|snapshot$/.test(name)) files.remove(`${folder}/${name}`);
}

function cut(files: MemoryFiles, path: string, size: number): void {
  const file = files.open(path, "write");
  file.truncate(size);
  file.close();
}

function sizeOfBatchAt(files: MemoryFiles, path: string, position: number): number {
  const bytes = files.read(path)!;
  return 12 + new DataView(bytes.buffer, bytes.byteOffset).getInt32(position + 8);
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1000) throw new Error(`not within a thousand turns: ${condition}`);
    await turn();
  }
}
