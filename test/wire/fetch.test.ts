/** Reading over the wire: bounds, limits, waiting, sessions, isolation, epochs, and bytes that are the log's own. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { Input } from "../../src/format/schema.ts";
import { TestClock } from "../../src/testing/clock.ts";
import type { Listener, ListenOptions } from "../../src/wire/listener.ts";
import { Fetch } from "../../src/wire/messages/01-fetch.ts";
import { ListOffsets } from "../../src/wire/messages/02-list-offsets.ts";
import { OffsetForLeaderEpoch } from "../../src/wire/messages/23-offset-for-leader-epoch.ts";
import { batchOf, startListener, until, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let client: WireClient;
let clock: TestClock;

async function start(options: ListenOptions = {}): Promise<void> {
  clock = new TestClock();
  ({ engine, listener } = await startListener(options, { clock }));
  client = await WireClient.connect(listener.port);
}

beforeEach(() => start());

afterEach(async () => {
  client.close();
  await engine.close();
});

type Asked = Partial<Input<(typeof Fetch)["request"]>>;
type AskedPartition = Partial<Input<(typeof Fetch)["request"]>["topics"][number]["partitions"][number]>;

const of = (topic: string, ...partitions: AskedPartition[]) => ({
  topic,
  partitions: partitions.map((one, partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20, ...one })),
});

const fetch = (request: Asked, version = 12, by = client) =>
  by.call(Fetch, version, { maxWaitMs: 0, minBytes: 1, isolationLevel: 0, topics: [], ...request });

const one = async (request: AskedPartition, options: Asked = {}, version = 12) =>
  (await fetch({ topics: [of("t", request)], ...options }, version)).responses[0].partitions[0];

async function topicWith(name: string, batches: readonly string[][], partitions = 1): Promise<void> {
  const topic = await engine.createTopic(name, { partitions });
  for (const values of batches) append(topic.name, values);
}

function append(name: string, values: readonly string[], partition = 0): void {
  const bytes = batchOf(values);
  const sealed = { bytes, start: 0, end: bytes.length, recordCount: values.length, maxTimestamp: 1_700_000_000_000 };
  engine.topic(name).partition(partition).append(sealed);
}

const sizeOf = (values: readonly string[]) => batchOf(values).length;

describe("one partition", () => {
  beforeEach(() => topicWith("t", [["a", "b"], ["c"], ["d"]]));

  it.each([4, 5, 6, 7, 8, 9, 10, 11, 12])("is read in version %i, byte for byte as it is stored", async (version) => {
    const { errorCode, highWatermark, records } = await one({}, {}, version);
    expect({ errorCode, highWatermark }).toEqual({ errorCode: 0, highWatermark: 4 });
    const batches = engine
      .topic("t")
      .partition(0)
      .read(0, 1 << 20, 4);
    const stored = batches.map(({ bytes, at, sizeInBytes }) => bytes.subarray(at, at + sizeInBytes));
    expect(Buffer.compare(records!, Buffer.concat(stored))).toBe(0);
  });

  it("is read from the batch that holds the offset", async () => {
    const { records } = await one({ fetchOffset: 1 });
    expect(records).toHaveLength(sizeOf(["a", "b"]) + sizeOf(["c"]) + sizeOf(["d"]));
    expect((await one({ fetchOffset: 2 })).records).toHaveLength(sizeOf(["c"]) + sizeOf(["d"]));
  });

  it("ends at the high watermark; past it is out of range", async () => {
    expect(await one({ fetchOffset: 4 })).toMatchObject({ errorCode: 0, records: new Uint8Array(0) });
    expect(await one({ fetchOffset: 5 })).toMatchObject({ errorCode: 1, highWatermark: 4, logStartOffset: 0 });
    await engine.topic("t").partition(0).deleteRecordsBefore(2);
    expect(await one({ fetchOffset: 1 })).toMatchObject({ errorCode: 1, logStartOffset: 2 });
  });

  it("gives no more than was asked for, but one batch always", async () => {
    const two = sizeOf(["a", "b"]);
    expect((await one({ partitionMaxBytes: two + sizeOf(["c"]) })).records).toHaveLength(two + sizeOf(["c"]));
    expect((await one({ partitionMaxBytes: two + sizeOf(["c"]) - 1 })).records).toHaveLength(two);
    expect((await one({ partitionMaxBytes: 1 })).records).toHaveLength(two);
    expect((await one({}, { maxBytes: 1 })).records).toHaveLength(two);
  });

  it("that there is not has an error", async () => {
    const { responses } = await fetch({ topics: [of("nowhere", {}), of("t", {}, {})] });
    expect(responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([3, 0, 3]);
  });
});

describe("several partitions", () => {
  it("share the bytes in their order", async () => {
    await topicWith("t", [], 3);
    for (const partition of [0, 1, 2]) append("t", ["x".repeat(100)], partition);
    const size = sizeOf(["x".repeat(100)]);
    const { responses } = await fetch({ topics: [of("t", {}, {}, {})], maxBytes: 2 * size });
    expect(responses[0].partitions.map(({ records }) => records!.length)).toEqual([size, size, 0]);
    const { responses: less } = await fetch({ topics: [of("t", {}, {}, {})], maxBytes: size + 10 });
    expect(less[0].partitions.map(({ records }) => records!.length)).toEqual([size, 0, 0]);
  });
});

describe("waiting", () => {
  beforeEach(() => topicWith("t", [], 2));

  /** Resolves when the request waits: it has set its timer. */
  const waiting = async (request: Asked = {}) => {
    const before = clock.pending;
    const answer = fetch({ topics: [of("t", {}, {})], maxWaitMs: 500, ...request });
    let isAnswered = false;
    answer.then(
      () => {
        isAnswered = true;
      },
      () => {},
    );
    await until(() => clock.pending > before);
    return { answer, isAnswered: () => isAnswered };
  };

  it("ends with an append to any of the partitions", async () => {
    const { answer } = await waiting();
    append("t", ["a"], 1);
    expect((await answer).responses[0].partitions[1].records).toHaveLength(sizeOf(["a"]));
  });

  it("ends when there are enough bytes", async () => {
    const { answer, isAnswered } = await waiting({ minBytes: 2 * sizeOf(["a"]) });
    append("t", ["a"], 0);
    await turns();
    expect(isAnswered()).toBe(false);
    append("t", ["a"], 1);
    const { responses } = await answer;
    expect(responses[0].partitions.map(({ records }) => records!.length)).toEqual([sizeOf(["a"]), sizeOf(["a"])]);
  });

  it("ends when the time is over", async () => {
    const { answer, isAnswered } = await waiting();
    clock.advance(499);
    await turns();
    expect(isAnswered()).toBe(false);
    clock.advance(1);
    expect((await answer).responses[0].partitions[0]).toMatchObject({ errorCode: 0, records: new Uint8Array(0) });
  });

  it("takes no longer than a connection may be silent: nobody may be there any more", async () => {
    const { answer } = await waiting({ maxWaitMs: 0x7fff_ffff });
    clock.advance(600_000);
    expect((await answer).responses[0].partitions[0].errorCode).toBe(0);
  });

  it("ends when the topic is deleted", async () => {
    const { answer } = await waiting();
    await engine.deleteTopic("t");
    expect((await answer).responses[0].partitions[0].errorCode).toBe(3);
  });

  it("ends when the listener closes, with an answer", async () => {
    const { answer } = await waiting();
    await listener.close();
    expect((await answer).responses[0].partitions[0].errorCode).toBe(0);
  });

  it("leaves nothing behind when the client goes", async () => {
    const before = clock.pending;
    const other = await WireClient.connect(listener.port);
    const idle = clock.pending - before;
    const answer = fetch({ topics: [of("t", {})], maxWaitMs: 500 }, 12, other);
    answer.catch(() => {});
    await until(() => clock.pending > before + idle);
    other.close();
    await until(() => clock.pending === before);
  });
});

