/**
 * A session of transactions over the wire, call by call, whoever answers: what each call was answered with, without what may differ
 * between two brokers (ids, times). Calls that a broker asks to be repeated are repeated.
 */

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Infer, Input } from "../../src/format/schema.ts";
import type { Api } from "../../src/wire/api.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { Fetch } from "../../src/wire/messages/01-fetch.ts";
import { ListOffsets } from "../../src/wire/messages/02-list-offsets.ts";
import { OffsetCommit } from "../../src/wire/messages/08-offset-commit.ts";
import { OffsetFetch } from "../../src/wire/messages/09-offset-fetch.ts";
import { FindCoordinator } from "../../src/wire/messages/10-find-coordinator.ts";
import { CreateTopics } from "../../src/wire/messages/19-create-topics.ts";
import { InitProducerId } from "../../src/wire/messages/22-init-producer-id.ts";
import { AddPartitionsToTxn } from "../../src/wire/messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxn } from "../../src/wire/messages/25-add-offsets-to-txn.ts";
import { EndTxn } from "../../src/wire/messages/26-end-txn.ts";
import { TxnOffsetCommit } from "../../src/wire/messages/28-txn-offset-commit.ts";
import { DescribeProducers } from "../../src/wire/messages/61-describe-producers.ts";
import { DescribeTransactions } from "../../src/wire/messages/65-describe-transactions.ts";
import { ListTransactions } from "../../src/wire/messages/66-list-transactions.ts";
import { batchOf, WireClient } from "./wire-client.ts";

/** What Kafka 4.1.1 has answered; test/oracle holds it against a running one. */
export const ANSWERS_OF_KAFKA: readonly [what: string, answer: unknown][] = readFileSync(
  new URL("../fixtures/wire/transaction-session.ndjson", import.meta.url),
  "utf8",
)
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

export interface Identity {
  producerId: number;
  producerEpoch: number;
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, and a topic still unknown. */
const AGAIN = [14, 15, 16, 51];
const READ_COMMITTED = 1;
const READ_UNCOMMITTED = 0;
const LATEST = -1;

class Session {
  readonly answers: [what: string, answer: unknown][] = [];
  readonly client: WireClient;

  constructor(client: WireClient) {
    this.client = client;
  }

  note(what: string, answer: unknown): void {
    this.answers.push([what, answer]);
  }

  async call<A extends Api>(
    api: A,
    version: number,
    request: Input<A["request"]>,
    errorOf: (answer: Infer<A["response"]>) => number,
  ): Promise<Infer<A["response"]>> {
    for (;;) {
      const answer = await this.client.call(api, version, request);
      if (!AGAIN.includes(errorOf(answer))) return answer;
      await pause(50);
    }
  }

  async init(
    what: string,
    transactionalId: string | null,
    known: Partial<Identity> = {},
    timeoutMs = 60_000,
    version = 4,
  ) {
    const request = { transactionalId, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1, ...known };
    const { errorCode, producerId, producerEpoch } = await this.call(
      InitProducerId,
      version,
      request,
      (a) => a.errorCode,
    );
    this.note(what, { errorCode, producerEpoch });
    return { producerId, producerEpoch };
  }

  async add(
    what: string,
    id: string,
    producer: Identity,
    topics: { name: string; partitions: number[] }[],
    version = 3,
  ) {
    const request = {
      v3AndBelowTransactionalId: id,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: topics,
    };
    const first = (answer: Infer<(typeof AddPartitionsToTxn)["response"]>) =>
      answer.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode;
    const answer = await this.call(AddPartitionsToTxn, version, request, first);
    const codes = answer.resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
      resultsByPartition.map((one) => `${name}-${one.partitionIndex}: ${one.partitionErrorCode}`),
    );
    this.note(what, codes.sort());
  }

  async produce(what: string, producer: Identity, sequence: number, options: ProduceOptions = {}) {
    const { topic = "t", transactionalId = null, isTransactional = true, version = 9 } = options;
    const records = batchOf(["a", "b"], {
      timestamp: Date.now(),
      ...producer,
      baseSequence: sequence,
      isTransactional,
    });
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
    const request = { transactionalId, acks: -1, timeoutMs: 5000, topicData };
    const answer = await this.call(Produce, version, request, codeOf);
    const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
    this.note(what, { errorCode, baseOffset });

    function codeOf({ responses }: Infer<(typeof Produce)["response"]>) {
      return responses[0].partitionResponses[0].errorCode;
    }
  }

