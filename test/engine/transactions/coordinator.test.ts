/** The coordinator, state by state, with a clock in hand. */
import { describe, expect, it } from "vitest";
import { TestClock } from "../../../src/testing/clock.ts";
import { errorOf, reopenEngine } from "../engines.ts";
import { committedValues, openWorld, TestProducer, TIMEOUT_MS, told } from "./producers.ts";

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

  it("of a producer that died is aborted when the next one takes the id, and that one is fenced", async () => {
    const { engine } = await openWorld();
    const zombie = await TestProducer.init(engine);
    await zombie.send("orders", 0, "a");
    const producer = await TestProducer.init(engine);
    const orders = engine.topic("orders").partition(0);
    expect(told(orders)).toEqual(["a", "abort 0/1"]);
    expect([zombie.identity, producer.identity].map((one) => one.producerEpoch)).toEqual([0, 2]);
    expect((await errorOf(() => zombie.append("orders", 0, "b"))).code).toBe("VARVE_FENCED");
    expect((await errorOf(() => zombie.add("orders", 0))).code).toBe("VARVE_FENCED");
    expect((await errorOf(() => zombie.commit())).code).toBe("VARVE_FENCED");
    await engine.close();
  });

  it("that takes too long is aborted", async () => {
    const { engine, clock } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await clock.advanceAsync(TIMEOUT_MS - 1);
    expect(producer.state).toBe("Ongoing");
    await clock.advanceAsync(1);
    expect(producer.state).toBe("CompleteAbort");
    expect((await errorOf(() => producer.commit())).code).toBe("VARVE_FENCED");
    await engine.close();
  });

  it("is still open after kill -9, and times out there", async () => {
    const { engine, clock, memory } = await openWorld();
    const producer = await TestProducer.init(engine);
    await producer.send("orders", 0, "a");
    await clock.advanceAsync(TIMEOUT_MS / 2);
    const killed = memory.clone();
    await engine.close();
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
});