describe("topics by id, from version 13 on,", () => {
  beforeEach(() => topicWith("t", [["a"]]));

  const byId = (topicId: string, request: Asked = {}) => {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }];
    return fetch({ topics: [{ topicId, partitions }], ...request }, 13);
  };

  it("are answered by id", async () => {
    const { id } = engine.topic("t");
    const [{ topicId, partitions }] = (await byId(id)).responses;
    expect(topicId).toBe(id);
    expect(partitions).toMatchObject([{ partitionIndex: 0, errorCode: 0, highWatermark: 1 }]);
    expect(partitions[0].records).toHaveLength(sizeOf(["a"]));
  });

  it("are unknown once they are deleted, also when there is another one of the name", async () => {
    const { id } = engine.topic("t");
    await byId(id);
    await engine.deleteTopic("t");
    await topicWith("t", [["b"]]);
    const [{ topicId, partitions }] = (await byId(id)).responses;
    expect(topicId).toBe(id);
    expect(partitions).toMatchObject([{ errorCode: 100, highWatermark: -1 }]);
    const [{ partitions: ofNew }] = (await byId(engine.topic("t").id)).responses;
    expect(ofNew).toMatchObject([{ errorCode: 0, highWatermark: 1 }]);
  });

  it("stay so in a session", async () => {
    const { id } = engine.topic("t");
    const { sessionId } = await byId(id, { sessionEpoch: 0 });
    expect(await fetch({ sessionId, sessionEpoch: 1 }, 12)).toMatchObject({ errorCode: 106, responses: [] });
    append("t", ["b"]);
    const next = await fetch({ sessionId, sessionEpoch: 1 }, 13);
    expect(next).toMatchObject({ errorCode: 0, responses: [{ topicId: id }] });
    const forgotten = { forgottenTopicsData: [{ topicId: id, partitions: [0] }] };
    append("t", ["c"]);
    expect((await fetch({ sessionId, sessionEpoch: 2, ...forgotten }, 13)).responses).toEqual([]);
  });
});

