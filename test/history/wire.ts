/**
 * Clients in a process of their own: kafkajs, which goes on when the server is killed and comes back on its port, and tries again
 * what it got no answer to.
 */
import { type Consumer, Kafka, logLevel, Partitioners, type Producer, type Transaction } from "kafkajs";
import { open } from "../../src/client/open.ts";
import type { Commit, Reading, Sender, Sent, Side, Transactor } from "./clients.ts";
import { readPartition } from "./embedded.ts";
import type { Where } from "./history.ts";

/** A server that is killed is back within seconds; a client that has given up begins anew. */
const RETRY = { initialRetryTime: 30, maxRetryTime: 300, retries: 100 };
const MEMBER = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 100, maxWaitTimeInMs: 50 };
/** Of protocol errors that a client meets when a server comes back, or takes its partitions; others would be news. */
const EXPECTED_CODES = new Set([
  "REBALANCE_IN_PROGRESS",
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
]);
const EXPECTED_NAMES = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSNoBrokerAvailableError",
  "KafkaJSBrokerNotFound",
  "KafkaJSGroupCoordinatorNotFound",
]);

export class Wire implements Side {
  /**
   * kafkajs 2.2.4 steps into one aborted transaction with each record at the most, in the order in which they ended: where those
   * of several producers overlap, it shows records that were aborted.
   */
  readonly canOverlap = false;
  readonly #data: string;
  readonly #kafka: Kafka;
  readonly #leaving = new Set<() => void>();
  #readers = 0;

  /** `data`: the server's, for the last reading. */
  constructor(address: string, data: string) {
    this.#data = data;
    this.#kafka = new Kafka({ brokers: [address], retry: RETRY, connectionTimeout: 500, logLevel: logLevel.NOTHING });
  }

  /** Until it is there: a server that is killed meanwhile may have made it, or not. */
  async createTopic(topic: string, durability: "process" | "power", partitions: number): Promise<void> {
    const configs = { "varve.durability": durability, "segment.bytes": "16384" };
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
    for (let isMade = false; !isMade; ) {
      const admin = this.#kafka.admin();
      try {
        await admin.connect();
        await admin.createTopics({
          topics: [{ topic, numPartitions: partitions, configEntries }],
          waitForLeaders: true,
        });
        isMade = true;
      } catch (error) {
        if (!this.isExpected(error)) throw error;
      } finally {
        await admin.disconnect();
      }
    }
  }

  async sender(isOnce: boolean): Promise<Sender> {
    const producer = await this.#producer({ idempotent: isOnce });
    return { send: (records) => sendAll(producer, records), close: () => producer.disconnect() };
  }

  async transactor(transactionalId: string): Promise<Transactor> {
    const producer = await this.#producer({ transactionalId, idempotent: true });
    let transaction: Transaction;
    return {
      begin: async () => {
        transaction = await producer.transaction();
      },
      send: async (record) => void (await sendAll(transaction, [record])),
      flush: async () => {},
      end: (outcome) => transaction[outcome](),
      close: () => producer.disconnect(),
    };
  }

  async #producer(options: { idempotent: boolean; transactionalId?: string }): Promise<Producer> {
    const producer = this.#kafka.producer({
      ...options,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    return producer;
  }

  /** Outside of a group kafkajs does not read: one of its own, which commits nothing. */
  async read({ topics, group = `alone-${this.#readers++}`, isolation, onAssigned, handle }: Reading): Promise<void> {
    const readUncommitted = isolation === "read_uncommitted";
    const consumer = this.#kafka.consumer({ groupId: group, ...MEMBER, readUncommitted });
    let left: () => void = () => {};
    let failed: (error: unknown) => void = () => {};
    const leaving = new Promise<void>((resolve, reject) => {
      left = resolve;
      failed = reject;
    });
    this.#leaving.add(left);
    const judge = (error: unknown) => this.isExpected(error) || failed(error);
    consumer.on(consumer.events.GROUP_JOIN, onAssigned);
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      judge(payload.error);
      if (!payload.restart) left();
    });
    const unlessExpected = (error: unknown) => {
      if (!this.isExpected(error)) throw error;
    };
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await run(consumer, handle, left, judge);
      await leaving;
    } catch (error) {
      unlessExpected(error);
    } finally {
      this.#leaving.delete(left);
      // What says that it leaves is sent once: a server that is killed then never hears of it.
      await consumer.disconnect().catch(unlessExpected);
    }
  }

  async leaveAll(): Promise<void> {
    for (const leave of this.#leaving) leave();
  }

  /** Beside the server. */
  async readAll(where: Where): Promise<{ end: number; records: { offset: number; id: string }[] }> {
    const log = await open(this.#data, { readOnly: true });
    try {
      return await readPartition(log, where);
    } finally {
      await log.close();
    }
  }

  isExpected(error: unknown): boolean {
    const { name, type, cause } = error as { name?: string; type?: string; cause?: unknown };
    if (cause && this.isExpected(cause)) return true;
    return EXPECTED_NAMES.has(name ?? "") || EXPECTED_CODES.has(type ?? "");
  }
}

/** One request, so that no later record of this producer passes an earlier one that is tried again. */
async function sendAll(to: Producer | Transaction, records: readonly Sent[]): Promise<number[]> {
  const topicMessages = [...new Set(records.map(({ topic }) => topic))].map((topic) => ({
    topic,
    messages: records.filter((of) => of.topic === topic).map(({ partition, id }) => ({ partition, value: id })),
  }));
  const answers = await to.sendBatch({ topicMessages, acks: -1 });
  const next = new Map(
    answers.map(({ topicName, partition, baseOffset }) => [`${topicName}-${partition}`, Number(baseOffset)]),
  );
  return records.map(({ topic, partition }) => {
    const place = `${topic}-${partition}`;
    const offset = next.get(place)!;
    next.set(place, offset + 1);
    return offset;
  });
}

async function run(
  consumer: Consumer,
  handle: Reading["handle"],
  leave: () => void,
  judge: (error: unknown) => void,
): Promise<void> {
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, commitOffsetsIfNecessary }) => {
      const { topic, partition, messages } = batch;
      const where = { topic, partition };
      const next = Number(messages.at(-1)!.offset) + 1;
      const commit: Commit = {
        next,
        run: () => commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: String(next) }] }] }),
      };
      const records = messages.map(({ offset, value }) => ({ offset: Number(offset), id: value!.toString() }));
      try {
        if (await handle(where, records, commit)) leave();
      } catch (error) {
        judge(error);
        throw error;
      }
    },
  });
}
