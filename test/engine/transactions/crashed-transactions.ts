/**
 * Transactions, crashed everywhere: several producers write to several partitions and commit offsets, end well or badly,
 * are fenced, time out; the log is closed and opened again. Each disk that may be left is opened and held against what was
 * acknowledged. The tests beside this file say how much of it.
 */
import { expect } from "vitest";
import { Engine } from "../../../src/engine/engine.ts";
import type { Files } from "../../../src/storage/files.ts";
import type { TestClock } from "../../../src/testing/clock.ts";
import type { Exploration, World } from "../../simulation/explore.ts";
import type { CrashImage } from "../../simulation/images.ts";
import { append, FOLDER, identity } from "../engines.ts";
import { committedValues, TestProducer } from "./producers.ts";

type Durability = "process" | "power";
type Outcome = "commit" | "abort";

type Fact =
  | { kind: "opened"; durability: Durability }
  /** A record is about to be written in the transaction of that number. */
  | { kind: "record"; transaction: number; place: number; value: string }
  /** An offset is about to be committed in it. */
  | { kind: "offset"; transaction: number; offset: number }
  | { kind: "ending"; transaction: number; outcome: Outcome }
  | { kind: "ended"; transaction: number; outcome: Outcome };

const IDS = ["tx-a", "tx-b"];
/** Topic and partition, by place. */
const PLACES = [
  ["orders", 0],
  ["orders", 1],
  ["bills", 0],
] as const;
const GROUP = "g";
const SOURCE = "source";
const SOURCE_RECORDS = 50;

function open(files: Files, clock: TestClock, who: number, boot: string, durability: Durability): Promise<Engine> {
  return Engine.open(FOLDER, { files, clock, durability, identity: identity(who, { bootId: boot }) });
}

class Workload {
  readonly #world: World<Fact>;
  readonly #durability: Durability;
  #engine!: Engine;
  readonly #producers = new Map<string, TestProducer>();
  /** Id → the transaction that is open. */
  readonly #open = new Map<string, number>();
  #count = 0;
  #offset = 0;

  constructor(world: World<Fact>, durability: Durability) {
    this.#world = world;
    this.#durability = durability;
  }

  async run(steps: number): Promise<void> {
    await this.#reopen(1);
    await this.#engine.createTopic("orders", { partitions: 2, segmentBytes: 600 });
    await this.#engine.createTopic("bills", { segmentBytes: 600 });
    const source = (await this.#engine.createTopic(SOURCE)).partition(0);
    append(source, ...Array.from({ length: SOURCE_RECORDS }, (_, index) => `s${index}`));
    await this.#engine.flush();
    this.#world.ack({ kind: "opened", durability: this.#durability });
    for (let step = 0; step < steps; step++) {
      if (step === steps >> 1) await this.#reopen(2);
      this.#world.clock.advance(1);
      await this.#act(this.#world.random.below(13), IDS[this.#world.random.below(IDS.length)]);
    }
    await this.#engine.close();
  }

  async #reopen(who: number): Promise<void> {
    await this.#engine?.close();
    this.#engine = await open(this.#world.files, this.#world.clock, who, "boot-1", this.#durability);
    for (const topic of this.#engine.topics.values()) await topic.ready();
    // A client of the wire would go on where it was.
    for (const [id, { identity }] of this.#producers) {
      if (this.#open.has(id)) this.#open.delete(id);
      this.#producers.set(id, new TestProducer(this.#engine, id, identity));
    }
    if (who > 1) for (const id of IDS) await this.#init(id);
  }

  async #act(what: number, id: string): Promise<void> {
    const producer = this.#producers.get(id) ?? (await this.#init(id));
    if (what < 5) return this.#send(producer);
    if (what < 6) return this.#commitOffset(producer);
    if (what < 9) return this.#end(producer, "commit");
    if (what < 11) return this.#end(producer, "abort");
    if (what < 12) await this.#init(id);
    // The background sync.
    else await this.#world.clock.advanceAsync(1000);
  }

  async #init(id: string): Promise<TestProducer> {
    this.#open.delete(id);
    const producer = await TestProducer.init(this.#engine, id);
    this.#producers.set(id, producer);
    return producer;
  }

  #begin({ id }: TestProducer): number {
    const transaction = this.#open.get(id) ?? this.#count++;
    this.#open.set(id, transaction);
    return transaction;
  }

  async #send(producer: TestProducer): Promise<void> {
    const transaction = this.#begin(producer);
    const place = this.#world.random.below(PLACES.length);
    const [topic, index] = PLACES[place];
    const value = `t${transaction} ${"x".repeat(this.#world.random.below(100))}`;
    await producer.add(topic, index);
    this.#world.ack({ kind: "record", transaction, place, value });
    const offset = producer.append(topic, index, value);
    const acknowledged = this.#engine
      .topic(topic)
      .partition(index)
      .acknowledged(offset + 1);
    // Nobody need wait: the commit does.
    if (this.#world.random.oneIn(2)) await acknowledged;
  }

  async #commitOffset(producer: TestProducer): Promise<void> {
    if (this.#offset === SOURCE_RECORDS) return;
    const transaction = this.#begin(producer);
    const offset = ++this.#offset;
    this.#world.ack({ kind: "offset", transaction, offset });
    await producer.addOffsets(GROUP);
    const entries = [{ topic: SOURCE, partition: 0, offset }];
    await this.#engine.coordinator.commitInTransaction(producer.id, producer.identity, GROUP, entries);
  }