describe("sessions", () => {
  beforeEach(async () => {
    await topicWith("t", [], 3);
    append("t", ["a"], 0);
  });

  const open = async () => (await fetch({ sessionEpoch: 0, topics: [of("t", {}, {}, {})] })).sessionId;
  const next = (sessionId: number, sessionEpoch: number, request: Asked = {}) =>
    fetch({ sessionId, sessionEpoch, ...request });
  const partitionsOf = ({ responses }: Awaited<ReturnType<typeof fetch>>) =>
    responses.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex));

  it("answer everything first, then what is new", async () => {
    const first = await fetch({ sessionEpoch: 0, topics: [of("t", {}, {}, {})] });
    expect(partitionsOf(first)).toEqual([0, 1, 2]);
    const moved = { topics: [of("t", { fetchOffset: 1 })] };
    expect(partitionsOf(await next(first.sessionId, 1, moved))).toEqual([]);
    append("t", ["b"], 2);
    const third = await next(first.sessionId, 2);
    expect(partitionsOf(third)).toEqual([2]);
    expect(third.sessionId).toBe(first.sessionId);
  });

  it("forget what they are told to", async () => {
    const id = await open();
    const forgottenTopicsData = [{ topic: "t", partitions: [0, 2] }];
    expect(partitionsOf(await next(id, 1, { forgottenTopicsData }))).toEqual([]);
    append("t", ["b"], 1);
    append("t", ["b"], 2);
    expect(partitionsOf(await next(id, 2))).toEqual([1]);
  });

  it("read last what gave records", async () => {
    const id = await open();
    append("t", ["b"], 1);
    expect(partitionsOf(await next(id, 1))).toEqual([1, 0]);
  });

  it("count: another epoch or another id is an error, and the session stays", async () => {
    const id = await open();
    expect(await next(id, 2)).toMatchObject({ errorCode: 71, responses: [] });
    expect(await next(id + 1, 1)).toMatchObject({ errorCode: 70, responses: [] });
    expect(await next(id, 1)).toMatchObject({ errorCode: 0 });
  });

  it("end with epoch −1", async () => {
    const id = await open();
    expect(await next(id, -1, { topics: [of("t", {})] })).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(await next(id, 1)).toMatchObject({ errorCode: 70 });
  });

  it("are of their connection alone", async () => {
    const id = await open();
    const other = await WireClient.connect(listener.port);
    expect(await fetch({ sessionId: id, sessionEpoch: 1 }, 12, other)).toMatchObject({ errorCode: 70 });
    other.close();
  });
});

