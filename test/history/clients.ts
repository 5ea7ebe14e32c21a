/**
 * Clients of one log, all in this process, which write down what they do and are told (history.ts): producers, idempotent and
 * not, transactions that end either way, a group whose members come and go, and a reader on its own. A life ends when the
 * process is killed; the last one, when it is told to stop: then the group reads to the end, and all is read once more.
 */
import { appendFileSync } from "node:fs";
import { open } from "../../src/client/open.ts";
import type { TopicHandle } from "../../src/client/topic.ts";
import type { VarveLog } from "../../src/client/varve-log.ts";
import type { Isolation } from "../../src/engine/partition.ts";
import { hasCode } from "../../src/errors.ts";
import { Random } from "../simulation/random.ts";
import type { Event, Where } from "./history.ts";

export interface Life {
  data: string;
  /** Where the history goes, a line for each event: what was said before a kill stays said. */
  file: string;
  /** What was said in the lives before. */
  before: Event[];
  number: number;
  seed: number;
  /** Of the reader on its own; committed records when not given. */
  isolation?: Isolation;
}

export const GROUP = "g";
const TOPICS = ["process", "power"] as const;
const PARTITIONS = 2;
const MEMBERS = 3;

/** Lives until it is killed, or until `stop` resolves. */
export async function live(life: Life, stop: Promise<void>): Promise<void> {
  const clients = new Clients(life, await open(life.data, { flushMs: 50 }));
  await clients.run(stop);
}

class Clients {
  readonly #life: Life;
  readonly #log: VarveLog;
  readonly #random: Random;
  /** "topic-partition" → what the group has tried to commit, and the last that was promised. */
  readonly #tried = new Map<string, number[]>();
  readonly #promised = new Map<string, number>();
  #count = 0;
  #isOver = false;

  constructor(life: Life, log: VarveLog) {
    this.#life = life;
    this.#log = log;
    this.#random = new Random(life.seed, life.number);
    for (const event of life.before) this.#learn(event);
  }