  async #end(producer: TestProducer, outcome: Outcome): Promise<void> {
    const transaction = this.#open.get(producer.id);
    if (transaction === undefined) return;
    this.#open.delete(producer.id);
    this.#world.ack({ kind: "ending", transaction, outcome });
    await (outcome === "commit" ? producer.commit() : producer.abort());
    this.#world.ack({ kind: "ended", transaction, outcome });
  }
}

/** What is known of a transaction. */
interface Told {
  /** Undefined: it was open when the crash came, or fenced. */
  outcome: Outcome | undefined;
  isAcknowledged: boolean;
  /** Place → values, in order. */
  values: Map<number, string[]>;
  offsets: number[];
}

function tell(facts: readonly Fact[]): Map<number, Told> {
  const told = new Map<number, Told>();
  const of = (transaction: number): Told => {
    const known = told.get(transaction) ?? {
      outcome: undefined,
      isAcknowledged: false,
      values: new Map(),
      offsets: [],
    };
    told.set(transaction, known);
    return known;
  };
  for (const fact of facts) {
    if (fact.kind === "record") {
      const { values } = of(fact.transaction);
      values.set(fact.place, [...(values.get(fact.place) ?? []), fact.value]);
    } else if (fact.kind === "offset") of(fact.transaction).offsets.push(fact.offset);
    else if (fact.kind === "ending") of(fact.transaction).outcome = fact.outcome;
    else if (fact.kind === "ended") of(fact.transaction).isAcknowledged = true;
  }
  return told;
}

async function check({ files, clock, kind }: CrashImage, facts: readonly Fact[]): Promise<void> {
  const opened = facts.find((fact) => fact.kind === "opened");
  if (opened?.kind !== "opened") return;
  // What a power cut leaves of a committed transaction at "process" may be torn.
  const isCovered = kind === "process" || opened.durability === "power";
  const boot = kind === "machine" ? "boot-2" : "boot-1";
  const engine = await open(files, clock, 3, boot, opened.durability);
  expect(engine.health()).toMatchObject({ ok: true });
  for (const { state } of engine.transactions.list())
    expect(["Empty", "Ongoing", "CompleteCommit", "CompleteAbort"]).toContain(state);
  for (const topic of engine.topics.values()) await topic.ready();
  await engine.offsets.ready();
  const before = seen(engine);

  for (const id of IDS) await TestProducer.init(engine, id);
  for (const [topic, index] of PLACES) {
    const partition = engine.topic(topic).partition(index);
    await partition.ready();
    expect([partition.openTransactions, partition.lastStableOffset]).toEqual([[], partition.highWatermark]);
  }
  // Readers were held up by what was open, which is aborted by now; else nothing has changed.
  const after = seen(engine);
  expect(after.offset).toBe(before.offset);
  for (const [place, values] of before.values.entries())
    expect(after.values[place].slice(0, values.length)).toEqual(values);
  const told = tell(facts);
  checkUnseen(after, told);
  if (isCovered) checkContent(after, told);
  const producer = await TestProducer.init(engine, IDS[0]);
  await producer.send("orders", 0, "more");
  await producer.commit();
  await engine.close();

  const again = await open(files, clock, 4, boot, opened.durability);
  expect(again.openReport.lastClose).toBe("clean");
  for (const topic of again.topics.values()) await topic.ready();
  await again.offsets.ready();
  const last = seen(again);
  expect(last.offset).toBe(after.offset);
  expect(last.values).toEqual(after.values.map((values, place) => (place === 0 ? [...values, "more"] : values)));
  await again.close();
}

interface Seen {
  values: string[][];
  offset: number | undefined;
}

function seen(engine: Engine): Seen {
  const values = PLACES.map(([topic, index]) => committedValues(engine.topic(topic).partition(index)));
  return { values, offset: engine.offsets.committed(GROUP, SOURCE, 0)?.offset };
}

/** Whatever was lost: nobody sees what was aborted, or open. */
function checkUnseen({ values }: Seen, told: ReadonlyMap<number, Told>): void {
  for (const [transaction, { outcome }] of told) {
    if (outcome === "commit") continue;
    const found = values.flat().filter((value) => value.startsWith(`t${transaction} `));
    expect(found, `transaction ${transaction} was not committed`).toEqual([]);
  }
}

function checkContent({ values, offset }: Seen, told: ReadonlyMap<number, Told>): void {
  const offsets: number[] = [];
  let open: number | undefined;
  for (const [transaction, { outcome, isAcknowledged, values: written, offsets: committed }] of told) {
    const places = [...written].map(([place, expected]) => {
      const found = values[place].filter((value) => value.startsWith(`t${transaction} `));
      // All of them, in order, or none.
      if (found.length > 0) expect(found).toEqual(expected);
      return found.length > 0;
    });
    const isSeen = places.includes(true);
    if (places.length > 0) expect(places, `transaction ${transaction} is torn`).toEqual(places.map(() => isSeen));
    if (outcome === "commit" && isAcknowledged && places.length > 0)
      expect(isSeen, `transaction ${transaction} is gone`).toBe(true);
    if (outcome !== "commit" || committed.length === 0) continue;
    const isIn = places.length > 0 ? isSeen : isAcknowledged;
    if (isIn) offsets.push(...committed);
    else if (places.length === 0) open = Math.max(...committed);
  }
  const expected = offsets.length > 0 ? Math.max(...offsets) : undefined;
  expect([expected, Math.max(open ?? -1, expected ?? -1)]).toContain(offset);
}

/** Wants a seed and a budget. */
export function crashedTransactions(
  durability: Durability,
  steps: number,
): Pick<Exploration<Fact>, "workload" | "check"> {
  return { workload: (world) => new Workload(world, durability).run(steps), check };
}
