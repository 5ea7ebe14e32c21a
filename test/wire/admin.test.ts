/** Topics and configuration over the wire: what is done, and with which error what is not. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { Input } from "../../src/format/schema.ts";
import type { Listener, ListenOptions } from "../../src/wire/listener.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { FindCoordinator } from "../../src/wire/messages/10-find-coordinator.ts";
import { CreateTopics } from "../../src/wire/messages/19-create-topics.ts";
import { DeleteTopics } from "../../src/wire/messages/20-delete-topics.ts";
import { DescribeConfigs } from "../../src/wire/messages/32-describe-configs.ts";
import { CreatePartitions } from "../../src/wire/messages/37-create-partitions.ts";
import { IncrementalAlterConfigs } from "../../src/wire/messages/44-incremental-alter-configs.ts";
import { ListPartitionReassignments } from "../../src/wire/messages/46-list-partition-reassignments.ts";
import { DescribeCluster } from "../../src/wire/messages/60-describe-cluster.ts";
import { startListener, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let client: WireClient;

async function start(options: ListenOptions = {}): Promise<void> {
  ({ engine, listener } = await startListener(options));
  client = await WireClient.connect(listener.port);
}

beforeEach(() => start());

afterEach(async () => {
  client.close();
  await engine.close();
});

type NewTopic = Input<(typeof CreateTopics)["request"]>["topics"][number];

const newTopic = (topic: Partial<NewTopic>): NewTopic => {
  return { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic };
};

async function create(topic: Partial<NewTopic>, version = 7, validateOnly = false) {
  const { topics } = await client.call(CreateTopics, version, { topics: [newTopic(topic)], validateOnly });
  return topics[0];
}

describe("CreateTopics", () => {
  it.each([2, 3, 4, 5, 6, 7])("version %i", async (version) => {
    const configs = [{ name: "retention.ms", value: "5000" }];
    expect(await create({ numPartitions: 3, configs }, version)).toMatchObject({ name: "t", errorCode: 0 });
    const { partitionCount, config } = engine.topic("t");
    expect({ partitionCount, retentionMs: config.retentionMs }).toEqual({ partitionCount: 3, retentionMs: 5000 });
  });

  it("tells what came of it", async () => {
    const answer = await create({ numPartitions: -1, replicationFactor: -1 });
    expect(answer).toMatchObject({ topicId: engine.topic("t").id, numPartitions: 1, replicationFactor: 1 });
    expect(answer.configs).toContainEqual(
      expect.objectContaining({ name: "segment.bytes", value: "134217728", configSource: 5 }),
    );
  });

  it("only checks, where that is asked for", async () => {
    expect(await create({ numPartitions: 4 }, 7, true)).toMatchObject({ errorCode: 0, numPartitions: 4 });
    expect(await create({ name: "a/b" }, 7, true)).toMatchObject({ errorCode: 17 });
    expect(engine.topics.size).toBe(0);
  });

  it.each<[string, Partial<NewTopic>, number]>([
    ["an empty name", { name: "" }, 17],
    ["a name with a slash", { name: "a/b" }, 17],
    ["a name of 250 characters", { name: "a".repeat(250) }, 17],
    ["a device of Windows", { name: "CON" }, 17],
    ["two dots", { name: ".." }, 17],
    ["a NUL", { name: "a\0b" }, 17],
    ["a name of the log's own", { name: "__consumer_offsets" }, 17],
    ["no partitions", { numPartitions: 0 }, 37],
    ["too many partitions", { numPartitions: 2_000_000 }, 37],
    ["two replicas", { replicationFactor: 2 }, 38],
    ["an unknown config", { configs: [{ name: "retention.mss", value: "1" }] }, 40],
    ["a wrong value", { configs: [{ name: "retention.ms", value: "soon" }] }, 40],
    ["no value", { configs: [{ name: "retention.ms", value: null }] }, 40],
    ["a replica elsewhere", assigned([0, [2]]), 39],
    ["a gap between partitions", assigned([0, [1]], [2, [1]]), 39],
    ["assignments and a number", { ...assigned([0, [1]]), numPartitions: 1 }, 42],
  ])("refuses %s: error %i", async (_, topic, errorCode) => {
    expect(await create(topic)).toMatchObject({ errorCode, errorMessage: expect.any(String) });
    expect(engine.topics.size).toBe(0);
  });

  it("takes assignments to this broker, and configs of clusters that mean nothing here", async () => {
    const configs = [{ name: "min.insync.replicas", value: "2" }];
    expect(await create({ ...assigned([0, [1]], [1, [1]]), configs })).toMatchObject({
      errorCode: 0,
      numPartitions: 2,
    });
  });

  it("refuses what is there, and what is named twice", async () => {
    await create({});
    expect(await create({})).toMatchObject({ errorCode: 36 });
    const topics = [newTopic({ name: "twice" }), newTopic({ name: "twice" })];
    expect((await client.call(CreateTopics, 7, { topics, validateOnly: false })).topics).toMatchObject([
      { name: "twice", errorCode: 42 },
    ]);
  });
});

it("any replication factor is taken where that was asked for", async () => {
  client.close();
  await engine.close();
  await start({ anyReplicationFactor: true, defaultPartitions: 6 });
  expect(await create({ replicationFactor: 3, numPartitions: -1 })).toMatchObject({
    errorCode: 0,
    replicationFactor: 1,
    numPartitions: 6,
  });
  expect(await create({ name: "u", replicationFactor: 0 })).toMatchObject({ errorCode: 38 });
});

describe("DeleteTopics", () => {
  it.each([1, 2, 3, 4, 5])("by name, version %i", async (version) => {
    await create({});
    const request = { topicNames: ["t", "u"], timeoutMs: 1 };
    const { responses } = await client.call(DeleteTopics, version, request);
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["t", 0],
      ["u", 3],
    ]);
    expect(engine.topics.size).toBe(0);
  });

  it("by id", async () => {
    const { topicId } = await create({});
    const topics = [
      { name: null, topicId },
      { name: null, topicId },
    ];
    const { responses } = await client.call(DeleteTopics, 6, { topics, timeoutMs: 1 });
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["t", 0],
      [null, 100],
    ]);
  });
});

describe("CreatePartitions", () => {
  const grow = async (count: number, options: { version?: number; validateOnly?: boolean; name?: string } = {}) => {
    const { version = 3, validateOnly = false, name = "t" } = options;
    const topics = [{ name, count, assignments: null }];
    return (await client.call(CreatePartitions, version, { topics, timeoutMs: 1, validateOnly })).results[0].errorCode;
  };

  it.each([0, 1, 2, 3])("version %i", async (version) => {
    await create({});
    expect(await grow(4, { version })).toBe(0);
    expect(engine.topic("t").partitionCount).toBe(4);
  });

  it("refuses what is not more, or not there; only checks where asked", async () => {
    await create({ numPartitions: 2 });
    expect(await grow(2)).toBe(37);
    expect(await grow(2 ** 30)).toBe(37);
    expect(await grow(3, { name: "u" })).toBe(3);
    expect(await grow(3, { validateOnly: true })).toBe(0);
    expect(engine.topic("t").partitionCount).toBe(2);
  });
});

describe("configuration", () => {
  beforeEach(() => create({ configs: [{ name: "cleanup.policy", value: "compact" }] }));

  const describeTopic = async (resourceName: string, keys: string[] | null, resourceType = 2, version = 4) => {
    const resources = [{ resourceType, resourceName, configurationKeys: keys }];
    const { results } = await client.call(DescribeConfigs, version, { resources, includeSynonyms: false });
    return results[0];
  };
  const alter = async (name: string, configOperation: number, value: string | null, validateOnly = false) => {
    const configs = [{ name, configOperation, value }];
    const resources = [{ resourceType: 2, resourceName: "t", configs }];
    const { responses } = await client.call(IncrementalAlterConfigs, 1, { resources, validateOnly });
    return responses[0].errorCode;
  };

  it.each([1, 2, 3, 4])("is described in version %i", async (version) => {
    const { errorCode, configs } = await describeTopic("t", ["cleanup.policy", "retention.ms"], 2, version);
    expect(errorCode).toBe(0);
    expect(configs.map(({ name, value, configSource }) => [name, value, configSource])).toEqual([
      ["retention.ms", "-1", 5],
      ["cleanup.policy", "compact", 1],
    ]);
  });

  it("of what is not there is an error", async () => {
    expect(await describeTopic("u", null)).toMatchObject({ errorCode: 3 });
    expect(await describeTopic("7", null, 4)).toMatchObject({ errorCode: 42 });
    expect(await describeTopic("t", null, 32)).toMatchObject({ errorCode: 42 });
    const broker = await describeTopic("1", null, 4);
    expect(broker.configs).toContainEqual(expect.objectContaining({ name: "num.partitions", value: "1" }));
  });

  it("is set, deleted, appended to and subtracted from", async () => {
    const config = () => engine.topic("t").config;
    expect(await alter("retention.ms", 0, "77")).toBe(0);
    expect(config().retentionMs).toBe(77);
    expect(await alter("retention.ms", 1, null)).toBe(0);
    expect(config().retentionMs).toBe(-1);
    expect(await alter("cleanup.policy", 2, "delete")).toBe(0);
    expect(config().cleanupPolicy).toBe("compact,delete");
    expect(await alter("cleanup.policy", 3, "compact")).toBe(0);
    expect(config().cleanupPolicy).toBe("delete");
    expect(await alter("min.insync.replicas", 0, "1")).toBe(0);
  });

  it("is refused where it makes no sense, and left as it was", async () => {
    expect(await alter("retention.ms", 0, "soon")).toBe(40);
    expect(await alter("retention.ms", 0, null)).toBe(40);
    expect(await alter("retention.ms", 2, "1")).toBe(40);
    expect(await alter("retention.ms", 9, "1")).toBe(42);
    expect(await alter("nonsense", 0, "1")).toBe(40);
    expect(await alter("nonsense", 1, null)).toBe(40);
    expect(await alter("retention.ms", 0, "5", true)).toBe(0);
    expect(engine.topic("t").config.retentionMs).toBe(-1);
  });
});

describe("Metadata", () => {
  const metadata = async (topics: { name: string | null; topicId?: string }[] | null, version = 12) =>
    (await client.call(Metadata, version, { topics })).topics;

  it.each(Array.from({ length: 13 }, (_, version) => version))("of all topics, version %i", async (version) => {
    await create({ numPartitions: 2 });
    const topics = await metadata(version === 0 ? [] : null, version);
    expect(topics).toMatchObject([{ errorCode: 0, name: "t", partitions: [{ leaderId: 1 }, { partitionIndex: 1 }] }]);
  });

  it("none where none are asked for, each once where one is asked for twice", async () => {
    await create({});
    expect(await metadata([])).toEqual([]);
    expect(await metadata([{ name: "t" }, { name: "t" }])).toHaveLength(1);
  });

  it("makes no topic unless the listener may, and tells impossible names", async () => {
    expect(await metadata([{ name: "t" }, { name: "a/b" }])).toMatchObject([
      { name: "t", errorCode: 3 },
      { name: "a/b", errorCode: 17 },
    ]);
    expect(engine.topics.size).toBe(0);
  });

  it("makes topics where listener and client want it", async () => {
    const other = await startListener({ autoCreateTopics: true, defaultPartitions: 3 });
    const by = await WireClient.connect(other.listener.port);
    const no = await by.call(Metadata, 12, { topics: [{ name: "t" }], allowAutoTopicCreation: false });
    expect(no.topics).toMatchObject([{ errorCode: 3 }]);
    const yes = await by.call(Metadata, 12, { topics: [{ name: "t" }, { name: ".." }] });
    expect(yes.topics.map(({ errorCode, partitions }) => [errorCode, partitions.length])).toEqual([
      [0, 3],
      [17, 0],
    ]);
    by.close();
    await other.engine.close();
  });

  it("by id", async () => {
    const { topicId } = await create({});
    const unknown = "AAAAAAAAAAAAAAAAAAAAAQ";
    expect(
      await metadata([
        { name: null, topicId },
        { name: null, topicId: unknown },
      ]),
    ).toMatchObject([
      { errorCode: 0, name: "t" },
      { errorCode: 100, name: null, topicId: unknown },
    ]);
  });
});

describe("the cluster", () => {
  it.each([0, 1, 2, 3])("FindCoordinator %i", async (version) => {
    const answer = await client.call(FindCoordinator, version, { key: "g", keyType: 0 });
    expect(answer).toMatchObject({ errorCode: 0, nodeId: 1, host: "127.0.0.1", port: listener.port });
  });

  it("FindCoordinator 4, several groups", async () => {
    const { coordinators } = await client.call(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["a", "b"] });
    expect(coordinators.map(({ key, port }) => [key, port])).toEqual([
      ["a", listener.port],
      ["b", listener.port],
    ]);
  });

  it("DescribeCluster and ListPartitionReassignments", async () => {
    const cluster = await client.call(DescribeCluster, 0, { includeClusterAuthorizedOperations: false });
    expect(cluster).toMatchObject({ clusterId: engine.clusterId, controllerId: 1, brokers: [{ port: listener.port }] });
    const moves = await client.call(ListPartitionReassignments, 0, { topics: null });
    expect(moves).toMatchObject({ errorCode: 0, topics: [] });
  });
});

function assigned(...assignments: [partitionIndex: number, brokerIds: number[]][]): Partial<NewTopic> {
  return {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: assignments.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
  };
}