  async addOffsets(what: string, id: string, producer: Identity, group = "g", version = 3) {
    const request = { transactionalId: id, ...producer, groupId: group };
    this.note(what, (await this.call(AddOffsetsToTxn, version, request, (a) => a.errorCode)).errorCode);
  }

  async commitOffsets(what: string, id: string, producer: Identity, options: CommitOptions = {}) {
    const { offset = 7, version = 3, topic = "t", ...member } = options;
    const partitions = [
      { partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: "m" },
    ];
    const topics = [{ name: topic, partitions }];
    const request = { transactionalId: id, groupId: "g", ...producer, topics, ...member };
    const code = (answer: Infer<(typeof TxnOffsetCommit)["response"]>) => answer.topics[0].partitions[0].errorCode;
    this.note(what, code(await this.call(TxnOffsetCommit, version, request, code)));
  }

  async offset(what: string, requireStable: boolean) {
    const topics = [{ name: "t", partitionIndexes: [0] }];
    const answer = await this.client.call(OffsetFetch, 7, { groupId: "g", topics, requireStable });
    const { committedOffset, metadata, errorCode } = answer.topics[0].partitions[0];
    this.note(what, { committedOffset, metadata, errorCode });
  }

  async end(what: string, id: string, producer: Identity, committed: boolean, version = 3) {
    const request = { transactionalId: id, ...producer, committed };
    this.note(what, (await this.call(EndTxn, version, request, (a) => a.errorCode)).errorCode);
  }

  /** Where both kinds of readers stop, and what they get. */
  async read(what: string, topic = "t") {
    for (const isolationLevel of [READ_COMMITTED, READ_UNCOMMITTED]) {
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: LATEST }] }];
      const latest = await this.client.call(ListOffsets, 4, { replicaId: -1, isolationLevel, topics });
      const asked = [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }];
      const bounds = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000 };
      const answer = await this.client.call(Fetch, 11, { ...bounds, isolationLevel, topics: asked });
      const { highWatermark, lastStableOffset, abortedTransactions, records } = answer.responses[0].partitions[0];
      this.note(`${what}, isolation ${isolationLevel}`, {
        latest: latest.topics[0].partitions[0].offset,
        highWatermark,
        lastStableOffset,
        aborted: abortedTransactions?.map(({ firstOffset }) => firstOffset) ?? null,
        bytes: records?.length,
      });
    }
  }

  async describe(what: string, ...transactionalIds: string[]) {
    const code = ({ transactionStates }: Infer<(typeof DescribeTransactions)["response"]>) =>
      transactionStates[0].errorCode;
    const answer = await this.call(DescribeTransactions, 0, { transactionalIds }, code);
    const states = answer.transactionStates.map(({ producerId: _, transactionStartTimeMs: started, ...state }) => {
      const topics = state.topics.toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
      // Which partition holds a group depends on how many there are.
      const named = topics.map(({ topic, partitions }) => (topic.startsWith("__") ? topic : `${topic} ${partitions}`));
      return { ...state, topics: named, hasStarted: started > 0 };
    });
    this.note(what, states);
  }

  async list(what: string, filter: Partial<Input<(typeof ListTransactions)["request"]>>, version = 1) {
    const request = { stateFilters: [], producerIdFilters: [], ...filter };
    const answer = await this.call(ListTransactions, version, request, (a) => a.errorCode);
    const { errorCode, unknownStateFilters, transactionStates } = answer;
    const states = transactionStates.map(
      ({ transactionalId, transactionState }) => `${transactionalId} ${transactionState}`,
    );
    this.note(what, { errorCode, unknownStateFilters, states: states.sort() });
  }

  async producers(what: string, topic = "t", partition = 0) {
    const topics = [{ name: topic, partitionIndexes: [partition] }];
    const answer = await this.client.call(DescribeProducers, 0, { topics });
    const { errorCode, activeProducers } = answer.topics[0].partitions[0];
    const known = activeProducers.map(({ producerId: _, lastTimestamp: __, ...state }) => state);
    this.note(what, { errorCode, known });
  }
}

interface ProduceOptions {
  topic?: string;
  transactionalId?: string | null;
  isTransactional?: boolean;
  version?: number;
}

interface CommitOptions {
  offset?: number;
  version?: number;
  topic?: string;
  generationId?: number;
  memberId?: string;
}

/** What every call was answered with, in order. */
export async function transactionSession(port: number): Promise<[what: string, answer: unknown][]> {
  const client = await WireClient.connect(port);
  const session = new Session(client);
  try {
    await prepare(session);
    await identities(session);
    await oneTransaction(session);
    await zombies(session);
    await aborts(session);
    await groups(session);
    await wrongCalls(session);
  } finally {
    client.close();
  }
  return session.answers;
}

