/**
 * Transactions over the wire: every call answered as Kafka answers it, in every version. What the coordinator decides
 * is tested with it.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { Listener } from "../../src/wire/listener.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Fetch } from "../../src/wire/messages/01-fetch.ts";
import { OffsetFetch } from "../../src/wire/messages/09-offset-fetch.ts";
import { FindCoordinator } from "../../src/wire/messages/10-find-coordinator.ts";
import { InitProducerId } from "../../src/wire/messages/22-init-producer-id.ts";
import { AddPartitionsToTxn } from "../../src/wire/messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxn } from "../../src/wire/messages/25-add-offsets-to-txn.ts";
import { EndTxn } from "../../src/wire/messages/26-end-txn.ts";
import { TxnOffsetCommit } from "../../src/wire/messages/28-txn-offset-commit.ts";
import { DescribeTransactions } from "../../src/wire/messages/65-describe-transactions.ts";
import { ANSWERS_OF_KAFKA, transactionSession } from "./transaction-session.ts";
import { batchOf, startListener, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let client: WireClient;

beforeEach(async () => {
  ({ engine, listener } = await startListener());
  client = await WireClient.connect(listener.port);
});

afterEach(async () => {
  client.close();
  await engine.close();
});

const versions = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

it("a session is answered call by call as Kafka does", async () => {
  expect(await transactionSession(listener.port)).toEqual(ANSWERS_OF_KAFKA);
});

async function begin(version = 4) {
  const request = { transactionalId: "tx", transactionTimeoutMs: 60_000 };
  const { errorCode, producerId, producerEpoch } = await client.call(InitProducerId, version, request);
  expect(errorCode).toBe(0);
  return { producerId, producerEpoch };
}

type Identity = Awaited<ReturnType<typeof begin>>;

async function add({ producerId, producerEpoch }: Identity, version = 3, name = "t"): Promise<number> {
  const answer = await client.call(AddPartitionsToTxn, version, {
    v3AndBelowTransactionalId: "tx",
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name, partitions: [0] }],
  });
  return answer.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode;
}

async function produce(producer: Identity, version = 9): Promise<number> {
  const records = batchOf(["a"], { ...producer, baseSequence: 0, isTransactional: true });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  const answer = await client.call(Produce, version, { transactionalId: "tx", acks: -1, timeoutMs: 1000, topicData });
  return answer.responses[0].partitionResponses[0].errorCode;
}

async function end(producer: Identity, committed: boolean, version = 4): Promise<number> {
  return (await client.call(EndTxn, version, { transactionalId: "tx", ...producer, committed })).errorCode;
}

describe("a transaction", () => {
  beforeEach(() => engine.createTopic("t", { partitions: 1 }));

  it.each(versions(0, 4))("begins with InitProducerId %i", async (version) => {
    expect((await begin(version)).producerEpoch).toBe(0);
    expect((await begin(version)).producerEpoch).toBe(1);
  });

  it.each(versions(0, 3))("takes partitions with AddPartitionsToTxn %i", async (version) => {
    expect(await add(await begin(), version)).toBe(0);
    expect(engine.transactions.describe("tx")).toMatchObject({
      state: "Ongoing",
      topics: [{ topic: "t", partitions: [0] }],
    });
  });

  it.each(versions(3, 11))("takes batches with Produce %i", async (version) => {
    const producer = await begin();
    await add(producer);
    expect(await produce(producer, version)).toBe(0);
    expect(engine.topic("t").partition(0)).toMatchObject({ endOffset: 1, lastStableOffset: 0 });
  });

  it.each(versions(0, 4))("commits offsets with AddOffsetsToTxn and TxnOffsetCommit %i", async (version) => {
    const producer = await begin();
    const who = { transactionalId: "tx", ...producer, groupId: "g" };
    expect((await client.call(AddOffsetsToTxn, version, who)).errorCode).toBe(0);
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "m" }];
    const asked = { ...who, memberId: "", topics: [{ name: "t", partitions }] };
    const answer = await client.call(TxnOffsetCommit, version, asked);
    expect(answer.topics).toEqual([{ name: "t", partitions: [{ partitionIndex: 0, errorCode: 0 }] }]);
    await engine.offsets.ready();
    expect(engine.offsets.committed("g", "t", 0)).toBeUndefined();
    expect(await end(producer, true)).toBe(0);
    expect(engine.offsets.committed("g", "t", 0)).toMatchObject({ offset: 3, metadata: "m" });
  });

  it.each([7, 8, 9])("keeps those who want stable offsets waiting, with OffsetFetch %i", async (version) => {
    const producer = await begin();
    const who = { transactionalId: "tx", ...producer, groupId: "g" };
    await client.call(AddOffsetsToTxn, 3, who);
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "m" }];
    await client.call(TxnOffsetCommit, 3, { ...who, memberId: "", topics: [{ name: "t", partitions }] });
    const topics = [{ name: "t", partitionIndexes: [0] }];
    const asked = version < 8 ? { groupId: "g", topics } : { groups: [{ groupId: "g", topics }] };
    const fetched = async (requireStable: boolean) => {
      const answer = await client.call(OffsetFetch, version, { ...asked, requireStable });
      return (version < 8 ? answer.topics : answer.groups[0].topics)[0].partitions[0];
    };
    expect(await fetched(true)).toMatchObject({ errorCode: 88, committedOffset: -1 });
    expect(await fetched(false)).toMatchObject({ errorCode: 0, committedOffset: -1 });
    await end(producer, true);
    expect(await fetched(true)).toMatchObject({ errorCode: 0, committedOffset: 3 });
  });

  it.each(versions(0, 4))("ends with EndTxn %i, and a fetch that waits is woken by that", async (version) => {
    const producer = await begin();
    await add(producer);
    await produce(producer);
    const reader = await WireClient.connect(listener.port);
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }];
    const fetching = reader.call(Fetch, 11, { maxWaitMs: 60_000, minBytes: 1, isolationLevel: 1, topics });
    expect(await end(producer, version % 2 === 0, version)).toBe(0);
    const [{ partitions }] = (await fetching).responses;
    const aborted = version % 2 === 0 ? [] : [{ producerId: producer.producerId, firstOffset: 0 }];
    expect(partitions[0]).toMatchObject({ lastStableOffset: 2, abortedTransactions: aborted });
    reader.close();
  });

  it("takes no internal topic", async () => {
    const producer = await begin();
    expect(await add(producer, 3, "__transaction_state")).toBe(29);
  });

  it("is refused while the log closes, and whoever asks is sent elsewhere", async () => {
    const producer = await begin();
    await engine.close();
    await expect(add(producer)).rejects.toThrow("the connection was closed");
  });
});

it.each(versions(1, 4))(
  "FindCoordinator %i finds that of transactional ids here, and none of share groups",
  async (version) => {
    const found = async (keyType: number) => {
      const answer = await client.call(FindCoordinator, version, { key: "tx", keyType, coordinatorKeys: ["tx"] });
      return version < 4 ? answer : answer.coordinators[0];
    };
    expect(await found(1)).toMatchObject({ errorCode: 0, nodeId: 1, host: "127.0.0.1", port: listener.port });
    expect(await found(2)).toMatchObject({ errorCode: 42, nodeId: -1 });
  },
);

it("what nobody has begun is not there", async () => {
  const answer = await client.call(DescribeTransactions, 0, { transactionalIds: ["nobody"] });
  expect(answer.transactionStates).toMatchObject([{ transactionalId: "nobody", errorCode: 105 }]);
});
