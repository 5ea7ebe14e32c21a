/**
 * Clients of one log, which write down what they do and are told (history.ts): producers, idempotent and not, transactions that
 * end either way, a group whose members come and go, and a reader on its own. What they do is drawn here; how they reach the
 * log is their side's: within the process (embedded.ts), or as Kafka's clients do (wire.ts).
 *
 * They go on until they are killed with all they know, or are told to stop: then all is read once more, and they end when the
 * group has read that too.
 */
import { appendFileSync } from "node:fs";
import type { Isolation } from "../../src/engine/partition.ts";
import { Random } from "../simulation/random.ts";
import type { Event, Where } from "./history.ts";

/** How clients reach a log. */
export interface Side {
  /** Its readers bear transactions of several producers that are open in one partition at a time. */
  readonly canOverlap: boolean;
  createTopic(name: string, durability: "process" | "power", partitions: number): Promise<void>;
  sender(isOnce: boolean, lingerMs: number): Promise<Sender>;
  transactor(transactionalId: string): Promise<Transactor>;
  /** Reads all topics until `handle` answers that it is enough, or `leaveAll` is called; without a group, from the beginning. */
  read(reading: Reading): Promise<void>;
  /** No reader begins any more, and all leave. */
  leaveAll(): Promise<void>;
  /** What a reader of committed records is shown, once nobody writes. */
  readAll(where: Where): Promise<{ end: number; records: { offset: number; id: string }[] }>;
  /** That may happen to a client of this side, which then does not know what became of its request. */
  isExpected(error: unknown): boolean;
}

export interface Sender {
  /** Says at which offset each is. */
  send(records: readonly Sent[]): Promise<number[]>;
  close(): Promise<void>;
}

export interface Transactor {
  begin(): Promise<void>;
  send(record: Sent): Promise<void>;
  /** What was sent is in the log. */
  flush(): Promise<void>;
  end(outcome: "commit" | "abort"): Promise<void>;
  close(): Promise<void>;
}

export interface Reading {
  topics: readonly string[];
  group?: string;
  isolation: Isolation;
  maxRecords: number;
  /** From now on it may read any partition anew, from where the group has committed. */
  onAssigned(): void;
  /** Some records of a partition, and how to commit that they were read: up to `next`. True: it is enough. */
  handle(where: Where, records: readonly { offset: number; id: string }[], commit: Commit): Promise<boolean>;
}

export interface Commit {
  next: number;
  run(): Promise<void>;
}

export interface Sent extends Where {
  id: string;
}

export interface Life {
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
/** At most as long a member that has left stays away. */
const REJOIN_MS = 50;
const MEMBERS = 3;
const LOOK_MS = 10;

export class Clients {
  readonly #life: Life;
  readonly #side: Side;
  readonly #random: Random;
  /** "topic-partition" → what the group has tried to commit, and the last that was promised. */
  readonly #tried = new Map<string, number[]>();
  readonly #promised = new Map<string, number>();
  #count = 0;
  /** Nothing is written any more. */
  #isOver = false;
  /** And everything was read. */
  #isDrained = false;

  constructor(life: Life, side: Side) {
    this.#life = life;
    this.#side = side;
    this.#random = new Random(life.seed, life.number);
    for (const event of life.before) this.#learn(event);
  }

