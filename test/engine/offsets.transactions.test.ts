/** Offsets that are committed in a transaction: they count from its commit on, also after a reopen. */
import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { KAFKA_ERRORS } from "../../src/engine/kafka-errors.ts";
import { append, errorOf, reopenEngine } from "./engines.ts";
import { openWorld, TestProducer, told } from "./transactions/producers.ts";

const GROUP = "g";
const at = (offset: number, partition = 0) => ({ topic: "orders", partition, offset });

async function opened(options = {}) {
  const world = await openWorld(options);
  for (const partition of world.engine.topic("orders").partitions) append(partition!, "a", "b", "c", "d");
  const producer = await TestProducer.init(world.engine);
  return { ...world, producer };
}

async function commitIn(producer: TestProducer, ...entries: ReturnType<typeof at>[]): Promise<void> {
  await producer.addOffsets(GROUP);
  await producer.engine.coordinator.commitInTransaction(producer.id, producer.identity, GROUP, entries);
}

const committed = (engine: Engine, partition = 0) => engine.offsets.committed(GROUP, "orders", partition)?.offset;

async function fetched(engine: Engine, requireStable: boolean) {
  const topics = [{ name: "orders", partitions: [0, 1] }];
  const answer = await engine.coordinator.fetchOffsets({ groupId: GROUP, topics, requireStable });
  return answer.topics[0].partitions.map(({ offset, errorCode }) => [offset, errorCode]);
}

describe("offsets in a transaction", () => {
  it("count when it is committed, and wake who watches", async () => {
    const { engine, producer } = await opened();
    await commitIn(producer, at(2), { ...at(3, 1), leaderEpoch: 0, metadata: "note" } as never);
    expect([committed(engine), committed(engine, 1)]).toEqual([undefined, undefined]);
    expect(engine.offsets.groups()).toEqual([]);
    const woken: string[] = [];
    engine.offsets.watch((group) => woken.push(group));
    await producer.commit();
    expect([committed(engine), committed(engine, 1), woken]).toEqual([2, 3, [GROUP]]);
    expect(engine.offsets.committed(GROUP, "orders", 1)).toMatchObject({ metadata: "note", leaderEpoch: 0 });
    await engine.close();
  });

  it("are dropped when it is aborted, by the producer, its successor or its timeout", async () => {
    const { engine, producer, clock } = await opened();
    await engine.offsets.commit(GROUP, [at(1)]);
    await commitIn(producer, at(2));
    await producer.abort();
    await commitIn(producer, at(3));
    const next = await TestProducer.init(engine);
    await commitIn(next, at(4));
    await clock.advanceAsync(60_000);
    expect(next.state).toBe("CompleteAbort");
    expect([committed(engine), engine.offsets.isPending(GROUP, "orders", 0)]).toEqual([1, false]);
    await engine.close();
  });

  it("are unstable to who asks for that, until then", async () => {
    const { engine, producer } = await opened();
    await engine.offsets.commit(GROUP, [at(1), at(1, 1)]);
    await commitIn(producer, at(2));
    const { NONE, UNSTABLE_OFFSET_COMMIT } = KAFKA_ERRORS;
    expect(await fetched(engine, false)).toEqual([
      [1, NONE],
      [1, NONE],
    ]);
    expect(await fetched(engine, true)).toEqual([
      [-1, UNSTABLE_OFFSET_COMMIT],
      [1, NONE],
    ]);
    await producer.commit();
    expect(await fetched(engine, true)).toEqual([
      [2, NONE],
      [1, NONE],
    ]);
    await engine.close();
  });

  it("stand where they were written: a commit behind them wins, and so does a tombstone", async () => {
    const { engine, producer, memory, clock } = await opened();
    await commitIn(producer, at(2), at(2, 1));
    await engine.offsets.commit(GROUP, [at(3)]);
    await engine.offsets.delete(GROUP, [{ topic: "orders", partition: 1 }]);
    await producer.commit();
    expect([committed(engine), committed(engine, 1)]).toEqual([3, undefined]);
    await engine.close();
    const again = await reopenEngine({ files: memory, clock });
    await again.offsets.ready();
    expect([committed(again), committed(again, 1)]).toEqual([3, undefined]);
    await again.close();
  });

  it("of a topic that is deleted meanwhile say nothing of one that gets its name", async () => {
    const { engine, producer, memory, clock } = await opened();
    await commitIn(producer, at(4));
    await engine.deleteTopic("orders");
    await engine.createTopic("orders");
    await producer.commit();
    expect(committed(engine)).toBeUndefined();
    await engine.close();
    const again = await reopenEngine({ files: memory, clock });
    await again.offsets.ready();
    expect(committed(again)).toBeUndefined();
    await again.close();
  });

  it("are still pending after a reopen, and end there as the transaction does", async () => {
    const { engine, producer, memory, clock } = await opened();
    await engine.offsets.commit(GROUP, [at(1)]);
    await commitIn(producer, at(3));
    const killed = memory.clone();
    await engine.close();
    for (const [files, outcome] of [
      [memory, "commit"],
      [killed, "abort"],
    ] as const) {
      const again = await reopenEngine({ files, clock });
      await again.offsets.ready();
      expect([committed(again), again.offsets.isPending(GROUP, "orders", 0)]).toEqual([1, true]);
      // A client of the wire comes back and goes on.
      await again.transactions.end(producer.id, producer.identity, outcome);
      expect(committed(again)).toBe(outcome === "commit" ? 3 : 1);
      await again.close();
      const third = await reopenEngine({ files, clock });
      await third.offsets.ready();
      expect([committed(third), third.offsets.isPending(GROUP, "orders", 0)]).toEqual([
        outcome === "commit" ? 3 : 1,
        false,
      ]);
      await third.close();
    }
  });

  it("are a batch of the transaction, in the group's partition, with its marker behind", async () => {
    const { engine, producer } = await opened({ offsetsTopicPartitions: 50 });
    await producer.addOffsets("billing");
    await engine.coordinator.commitInTransaction(producer.id, producer.identity, "billing", [at(1)]);
    // "billing".hashCode() in Java is -109829509; abs % 50 = 9.
    const partition = engine.topic("__consumer_offsets").partition(9);
    const [batch] = partition.read(0, 1024, 1);
    expect(batch).toMatchObject({ ...producer.identity, isTransactional: true, baseSequence: 0 });
    await producer.commit();
    expect(told(partition).at(-1)).toBe("commit 0/0");
    await engine.close();
  });

  it("several times in one transaction are all taken, the last counts", async () => {
    const { engine, producer } = await opened();
    await commitIn(producer, at(1));
    await commitIn(producer, at(3));
    await commitIn(producer, at(2));
    await producer.commit();
    expect(committed(engine)).toBe(2);
    await engine.close();
  });
});