describe("isolation", () => {
  it("read_committed stops at an open transaction and names the aborted ones", async () => {
    await topicWith("t", [["plain"]]);
    const producer = await engine.transactions.initProducerId("tx", 60_000);
    await engine.transactions.addPartitions("tx", producer, [{ topic: "t", partition: 0 }]);
    const builder = new BatchBuilder();
    builder.append("k", "v", undefined, 0);
    engine
      .topic("t")
      .partition(0)
      .append(builder.seal({ ...producer, baseSequence: 0, isTransactional: true }));
    const committed = await one({}, { isolationLevel: 1 });
    expect(committed).toMatchObject({ highWatermark: 2, lastStableOffset: 1, abortedTransactions: [] });
    expect(committed.records).toHaveLength(sizeOf(["plain"]));
    expect((await one({})).records!.length).toBeGreaterThan(sizeOf(["plain"]));
    await engine.transactions.end("tx", producer, "abort");
    const after = await one({}, { isolationLevel: 1 });
    const aborted = { producerId: producer.producerId, firstOffset: 1 };
    expect(after).toMatchObject({ lastStableOffset: 3, abortedTransactions: [aborted] });
    expect(await one({})).toMatchObject({ abortedTransactions: null });
  });
});

describe("offsets and epochs", () => {
  beforeEach(() => topicWith("t", [["a", "b"], ["c"]]));

  it("are found by name and by time", async () => {
    const offsetOf = async (timestamp: number, version = 7) => {
      const topics = [{ name: "t", partitions: [{ partitionIndex: 0, timestamp, currentLeaderEpoch: -1 }] }];
      const found = await client.call(ListOffsets, version, { replicaId: -1, isolationLevel: 0, topics });
      const { errorCode, offset, timestamp: at } = found.topics[0].partitions[0];
      return [errorCode, offset, at];
    };
    expect(await offsetOf(-2)).toEqual([0, 0, -1]);
    expect(await offsetOf(-1, 1)).toEqual([0, 3, -1]);
    expect(await offsetOf(-3)).toEqual([0, 0, 1_700_000_000_000]);
    expect(await offsetOf(5)).toEqual([0, 0, 1_700_000_000_000]);
    expect(await offsetOf(1_800_000_000_000)).toEqual([0, -1, -1]);
    expect(await offsetOf(-4)).toEqual([35, -1, -1]);
  });

  it("a client that knows another leader epoch is told", async () => {
    expect(await one({ currentLeaderEpoch: 0 })).toMatchObject({ errorCode: 0 });
    expect(await one({ currentLeaderEpoch: 1 })).toMatchObject({ errorCode: 75 });
  });

  it("the end of an epoch", async () => {
    const endOf = async (leaderEpoch: number) => {
      const topics = [{ topic: "t", partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }] }];
      const { errorCode, ...end } = (await client.call(OffsetForLeaderEpoch, 4, { topics })).topics[0].partitions[0];
      return [errorCode, end.leaderEpoch, end.endOffset];
    };
    expect(await endOf(0)).toEqual([0, 0, 3]);
    expect(await endOf(1)).toEqual([0, -1, -1]);
  });
});

/** Lets everything run that is due. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}
