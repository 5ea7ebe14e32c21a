/** Clients in the process that has the log: they are killed with it, or not at all. */

import { open } from "../../src/client/open.ts";
import type { Producer } from "../../src/client/producer.ts";
import type { Transaction } from "../../src/client/transaction.ts";
import type { VarveLog } from "../../src/client/varve-log.ts";
import { hasCode } from "../../src/errors.ts";
import { Clients, type Life, type Reading, type Sender, type Side, type Transactor } from "./clients.ts";
import type { Where } from "./history.ts";

/** Lives until it is killed, or until `stop` resolves. */
export async function live(data: string, life: Life, stop: Promise<void>): Promise<void> {
  const log = await open(data, { flushMs: 50 });
  await new Clients(life, new Embedded(log)).run(stop);
  await log.close();
}

class Embedded implements Side {
  readonly canOverlap = true;
  readonly #log: VarveLog;
  readonly #consumers = new Set<ReturnType<VarveLog["consumer"]>>();

  constructor(log: VarveLog) {
    this.#log = log;
  }

  async createTopic(name: string, durability: "process" | "power", partitions: number): Promise<void> {
    await this.#log.createTopic(name, {
      partitions,
      durability,
      codec: "string",
      segmentBytes: 16_384,
      ifNotExists: true,
    });
  }

  async sender(isOnce: boolean, lingerMs: number): Promise<Sender> {
    const producer = this.#log.producer({ idempotent: isOnce, lingerMs });
    return {
      send: (records) =>
        Promise.all(
          records.map(async ({ topic, partition, id }) => {
            return (await producer.send(topic, { partition, value: id })).offset;
          }),
        ),
      close: () => producer.close(),
    };
  }

  async transactor(transactionalId: string): Promise<Transactor> {
    return new EmbeddedTransactor(this.#log.producer({ transactionalId }));
  }

  async read({ topics, group, isolation, maxRecords, onAssigned, handle }: Reading): Promise<void> {
    const options = group === undefined ? {} : { group, autoCommit: false };
    const consumer = this.#log.consumer<string>({ topics: [...topics], isolation, ...options });
    this.#consumers.add(consumer);
    consumer.on("assigned", onAssigned);
    try {
      for await (const batch of consumer.batches({ maxRecords })) {
        const { topic, partition, lastOffset } = batch;
        const records = Array.from(batch, ({ offset, value }) => ({ offset, id: value! }));
        const commit = { next: lastOffset + 1, run: () => batch.commit() };
        if (await handle({ topic, partition }, records, commit)) break;
      }
    } catch (error) {
      // The partition went to another member before the commit.
      if (!hasCode(error, "VARVE_FENCED", "VARVE_CLOSED")) throw error;
    }
    this.#consumers.delete(consumer);
    await consumer.close();
  }

  async leaveAll(): Promise<void> {
    for (const consumer of this.#consumers) await consumer.close();
  }

  async readAll({ topic, partition }: Where): Promise<{ end: number; records: { offset: number; id: string }[] }> {
    return readPartition(this.#log, { topic, partition });
  }

  isExpected(): boolean {
    return false;
  }
}

class EmbeddedTransactor implements Transactor {
  readonly #producer: Producer;
  #transaction!: Transaction;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  async begin(): Promise<void> {
    this.#transaction = await this.#producer.begin();
  }

  async send({ topic, partition, id }: Where & { id: string }): Promise<void> {
    this.#transaction.send(topic, { partition, value: id });
  }

  flush(): Promise<void> {
    return this.#producer.flush();
  }

  end(outcome: "commit" | "abort"): Promise<void> {
    return this.#transaction[outcome]();
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}

export async function readPartition(log: VarveLog, { topic: name, partition }: Where) {
  const topic = log.topic<Uint8Array | string>(name);
  const { endOffset: end } = (await topic.describe()).partitions[partition];
  const records: { offset: number; id: string }[] = [];
  for await (const { offset, rawValue } of topic.read({ partition })) {
    records.push({ offset, id: Buffer.from(rawValue!).toString() });
  }
  return { end, records };
}
