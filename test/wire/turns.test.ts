/** Requests that name very many partitions: the listener goes on with others meanwhile. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import type { Api, RequestOf } from "../../src/wire/api.ts";
import { Broker } from "../../src/wire/broker.ts";
import { dispatch } from "../../src/wire/dispatch.ts";
import type { Caller } from "../../src/wire/handler.ts";
import { resolveListenOptions } from "../../src/wire/listen-options.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Fetch } from "../../src/wire/messages/01-fetch.ts";
import { ListOffsets } from "../../src/wire/messages/02-list-offsets.ts";
import { Metadata } from "../../src/wire/messages/03-metadata.ts";
import { CreateTopics } from "../../src/wire/messages/19-create-topics.ts";
import { DeleteTopics } from "../../src/wire/messages/20-delete-topics.ts";
import { CreatePartitions } from "../../src/wire/messages/37-create-partitions.ts";
import { IncrementalAlterConfigs } from "../../src/wire/messages/44-incremental-alter-configs.ts";
import { requestFrame } from "./wire-client.ts";

const COUNT = 5000;

let engine: Engine;
let broker: Broker;

beforeAll(async () => {
  engine = await Engine.open(":memory:");
  await engine.createTopic("t");
  broker = new Broker(engine, resolveListenOptions({ port: 0 }, engine));
});

afterAll(() => engine.close());

const caller: Caller = {
  clientHost: "/127.0.0.1",
  isEnding: false,
  onEnding: () => () => {},
  fetchSession: undefined,
};

const waiting = { maxWaitMs: 0, minBytes: 1, isolationLevel: 0 };

const times = <T>(one: T): T[] => Array.from({ length: COUNT }, () => one);
const names = <T>(one: (name: string) => T): T[] => Array.from({ length: COUNT }, (_, i) => one(`x/${i}`));

/** How often others had their turn while the request was handled. */
async function turnsDuring<A extends Api>(api: A, version: number, request: Partial<RequestOf<A>>): Promise<number> {
  const frame = requestFrame(api, version, 1, request as never).subarray(4);
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await dispatch(frame, broker, caller);
  isOver = true;
  return turns;
}

it.each<[string, Api, number, object]>([
  [
    "a fetch of topics that there are not",
    Fetch,
    12,
    { ...waiting, topics: times({ topic: "x", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }] }) },
  ],
  [
    "a search by time",
    ListOffsets,
    7,
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: "t", partitions: times({ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: 1 }) }],
    },
  ],
  [
    "a produce request without a record",
    Produce,
    9,
    { acks: 1, timeoutMs: 1, topicData: [{ name: "t", partitionData: times({ index: 0, records: null }) }] },
  ],
  [
    "metadata of names that no topic can have",
    Metadata,
    9,
    { topics: names((name) => ({ name })), allowAutoTopicCreation: true },
  ],
  [
    "topics with such names to be made",
    CreateTopics,
    7,
    {
      timeoutMs: 1,
      validateOnly: false,
      topics: names((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] })),
    },
  ],
  ["topics to be deleted", DeleteTopics, 5, { timeoutMs: 1, topicNames: names((name) => name) }],
  [
    "partitions to be added",
    CreatePartitions,
    3,
    { timeoutMs: 1, validateOnly: false, topics: names((name) => ({ name, count: 2, assignments: null })) },
  ],
  [
    "configurations to be altered",
    IncrementalAlterConfigs,
    1,
    { validateOnly: false, resources: names((resourceName) => ({ resourceType: 2, resourceName, configs: [] })) },
  ],
])("%s", async (_, api, version, request) => {
  expect(await turnsDuring(api, version, request)).toBeGreaterThan(5);
});

it("ids that no topic has are not looked for among all topics each time", async () => {
  const values = vi.spyOn(engine.topics, "values");
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }];
  await turnsDuring(Fetch, 13, {
    ...waiting,
    topics: times({ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitions }),
  } as never);
  expect(values.mock.calls.length).toBeLessThan(2);
  values.mockRestore();
});