async function prepare({ client }: Session): Promise<void> {
  const topics = ["t", "u"].map((name) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }));
  await client.call(CreateTopics, 5, { topics, timeoutMs: 5000, validateOnly: false });
  for (const [key, keyType] of [
    ["g", 0],
    ["tx", 1],
  ] as const) {
    while ((await client.call(FindCoordinator, 2, { key, keyType })).errorCode !== 0) await pause(50);
  }
  // A topic takes its moment to be there, and so does the coordinator of groups.
  const session = new Session(client);
  for (;;) {
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: "" }];
    const request = {
      groupId: "other",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{ name: "t", partitions }],
    };
    const answer = await session.call(OffsetCommit, 8, request, (a) => a.topics[0].partitions[0].errorCode);
    if (answer.topics[0].partitions[0].errorCode === 0) return;
    await pause(50);
  }
}

async function identities(session: Session): Promise<void> {
  await session.init("an idempotent producer", null);
  await session.init("an empty transactional id", "");
  await session.init("no time for transactions", "timeless", {}, 0);
  await session.init("too much time for transactions", "eternal", {}, 900_001);
  const first = await session.init("a first producer", "id");
  const second = await session.init("a second producer of the same id", "id");
  await session.init("the second one goes on", "id", second);
  await session.init("the second one goes on again, having missed the answer", "id", second);
  await session.init("the first one goes on", "id", first);
  await session.init("the first one goes on, in version 3", "id", first, 60_000, 3);
  await session.init("somebody else's producer id", "id", { producerId: first.producerId + 1000, producerEpoch: 0 });
  await session.init("a known producer for an id that is not known", "unheard", { producerId: 5, producerEpoch: 0 });
}

async function oneTransaction(session: Session): Promise<void> {
  const producer = await session.init("tx begins", "tx");
  await session.end("commit of nothing", "tx", producer, true);
  await session.produce("a batch for a partition that was not added", producer, 0, { transactionalId: "tx" });
  await session.add("a topic that is not there keeps the others out", "tx", producer, [
    { name: "t", partitions: [0] },
    { name: "nope", partitions: [0] },
    { name: "u", partitions: [5] },
  ]);
  await session.describe("empty", "tx", "nobody");
  await session.add("t-0", "tx", producer, [{ name: "t", partitions: [0] }]);
  await session.add("t-0 again, in version 0", "tx", producer, [{ name: "t", partitions: [0] }], 0);
  await session.produce("a batch", producer, 0, { transactionalId: "tx" });
  await session.produce("the same again", producer, 0, { transactionalId: "tx" });
  await session.produce("a sequence too far", producer, 7, { transactionalId: "tx" });
  await session.produce("outside of the transaction", producer, 2, { isTransactional: false });
  await session.read("open");
  await session.describe("ongoing", "tx");
  await session.list("all", {});
  await session.list("by state", { stateFilters: ["Ongoing", "Sleeping"] });
  await session.list("by producer", { producerIdFilters: [producer.producerId] }, 0);
  await session.list("ongoing for an hour", { durationFilter: 3_600_000, stateFilters: ["Ongoing"] });
  await session.producers("with an open transaction");
  await session.addOffsets("a group", "tx", producer);
  await session.commitOffsets("offsets", "tx", producer);
  await session.offset("pending, stable only", true);
  await session.offset("pending", false);
  await session.commitOffsets("of a topic that is not there", "tx", producer, { topic: "nope" });
  await session.describe("ongoing, with a group", "tx");
  await session.end("commit", "tx", producer, true);
  await session.end("commit again", "tx", producer, true);
  await session.end("abort what is committed", "tx", producer, false);
  await settled(session, "tx");
  await session.offset("committed, stable only", true);
  await session.read("committed");
  await session.describe("complete", "tx");
  await session.producers("with none open");
  await session.add("a second transaction", "tx", producer, [{ name: "t", partitions: [0] }]);
  await session.produce("sequences go on", producer, 2, { transactionalId: "tx" });
  await session.end("in version 4", "tx", producer, true, 4);
  await settled(session, "tx");
}

