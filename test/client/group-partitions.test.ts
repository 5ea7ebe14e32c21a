/** Several consumers of one process in one group, as applications see it. */
import { describe, expect, it } from "vitest";
import { ENGINE } from "../../src/engine/engine.ts";
import type { JoinGroupResult } from "../../src/engine/groups/requests.ts";
import { writeSubscription } from "../../src/format/consumer-protocol.ts";
import { type Consumer, hasCode, type Topic } from "../../src/index.ts";
import { createTestLog, type TestLog } from "../../src/testing/index.ts";
import { isPending, settle, take, valuesOf } from "./reading.ts";

async function topicOf(log: TestLog, partitions: number, name = "t"): Promise<Topic<number>> {
  const topic = await log.createTopic<number>(name, { partitions });
  for (let value = 0; value < partitions * 10; value++) await topic.send({ partition: value % partitions, value });
  return topic;
}

/** Reads for ever, and remembers what it has read and what it was told. */
function read(consumer: Consumer<number>) {
  const values: number[] = [];
  const events: string[] = [];
  consumer.on("assigned", (partitions) => events.push(`+${partitions.map(({ partition }) => partition).sort()}`));
  consumer.on("revoked", (partitions) => events.push(`-${partitions.map(({ partition }) => partition).sort()}`));
  const done = (async () => {
    for await (const record of consumer) values.push(Number(record.value));
  })();
  return { values, events, done, consumer };
}

/** A member of the wire. Resolves when it has joined. */
function outsider(log: TestLog, protocols: readonly string[]): Promise<JoinGroupResult> {
  const metadata = writeSubscription({ topics: ["t"], userData: null, ownedPartitions: [], generationId: -1 });
  return log[ENGINE].coordinator.joinGroup({
    groupId: "g",
    memberId: "",
    groupInstanceId: null,
    clientId: "outsider",
    clientHost: "/127.0.0.1",
    sessionTimeoutMs: 600_000,
    rebalanceTimeoutMs: 600_000,
    protocolType: "consumer",
    protocols: protocols.map((name) => ({ name, metadata })),
    requiresKnownMemberId: false,
    canSkipAssignment: true,
  });
}

const partitionsOf = (consumer: Consumer<number>) => consumer.assignment.map(({ partition }) => partition).sort();