describe("a commit in a transaction is refused", () => {
  it("of a producer that is not the one in force, or has not added the group", async () => {
    const { engine, producer } = await opened();
    const { coordinator } = engine;
    const commit = (who = producer, id = producer.id) =>
      coordinator.commitInTransaction(id, who.identity, GROUP, [at(1)]);
    expect((await errorOf(() => commit())).code).toBe("VARVE_TRANSACTION_STATE");
    await producer.add("bills", 0);
    expect((await errorOf(() => commit())).code).toBe("VARVE_TRANSACTION_STATE");
    expect((await errorOf(() => commit(producer, "other"))).code).toBe("VARVE_UNKNOWN_PRODUCER");
    await TestProducer.init(engine);
    expect((await errorOf(() => commit())).code).toBe("VARVE_FENCED");
    await engine.close();
  });

  it("of a member that the group went on without; from outside it is taken", async () => {
    const { engine, producer } = await opened();
    const joined = await engine.coordinator.joinGroup({
      groupId: GROUP,
      memberId: "",
      groupInstanceId: null,
      clientId: "c",
      clientHost: "in-process",
      sessionTimeoutMs: null,
      rebalanceTimeoutMs: 1000,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      requiresKnownMemberId: false,
      canSkipAssignment: false,
    });
    const { memberId, generationId: generation } = joined;
    const who = { groupId: GROUP, memberId, generationId: generation, groupInstanceId: null };
    await engine.coordinator.syncGroup({ ...who, protocolType: null, protocolName: null, assignments: [] });
    await producer.addOffsets(GROUP);
    const commit = (member?: { memberId: string; generation: number }) =>
      engine.coordinator.commitInTransaction(producer.id, producer.identity, GROUP, [at(1)], member);
    for (const member of [
      { memberId, generation: generation - 1 },
      { memberId: "stranger", generation },
    ]) {
      expect((await errorOf(() => commit(member))).code).toBe("VARVE_FENCED");
    }
    await commit({ memberId, generation });
    await commit();
    await producer.commit();
    expect(committed(engine)).toBe(1);
    await engine.close();
  });

  it("past the end, or for a partition that is not there", async () => {
    const { engine, producer } = await opened();
    await producer.addOffsets(GROUP);
    const commit = (entry: ReturnType<typeof at>) =>
      engine.coordinator.commitInTransaction(producer.id, producer.identity, GROUP, [entry]);
    expect((await errorOf(() => commit(at(5)))).code).toBe("VARVE_OFFSET_OUT_OF_RANGE");
    expect((await errorOf(() => commit(at(1, 2)))).code).toBe("VARVE_UNKNOWN_PARTITION");
    await engine.close();
  });
});