async function zombies(session: Session): Promise<void> {
  const old = await session.init("an old one", "fenced");
  await session.add("the old one begins", "fenced", old, [{ name: "t", partitions: [0] }]);
  await session.produce("the old one writes", old, 0, { transactionalId: "fenced" });
  await session.addOffsets("its group", "fenced", old);
  await session.commitOffsets("its offsets", "fenced", old, { offset: 99 });
  const young = await session.init("a newer one", "fenced");
  await session.read("what the old one left open is aborted");
  await session.offset("and its offsets", true);
  for (const version of [0, 1, 2, 3]) {
    const partitions = [{ name: "t", partitions: [0] }];
    await session.add(`the old one adds, version ${version}`, "fenced", old, partitions, version);
  }
  for (const version of [1, 2, 3, 4]) {
    await session.addOffsets(`the old one adds offsets, version ${version}`, "fenced", old, "g", version);
    await session.commitOffsets(`the old one commits offsets, version ${version}`, "fenced", old, { version });
    await session.end(`the old one ends, version ${version}`, "fenced", old, true, version);
  }
  await session.produce("the old one writes on", old, 2, { transactionalId: "fenced" });
  await session.add("the newer one begins", "fenced", young, [{ name: "t", partitions: [0] }]);
  await session.produce("the old one writes into it", old, 2, { transactionalId: "fenced" });
  await session.produce("the newer one writes", young, 0, { transactionalId: "fenced" });
  await session.end("the newer one commits", "fenced", young, true);
  await settled(session, "fenced");
  const future = { ...young, producerEpoch: young.producerEpoch + 5 };
  await session.add("one of the future", "fenced", future, [{ name: "t", partitions: [0] }]);
}

async function aborts(session: Session): Promise<void> {
  const producer = await session.init("an aborter", "aborts");
  for (const topic of ["t", "u"])
    await session.add(`adds ${topic}`, "aborts", producer, [{ name: topic, partitions: [0] }]);
  await session.produce("writes to t", producer, 0, { transactionalId: "aborts" });
  await session.produce("writes to u", producer, 0, { transactionalId: "aborts", topic: "u" });
  await session.addOffsets("adds the group", "aborts", producer);
  await session.commitOffsets("commits offsets", "aborts", producer, { offset: 50 });
  await session.end("aborts", "aborts", producer, false);
  await session.end("aborts again", "aborts", producer, false);
  await session.end("commits what is aborted", "aborts", producer, true);
  await settled(session, "aborts");
  await session.read("aborted");
  await session.read("aborted", "u");
  await session.offset("aborted", true);
  await session.list("at the end", {});
}

async function groups(session: Session): Promise<void> {
  const producer = await session.init("for a group", "grouped");
  await session.commitOffsets("without the group being added", "grouped", producer);
  await session.addOffsets("adds the group", "grouped", producer);
  await session.commitOffsets("of a generation that never was", "grouped", producer, {
    generationId: 5,
    memberId: "m",
  });
  await session.commitOffsets("of nobody's generation", "grouped", producer, { generationId: 5, memberId: "" });
  await session.commitOffsets("from outside", "grouped", producer, { generationId: -1, memberId: "" });
  await session.commitOffsets("in version 0", "grouped", producer, { version: 0 });
  await session.end("commits", "grouped", producer, true);
  await settled(session, "grouped");
  await session.offset("by the last of them", true);
}

async function wrongCalls(session: Session): Promise<void> {
  const producer = await session.init("one", "wrong");
  const stranger = { ...producer, producerId: producer.producerId + 1000 };
  const partitions = [{ name: "t", partitions: [0] }];
  await session.add("an id that is not known", "unknown", producer, partitions);
  await session.add("an empty id", "", producer, partitions);
  await session.add("another producer id", "wrong", stranger, partitions);
  await session.addOffsets("offsets of another producer id", "wrong", stranger);
  await session.addOffsets("offsets of an id that is not known", "unknown", producer);
  await session.end("the end of another producer id", "wrong", stranger, true);
  await session.end("the end of an id that is not known", "unknown", producer, true);
  await session.end("abort of nothing", "wrong", producer, false);
  await session.commitOffsets("a commit of another producer id", "wrong", stranger);
  await session.produce("a batch of another producer id", stranger, 0, { transactionalId: "wrong" });
  await session.produce("a batch without the id", producer, 0);
  await session.producers("of a topic that is not there", "nope");
  await session.producers("of a partition that is not there", "t", 9);
  await session.describe("an empty id", "");
}

/** Until the markers are written: what readers see depends on them. */
async function settled(session: Session, transactionalId: string): Promise<void> {
  for (;;) {
    const answer = await session.client.call(DescribeTransactions, 0, { transactionalIds: [transactionalId] });
    if (/^Complete|Empty/.test(answer.transactionStates[0].transactionState)) return;
    await pause(20);
  }
}