describe("members of a group", () => {
  it("share the partitions, and every record is read once", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 6);
    const members = [read(topic.consumer({ group: "g" }))];
    await settle();
    expect(members[0].values).toHaveLength(60);
    for (let more = 0; more < 2; more++) members.push(read(topic.consumer({ group: "g" })));
    await settle();
    await settle();
    expect(members.map(({ consumer }) => consumer.assignment.length)).toEqual([2, 2, 2]);
    for (let value = 60; value < 120; value++) await topic.send({ partition: value % 6, value });
    await settle();
    const all = members.flatMap(({ values }) => values).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 120 }, (_, value) => value));
    await log.close();
    expect(log.clock.pending).toBe(0);
  });

  it("keep what they keep while they rebalance, and give up only what goes", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 4);
    const first = read(topic.consumer({ group: "g" }));
    await settle();
    const second = read(topic.consumer({ group: "g" }));
    await settle();
    await settle();
    expect(first.events).toEqual(["+0,1,2,3", expect.stringMatching(/^-\d,\d$/)]);
    expect(second.events).toEqual([expect.stringMatching(/^\+\d,\d$/)]);
    expect([...partitionsOf(first.consumer), ...partitionsOf(second.consumer)].sort()).toEqual([0, 1, 2, 3]);
    await log.close();
  });

  it("take over where one has left, with what it had in hand", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 2);
    const first = topic.consumer({ group: "g" });
    const taken = await take(first, 5);
    await first.close();
    const second = read(topic.consumer({ group: "g" }));
    await settle();
    const values = [...valuesOf(taken.slice(0, 4)), ...second.values].sort((a, b) => Number(a) - Number(b));
    expect(values).toEqual(Array.from({ length: 20 }, (_, value) => value));
    await log.close();
  });

  it("rebalance only between records: what is in hand stays in hand until the next one is asked for", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 2);
    const first = topic.consumer({ group: "g" });
    const records = first[Symbol.asyncIterator]();
    await records.next();
    const second = read(topic.consumer({ group: "g" }));
    await settle();
    expect(partitionsOf(first)).toEqual([0, 1]);
    expect(second.values).toEqual([]);
    await records.next();
    await settle();
    await records.next();
    await settle();
    expect(first.assignment).toHaveLength(1);
    expect(second.consumer.assignment).toHaveLength(1);
    await log.close();
  });

  it("that have joined already give up what they have when somebody comes who knows no cooperation", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 4);
    const [busy, stuck] = [topic.consumer({ group: "g" }), topic.consumer({ group: "g" })];
    const [records, stuckRecords] = [busy[Symbol.asyncIterator](), stuck[Symbol.asyncIterator]()];
    await records.next();
    const inHand = stuckRecords.next();
    for (let i = 0; i < 2; i++) {
      await settle();
      await records.next();
    }
    await inHand;
    expect([busy, stuck].map(({ assignment }) => assignment.length)).toEqual([2, 2]);

    // The first outsider makes the group rebalance, which waits for the one that is stuck; the second comes late.
    outsider(log, ["cooperative-sticky", "range"]);
    await settle();
    await records.next();
    await settle();
    const late = outsider(log, ["range"]);
    await settle();
    const asked = [records.next(), stuckRecords.next()];
    const first = await late;
    expect(first.protocolName).toBe("range");
    const claimed = [busy, stuck].map(({ assignment }) => assignment.length);
    expect(claimed).toEqual([0, 0]);
    await log.close();
    await Promise.all(asked);
  });

  it("that stop asking are evicted: their commits are refused, the others go on", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 2);
    const stuck = topic.consumer({ group: "g", maxPollIntervalMs: 1000, autoCommit: false });
    const records = stuck[Symbol.asyncIterator]();
    await records.next();
    const other = read(topic.consumer({ group: "g" }));
    await settle();
    expect(other.values).toEqual([]);
    await log.clock.advanceAsync(2000);
    await settle();
    expect(other.values).toHaveLength(20);
    const refused = await stuck.commit().catch((error) => error);
    expect(hasCode(refused, "VARVE_FENCED")).toBe(true);
    // Asking again makes it a member again.
    const next = records.next();
    await settle();
    await settle();
    expect(stuck.assignment).toHaveLength(1);
    expect(await isPending(next)).toBe(true);
    for (const partition of [0, 1]) await topic.send({ partition, value: 100 });
    expect((await next).value?.value).toBe(100);
    await log.close();
  });

  it("hear of new partitions, and of topics that match a pattern", async () => {
    const log = await createTestLog();
    await topicOf(log, 2, "logs-a");
    const consumers = [1, 2].map(() => log.consumer<number>({ topics: [/^logs-/], group: "g" }));
    const members = consumers.map(read);
    await settle();
    await settle();
    await topicOf(log, 2, "logs-b");
    await settle();
    await settle();
    await log.topic("logs-a").addPartitions(4);
    await settle();
    await settle();
    expect(consumers.map(({ assignment }) => assignment.length)).toEqual([3, 3]);
    expect(members.flatMap(({ values }) => values)).toHaveLength(40);
    await log.close();
  });

  it("more than there are partitions wait for one", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 1);
    const first = read(topic.consumer({ group: "g" }));
    const second = read(topic.consumer({ group: "g" }));
    await settle();
    await settle();
    expect([first, second].map(({ consumer }) => consumer.assignment.length).sort()).toEqual([0, 1]);
    const [owner, idle] = first.consumer.assignment.length ? [first, second] : [second, first];
    await owner.consumer.close();
    await settle();
    expect(partitionsOf(idle.consumer)).toEqual([0]);
    await topic.send({ value: 10 });
    await settle();
    expect(idle.values).toEqual([10]);
    await log.close();
  });

  it("that begin at the latest lose nothing when a partition changes hands", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 2);
    const first = read(topic.consumer({ group: "g", from: "latest" }));
    await settle();
    await first.consumer.close();
    await topic.send({ partition: 0, value: 100 });
    const second = read(topic.consumer({ group: "g", from: "latest" }));
    await settle();
    expect([...first.values, ...second.values]).toEqual([100]);
    await log.close();
  });

  it("come and go while others produce, and no record is lost", async () => {
    const log = await createTestLog();
    const topic = await topicOf(log, 5);
    const members: ReturnType<typeof read>[] = [];
    let sent = 50;
    for (let round = 0; round < 30; round++) {
      if (round % 3 === 0) members.push(read(topic.consumer({ group: "g" })));
      if (round % 4 === 3) await members[round % members.length].consumer.close();
      for (let i = 0; i < 20; i++, sent++) await topic.send({ partition: sent % 5, value: sent });
      await settle();
    }
    members.push(read(topic.consumer({ group: "g" })));
    await settle();
    await settle();
    const seen = new Set(members.flatMap(({ values }) => values));
    expect(seen.size).toBe(sent);
    await log.close();
  });
});