  /** Until `stop` resolves, and then until the group has read everything. */
  async run(stop: Promise<void>): Promise<void> {
    for (const durability of TOPICS) await this.#side.createTopic(durability, durability, PARTITIONS);
    const members = Array.from({ length: MEMBERS }, (_, index) => this.#beMember(index));
    const readers = Promise.all([this.#readAlone(), ...members]);
    const writers = [
      this.#send(true),
      this.#send(true),
      this.#send(false),
      this.#transact("a", 0),
      this.#transact("b", 1),
    ];
    // Whoever fails ends all: nobody waits for what does not come.
    await Promise.race([stop, readers, Promise.all(writers)]);
    this.#isOver = true;
    await Promise.race([Promise.all(writers), readers.then(() => Promise.all(writers))]);
    await Promise.race([this.#drain(), readers]);
    this.#isDrained = true;
    await this.#side.leaveAll();
    await readers;
  }

  // ---- writing

  #send(isOnce: boolean): Promise<void> {
    const kind = isOnce ? "idempotent" : "plain";
    const make = () => this.#side.sender(isOnce, this.#random.below(3));
    return this.#writeAs(kind, make, async (sender, name) => {
      const records = Array.from({ length: 1 + this.#random.below(5) }, () => this.#sending(name, isOnce));
      const offsets = await sender.send(records);
      for (const [index, { id }] of records.entries()) this.#note({ type: "acked", id, offset: offsets[index] });
      await this.#pause();
    });
  }

  #transact(transactionalId: string, partition: number): Promise<void> {
    const make = () => this.#side.transactor(transactionalId);
    const own = this.#side.canOverlap ? undefined : partition;
    return this.#writeAs(transactionalId, make, (transactor, name) => this.#runTransaction(transactor, name, own));
  }

  /** A producer that does not know what became of its transaction leaves that to the next one of its id. */
  async #writeAs<T extends { close(): Promise<void> }>(
    kind: string,
    make: () => Promise<T>,
    write: (client: T, name: string) => Promise<void>,
  ): Promise<void> {
    while (!this.#isOver) {
      const name = this.#name(kind);
      let client: T | undefined;
      try {
        client = await make();
        while (!this.#isOver) await write(client, name);
      } catch (error) {
        if (!this.#side.isExpected(error)) throw error;
      } finally {
        await client?.close();
      }
    }
  }

  async #runTransaction(transactor: Transactor, name: string, own: number | undefined): Promise<void> {
    const tx = this.#name("tx");
    await transactor.begin();
    for (let left = 1 + this.#random.below(5); left > 0; left--) {
      await transactor.send(this.#sending(name, true, tx, own));
      if (this.#random.oneIn(2)) await this.#pause();
    }
    // An abort drops what has not reached the log yet: something should have.
    if (this.#random.oneIn(2)) await transactor.flush();
    const outcome = this.#random.oneIn(3) ? "abort" : "commit";
    this.#note({ type: "ending", tx, outcome });
    await transactor.end(outcome);
    this.#note({ type: "ended", tx, outcome });
  }

  #sending(name: string, isOnce: boolean, tx?: string, partition: number = this.#random.below(PARTITIONS)): Sent {
    const where = { topic: TOPICS[this.#random.below(TOPICS.length)], partition };
    const sent = { ...where, id: this.#name("r") };
    this.#note({ type: "sending", producer: `${name} ${nameOf(where)}`, ...sent, isOnce, tx });
    return sent;
  }

  // ---- reading

  /** One member after the other, each for a while: the others share what it had. */
  async #beMember(index: number): Promise<void> {
    while (!this.#isDrained) {
      const name = this.#name(`member${index}`);
      const begun = new Set<string>();
      const last = 2 + this.#random.below(40);
      let count = 0;
      await this.#side.read({
        topics: TOPICS,
        group: GROUP,
        isolation: "read_committed",
        maxRecords: 1 + this.#random.below(20),
        onAssigned: () => begun.clear(),
        handle: async (where, records, { next, run }) => {
          if (!begun.has(nameOf(where))) this.#beginInGroup(name, where, records[0].offset);
          begun.add(nameOf(where));
          for (const record of records) this.#note({ type: "polled", consumer: name, ...where, ...record });
          const commit = { group: GROUP, ...where, offset: next };
          this.#note({ type: "committing", ...commit });
          try {
            await run();
          } catch (error) {
            // It may be given the same again.
            begun.delete(nameOf(where));
            throw error;
          }
          this.#note({ type: "committed", ...commit });
          return ++count >= last && !this.#isOver;
        },
      });
      // Three that came back at once would take the partitions from each other before any of them has committed, for ever.
      await this.#pause(REJOIN_MS);
    }
  }

  /** Where it has begun follows from what the group has committed: the last that was promised, or a later one that was tried. */
  #beginInGroup(consumer: string, where: Where, first: number): void {
    const promised = this.#promised.get(nameOf(where)) ?? 0;
    const tried = (this.#tried.get(nameOf(where)) ?? []).filter((offset) => offset >= promised && offset <= first);
    this.#note({ type: "begun", consumer, group: GROUP, ...where, offset: Math.max(promised, ...tried) });
  }

  async #readAlone(): Promise<void> {
    const name = this.#name("reader");
    const begun = new Set<string>();
    while (!this.#isDrained) {
      begun.clear();
      await this.#side.read({
        topics: TOPICS,
        isolation: this.#life.isolation ?? "read_committed",
        maxRecords: 100,
        onAssigned: () => begun.clear(),
        handle: async (where, records) => {
          if (!begun.has(nameOf(where))) this.#note({ type: "begun", consumer: name, ...where, offset: 0 });
          begun.add(nameOf(where));
          for (const record of records) this.#note({ type: "polled", consumer: name, ...where, ...record });
          return false;
        },
      });
    }
  }

  /** Reads all, and waits until the group has committed all of that. */
  async #drain(): Promise<void> {
    const last = new Map<string, number>();
    for (const topic of TOPICS) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const where = { topic, partition };
        const { end, records } = await this.#side.readAll(where);
        this.#note({ type: "final", ...where, end, records });
        last.set(nameOf(where), records.at(-1)?.offset ?? -1);
      }
    }
    const isBehind = () => [...last].some(([place, offset]) => (this.#promised.get(place) ?? 0) <= offset);
    while (isBehind()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
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

  #pause(mostMs = 4): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#random.below(mostMs)));
  }
}

function nameOf({ topic, partition }: Where): string {
  return `${topic}-${partition}`;
}
