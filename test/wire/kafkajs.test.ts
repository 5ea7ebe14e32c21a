/** A client that we did not write, on a real socket: kafkajs produces, consumes in groups and administers. */
import { type Admin, CompressionTypes, type EachMessagePayload, Kafka, logLevel, Partitioners } from "kafkajs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { Listener } from "../../src/wire/listener.ts";
import { startListener } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let kafka: Kafka;
const open: { disconnect(): Promise<void> }[] = [];

beforeEach(async () => {
  ({ engine, listener } = await startListener({ autoCreateTopics: true }));
  kafka = new Kafka({ clientId: "test", brokers: [listener.address], logLevel: logLevel.NOTHING });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.disconnect()));
  await engine.close();
});

async function admin(): Promise<Admin> {
  const client = kafka.admin();
  open.push(client);
  await client.connect();
  return client;
}

async function producer(options: Parameters<Kafka["producer"]>[0] = {}) {
  const client = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
  open.push(client);
  await client.connect();
  return client;
}

/** Resolves with what the group has read, once it is `count`. */
async function consume(groupId: string, topics: string[], count: number): Promise<EachMessagePayload[]> {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 200, maxWaitTimeInMs: 200 });
  open.push(consumer);
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  const seen: EachMessagePayload[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async (payload: EachMessagePayload) => {
      seen.push(payload);
      if (seen.length === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  return seen;
}

describe("producing", () => {
  it.each([CompressionTypes.None, CompressionTypes.GZIP])(
    "with compression %s, and reading it back",
    async (compression) => {
      const client = await producer();
      const messages = Array.from({ length: 100 }, (_, i) => ({
        key: `k${i}`,
        value: `value ${i}`,
        headers: { h: String(i) },
      }));
      const [result] = await client.send({ topic: "orders", compression, messages });
      expect(result).toMatchObject({ topicName: "orders", partition: 0, errorCode: 0, baseOffset: "0" });
      const seen = await consume("g", ["orders"], messages.length);
      expect(seen.map(({ message }) => message.value?.toString())).toEqual(messages.map(({ value }) => value));
      expect(seen[7].message.headers?.h?.toString()).toBe("7");
      expect(seen[99].message.offset).toBe("99");
    },
  );

  it("as an idempotent producer, whose sequences are taken", async () => {
    const client = await producer({ idempotent: true });
    for (let i = 0; i < 3; i++) await client.send({ topic: "t", messages: [{ value: `a${i}` }, { value: `b${i}` }] });
    expect(engine.topic("t").partition(0).endOffset).toBe(6);
    expect(engine.topic("t").partition(0).read(0, 1000, 6)[0].producerId).toBeGreaterThanOrEqual(0);
  });

  it("without acknowledgement", async () => {
    const client = await producer();
    await client.send({ topic: "t", acks: 0, messages: [{ value: "1" }] });
    await client.send({ topic: "t", acks: 1, messages: [{ value: "2" }] });
    expect(engine.topic("t").partition(0).endOffset).toBe(2);
  });
});

describe("groups", () => {
  it("two members share the partitions, and go on where they stopped", async () => {
    await engine.createTopic("orders", { partitions: 4 });
    const client = await producer();
    const send = (from: number) =>
      client.send({
        topic: "orders",
        messages: Array.from({ length: 40 }, (_, i) => ({ value: String(from + i), partition: i % 4 })),
      });
    await send(0);
    const first = await consume("g", ["orders"], 40);
    expect(new Set(first.map(({ message }) => message.value?.toString())).size).toBe(40);
    const second = kafka.consumer({ groupId: "g", heartbeatInterval: 200, maxWaitTimeInMs: 200 });
    open.push(second);
    await second.connect();
    await second.subscribe({ topics: ["orders"] });
    const values: string[] = [];
    const joined = new Promise<Record<string, number[]>>((resolve) => {
      second.on(second.events.GROUP_JOIN, ({ payload }) => resolve(payload.memberAssignment));
    });
    let enough = () => {};
    const got = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const eachMessage = async ({ message }: EachMessagePayload) => {
      values.push(String(message.value));
      if (values.length === 20) enough();
    };
    await second.run({ eachMessage });
    expect((await joined).orders).toHaveLength(2);
    await send(100);
    await got;
    expect(values.every((value) => Number(value) >= 100)).toBe(true);
  });

  it("are described, listed and deleted", async () => {
    const client = await admin();
    await (await producer()).send({ topic: "t", messages: [{ value: "1" }, { value: "2" }] });
    await consume("g", ["t"], 2);
    expect((await client.describeGroups(["g"])).groups[0]).toMatchObject({
      state: "Stable",
      protocol: "RoundRobinAssigner",
    });
    await open.pop()?.disconnect();
    expect(await client.fetchOffsets({ groupId: "g", topics: ["t"] })).toEqual([
      { topic: "t", partitions: [{ partition: 0, offset: "2", metadata: null }] },
    ]);
    expect((await client.listGroups()).groups).toContainEqual({ groupId: "g", protocolType: expect.any(String) });
    expect((await client.describeGroups(["g"])).groups[0]).toMatchObject({ groupId: "g", state: "Empty", members: [] });
    expect(await client.deleteGroups(["g"])).toMatchObject([{ groupId: "g", errorCode: 0 }]);
    expect((await client.listGroups()).groups).toEqual([]);
  });
});

describe("administration", () => {
  it("topics are made, described, grown, configured and deleted", async () => {
    const client = await admin();
    const topics = [{ topic: "t", numPartitions: 2, configEntries: [{ name: "retention.ms", value: "60000" }] }];
    expect(await client.createTopics({ topics })).toBe(true);
    expect(await client.createTopics({ topics })).toBe(false);
    expect(await client.listTopics()).toEqual(["t"]);
    await client.createPartitions({ topicPartitions: [{ topic: "t", count: 5 }] });
    expect((await client.fetchTopicMetadata({ topics: ["t"] })).topics[0].partitions).toHaveLength(5);
    const described = await client.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: "t" }] });
    const entries = described.resources[0].configEntries;
    expect(entries.find(({ configName }) => configName === "retention.ms")).toMatchObject({ configValue: "60000" });
    expect(engine.topic("t").config.codec).toBe("bytes");
    await client.deleteTopics({ topics: ["t"] });
    expect(await client.listTopics()).toEqual([]);
  });

  it("offsets are found by time", async () => {
    const client = await admin();
    const messages = [100, 200, 300].map((timestamp) => ({ value: "v", timestamp: String(timestamp) }));
    const sender = await producer();
    for (const message of messages) await sender.send({ topic: "t", messages: [message] });
    expect(await client.fetchTopicOffsets("t")).toEqual([{ partition: 0, offset: "3", high: "3", low: "0" }]);
    expect(await client.fetchTopicOffsetsByTimestamp("t", 150)).toEqual([{ partition: 0, offset: "1" }]);
  });

  it("the cluster is one broker", async () => {
    const { brokers, controller, clusterId } = await (await admin()).describeCluster();
    expect(brokers).toEqual([{ nodeId: 1, host: "127.0.0.1", port: listener.port }]);
    expect({ controller, clusterId }).toEqual({ controller: 1, clusterId: engine.clusterId });
  });
});