  async run(stop: Promise<void>): Promise<void> {
    for (const durability of TOPICS) {
      const options = {
        partitions: PARTITIONS,
        durability,
        codec: "string",
        segmentBytes: 16_384,
        ifNotExists: true,
      } as const;
      await this.#log.createTopic(durability, options);
    }
    const readers = [this.#readAlone(), ...Array.from({ length: MEMBERS }, (_, index) => this.#beMember(index))];
    const writers = [this.#send(true), this.#send(true), this.#send(false), this.#transact("a"), this.#transact("b")];
    await stop;
    this.#isOver = true;
    await Promise.all(writers);
    await this.#log.group(GROUP).caughtUp();
    for (const consumer of this.#consumers) await consumer.close();
    await Promise.all(readers);
    for (const topic of this.#log.topics()) await this.#readAll(topic as TopicHandle<string>);
    await this.#log.close();
  }

  readonly #consumers = new Set<ReturnType<VarveLog["consumer"]>>();

  // ---- writing

  async #send(isOnce: boolean): Promise<void> {
    const producer = this.#log.producer({ idempotent: isOnce, lingerMs: this.#random.below(3) });
    const name = this.#name(isOnce ? "idempotent" : "plain");
    while (!this.#isOver) {
      const sends = Array.from({ length: 1 + this.#random.below(5) }, async () => {
        const { id, topic, partition } = this.#sending(name, isOnce);
        const { offset } = await producer.send(topic, { partition, value: id });
        this.#note({ type: "acked", id, offset });
      });
      await Promise.all(sends);
      await this.#pause();
    }
    await producer.close();
  }

  async #transact(transactionalId: string): Promise<void> {
    const producer = this.#log.producer({ transactionalId });
    const name = this.#name(transactionalId);
    while (!this.#isOver) {
      const tx = this.#name("tx");
      const transaction = await producer.begin();
      for (let left = 1 + this.#random.below(5); left > 0; left--) {
        const { id, topic, partition } = this.#sending(name, true, tx);
        transaction.send(topic, { partition, value: id });
        if (this.#random.oneIn(2)) await this.#pause();
      }
      // An abort drops what has not reached the log yet: something should have.
      if (this.#random.oneIn(2)) await producer.flush();
      const outcome = this.#random.oneIn(3) ? "abort" : "commit";
      this.#note({ type: "ending", tx, outcome });
      await transaction[outcome]();
      this.#note({ type: "ended", tx, outcome });
    }
    await producer.close();
  }

  #sending(producer: string, isOnce: boolean, tx?: string): { id: string; topic: string; partition: number } {
    const topic = TOPICS[this.#random.below(TOPICS.length)];
    const where = { topic, partition: this.#random.below(PARTITIONS) };
    const id = this.#name("r");
    this.#note({
      type: "sending",
      producer: `${producer} ${where.topic}-${where.partition}`,
      id,
      ...where,
      isOnce,
      tx,
    });
    return { id, ...where };
  }

  // ---- reading

  /** One member after the other, each for a while: the others share what it had. */
  async #beMember(index: number): Promise<void> {
    while (!this.#isOver) {
      const consumer = this.#log.consumer<string>({ topics: [...TOPICS], group: GROUP, autoCommit: false });
      this.#consumers.add(consumer);
      const name = this.#name(`member${index}`);
      const begun = new Set<string>();
      consumer.on("assigned", () => begun.clear());
      const last = 2 + this.#random.below(40);
      let count = 0;
      try {
        for await (const batch of consumer.batches({ maxRecords: 1 + this.#random.below(20) })) {
          for (const { topic, partition, offset, value } of batch) {
            const where = { topic, partition };
            if (!begun.has(nameOf(where))) this.#begin(name, where, offset);
            begun.add(nameOf(where));
            this.#note({ type: "polled", consumer: name, ...where, offset, id: value! });
          }
          const { topic, partition, lastOffset } = batch;
          const commit = { group: GROUP, topic, partition, offset: lastOffset + 1 };
          this.#note({ type: "committing", ...commit });
          await batch.commit();
          this.#note({ type: "committed", ...commit });
          if (++count === last && !this.#isOver) break;
        }
      } catch (error) {
        // The partition went to another member before the commit.
        if (!hasCode(error, "VARVE_FENCED", "VARVE_CLOSED")) throw error;
      }
      this.#consumers.delete(consumer);
      await consumer.close();
    }
  }

  /** Where it has begun follows from what the group has committed: the last that was promised, or a later one that was tried. */
  #begin(consumer: string, where: Where, first: number): void {
    const promised = this.#promised.get(nameOf(where)) ?? 0;
    const tried = (this.#tried.get(nameOf(where)) ?? []).filter((offset) => offset >= promised && offset <= first);
    this.#note({ type: "begun", consumer, group: GROUP, ...where, offset: Math.max(promised, ...tried) });
  }

  async #readAlone(): Promise<void> {
    const name = this.#name("reader");
    const consumer = this.#log.consumer<string>({
      topics: [...TOPICS],
      isolation: this.#life.isolation ?? "read_committed",
    });
    this.#consumers.add(consumer);
    for await (const { topic, partition, offset, value } of consumer)
      this.#note({ type: "polled", consumer: name, topic, partition, offset, id: value! });
  }

  async #readAll(topic: TopicHandle<string>): Promise<void> {
    for (const { partition, endOffset: end } of (await topic.describe()).partitions) {
      const records: { offset: number; id: string }[] = [];
      for await (const { offset, value } of topic.read({ partition })) records.push({ offset, id: value! });
      this.#note({ type: "final", topic: topic.name, partition, end, records });
    }
  }

  // ----

  #note(event: Event): void {
    appendFileSync(this.#life.file, `${JSON.stringify(event)}\n`);
    this.#learn(event);
  }

  #learn(event: Event): void {
    if (event.type !== "committing" && event.type !== "committed") return;
    const place = nameOf(event);
    if (event.type === "committing") this.#tried.set(place, [...(this.#tried.get(place) ?? []), event.offset]);
    else this.#promised.set(place, Math.max(this.#promised.get(place) ?? 0, event.offset));
  }

  #name(what: string): string {
    return `${what}-${this.#life.number}-${this.#count++}`;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#random.below(4)));
  }
}

function nameOf({ topic, partition }: Where): string {
  return `${topic}-${partition}`;
}
