/** An open log at which a program works: it sends what belongs where it goes, and says what it was promised. */
import type { Topic, VarveLog } from "../../../src/index.ts";
import { GROUP, valueAt } from "./content.ts";
import { say } from "./speaking.ts";

export class Desk {
  readonly log: VarveLog;
  readonly #producer: ReturnType<VarveLog["producer"]>;
  /** Topic and partition → the offset that the next record takes. */
  readonly #next = new Map<string, number>();

  constructor(log: VarveLog) {
    this.log = log;
    this.#producer = log.producer({ lingerMs: 0 });
  }

  async create(topic: string, options: Parameters<VarveLog["createTopic"]>[1] & { partitions: number }): Promise<void> {
    const { partitions } = options;
    const isNew = !this.log.topics().some(({ name }) => name === topic);
    if (isNew) say({ type: "creating", topic, partitions });
    await this.log.createTopic(topic, { codec: "string", ifNotExists: true, ...options });
    if (isNew) say({ type: "created", topic, partitions });
    await this.look(topic);
  }

  /** Takes the offsets to go on at from the log itself. */
  async look(topic: string): Promise<void> {
    const { partitions } = await this.log.topic(topic).describe();
    for (const { partition, endOffset } of partitions) this.#next.set(`${topic}-${partition}`, endOffset);
  }

  async drop(topic: string, partitions: number): Promise<void> {
    say({ type: "deleting", topic, partitions });
    await this.log.deleteTopic(topic);
    say({ type: "deleted", topic, partitions });
  }

  async send(topic: string, partition: number): Promise<void> {
    const { offset } = await this.#producer.send(topic, this.#record(topic, partition));
    say({ type: "acked", topic, partition, end: offset + 1 });
  }

  async sendBatch(topic: string, partition: number, count: number): Promise<void> {
    const records = Array.from({ length: count }, () => this.#record(topic, partition));
    const [batch] = await this.#producer.sendBatch(topic, records);
    say({ type: "acked", topic, partition, end: batch.baseOffset + batch.count });
  }

  appendSync(topic: string, partition: number): void {
    const { offset } = this.#producer.appendSync(topic, this.#record(topic, partition));
    say({ type: "acked", topic, partition, end: offset + 1 });
  }

  async deleteRecords(topic: string, partition: number, start: number): Promise<void> {
    say({ type: "cutting", topic, partition, start });
    await this.log.topic(topic).deleteRecords({ [partition]: start });
    say({ type: "cut", topic, partition, start });
  }

  async truncate(topic: string, partition: number): Promise<void> {
    const start = this.end(topic, partition);
    say({ type: "cutting", topic, partition, start });
    await this.log.topic(topic).truncate();
    say({ type: "cut", topic, partition, start });
  }

  end(topic: string, partition: number): number {
    return this.#next.get(`${topic}-${partition}`) ?? 0;
  }

  /** Reads with the group, and commits each batch; ends at the end of the log, or with it. */
  async readWithGroup(topics: string[], until?: "end"): Promise<void> {
    const consumer = this.log.consumer({ topics, group: GROUP, autoCommit: false, until });
    for await (const batch of consumer.batches({ maxRecords: 7 })) {
      const { topic, partition, lastOffset } = batch;
      const fact = { topic, partition, offset: lastOffset + 1 };
      say({ type: "committing", ...fact });
      await batch.commit();
      say({ type: "committed", ...fact });
    }
    await consumer.close();
  }

  /** Reads everything, and says how much of it is not what it should be. */
  async readBack(handle: Topic): Promise<void> {
    for (const { partition, startOffset, highWatermark } of (await handle.describe()).partitions) {
      let wrong = 0;
      let offset = startOffset;
      for await (const record of handle.read({ partition })) {
        if (record.offset !== offset || record.value !== valueAt(handle.name, partition, offset)) wrong++;
        offset = record.offset + 1;
      }
      if (offset !== highWatermark) wrong++;
      say({ type: "read", topic: handle.name, partition, start: startOffset, end: offset, wrong });
    }
  }

  #record(topic: string, partition: number): { partition: number; value: string } {
    const offset = this.end(topic, partition);
    this.#next.set(`${topic}-${partition}`, offset + 1);
    return { partition, value: valueAt(topic, partition, offset) };
  }
}
