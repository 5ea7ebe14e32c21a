/**
 * The whole directory, crashed everywhere: topics made, grown and deleted, records at both levels, commits, log starts, a
 * close and a reopen; and each disk that may be left is opened and held against what was acknowledged. The tests beside this
 * file say how much of it.
 */
import { expect } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import type { Files } from "../../src/storage/files.ts";
import type { TestClock } from "../../src/testing/clock.ts";
import type { Exploration, World } from "../simulation/explore.ts";
import type { CrashImage } from "../simulation/images.ts";
import { append, FOLDER, identity, valuesOf } from "./engines.ts";

type Fact =
  /** `level`: what it survives. */
  | { kind: "record"; topic: string; offset: number; level: "process" | "power" }
  | { kind: "made"; topic: string; partitions: number }
  /** From here on it may be gone; `done`: it is. */
  | { kind: "deleting"; topic: string; done: boolean }
  | { kind: "starting"; topic: string; offset: number; done: boolean }
  | { kind: "commit"; topic: string; offset: number };

const GROUP = "g";
const LIFE = { segmentBytes: 300 };

function open(
  files: Files,
  clock: TestClock,
  who: number,
  boot: string,
  random?: World<Fact>["random"],
): Promise<Engine> {
  const chance = random && ((count: number) => random.bytes(count));
  return Engine.open(FOLDER, { files, clock, chance, identity: identity(who, { bootId: boot }) });
}

async function workload({ files, clock, random, ack }: World<Fact>): Promise<void> {
  let engine = await open(files, clock, 1, "boot-1", random);
  for (const topic of ["power", "process", "doomed"]) {
    await engine.createTopic(topic, { ...LIFE, durability: topic === "power" ? "power" : "process", partitions: 2 });
    ack({ kind: "made", topic, partitions: 2 });
  }
  for (let step = 0; step < 36; step++) {
    if (step === 22) {
      await engine.close();
      engine = await open(files, clock, 2, "boot-1", random);
      for (const topic of engine.topics.values()) await topic.ready();
    }
    if (step === 10) await removeTopic(engine, ack);
    if (step === 14) {
      await engine.topic("power").addPartitions(3);
      ack({ kind: "made", topic: "power", partitions: 3 });
    }
    await act(engine, clock, random.below(7), random.below(2) === 0 ? "power" : "process", ack);
  }
  await engine.close();
}

async function act(
  engine: Engine,
  clock: TestClock,
  what: number,
  topic: string,
  ack: World<Fact>["ack"],
): Promise<void> {
  const partition = engine.topic(topic).partition(0);
  if (what < 4) {
    const offset = partition.endOffset;
    append(partition, valueAt(topic, offset), valueAt(topic, offset + 1));
    await partition.acknowledged(offset + 2);
    for (const at of [offset, offset + 1])
      ack({ kind: "record", topic, offset: at, level: topic as "power" | "process" });
  } else if (what === 4) {
    const offset = partition.highWatermark;
    await engine.offsets.commit(GROUP, [{ topic, partition: 0, offset }]);
    ack({ kind: "commit", topic, offset });
  } else if (what === 5) {
    const offset = Math.max(partition.startOffset, partition.highWatermark - 3);
    ack({ kind: "starting", topic, offset, done: false });
    await partition.deleteRecordsBefore(offset);
    ack({ kind: "starting", topic, offset, done: true });
  } else {
    await clock.advanceAsync(61_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function removeTopic(engine: Engine, ack: World<Fact>["ack"]): Promise<void> {
  const topic = "doomed";
  append(engine.topic(topic).partition(1), "x");
  await engine.offsets.commit(GROUP, [{ topic, partition: 1, offset: 1 }]);
  ack({ kind: "deleting", topic, done: false });
  await engine.deleteTopic(topic);
  ack({ kind: "deleting", topic, done: true });
}

function valueAt(topic: string, offset: number): string {
  return `${topic} ${offset} ${"x".repeat(40)}`;
}

async function check({ files, clock, kind }: CrashImage, facts: readonly Fact[]): Promise<void> {
  const boot = kind === "machine" ? "boot-2" : "boot-1";
  const engine = await open(files, clock, 3, boot);
  expect(engine.health()).toMatchObject({ ok: true });
  expect(files.list(FOLDER)!.filter((name) => /delete$|\.tmp$|^\.lock\./.test(name))).toEqual([]);
  const before = await checkContent(engine, facts, kind);
  for (const name of ["power", "process"]) {
    const partition = engine.topics.get(name)?.partitions[0];
    if (partition) expect(append(partition, valueAt(name, partition.endOffset))).toBe(before[name].end);
  }
  await engine.close();

  const again = await open(files, clock, 4, boot);
  expect(again.openReport.lastClose).toBe("clean");
  for (const topic of again.topics.values()) await topic.ready();
  const after = await checkContent(again, facts, kind);
  for (const [name, { values }] of Object.entries(before))
    expect(after[name].values.slice(0, values.length)).toEqual(values);
  await again.close();
}

type Content = Record<string, { end: number; values: string[] }>;

async function checkContent(engine: Engine, facts: readonly Fact[], kind: "process" | "machine"): Promise<Content> {
  const content: Content = {};
  for (const name of ["power", "process"]) {
    const topic = engine.topics.get(name);
    const made = facts.filter((fact) => fact.kind === "made" && fact.topic === name).at(-1) as
      | { partitions: number }
      | undefined;
    if (made) expect(topic?.partitionCount, name).toBeGreaterThanOrEqual(made.partitions);
    if (!topic) continue;
    expect(topic.config.segmentBytes).toBe(LIFE.segmentBytes);
    await topic.ready();
    const partition = topic.partition(0);
    await partition.flush();
    const { startOffset, endOffset } = partition;
    const values = valuesOf(partition);
    expect(values).toEqual(
      Array.from({ length: endOffset - startOffset }, (_, index) => valueAt(name, startOffset + index)),
    );
    content[name] = { end: endOffset, values };
    for (const fact of facts) {
      if (!("topic" in fact) || fact.topic !== name) continue;
      if (fact.kind === "record" && (fact.level === "power" || kind === "process"))
        expect(endOffset).toBeGreaterThan(fact.offset);
      if (fact.kind === "starting" && fact.done) expect(startOffset).toBeGreaterThanOrEqual(fact.offset);
    }
    const starts = facts.flatMap((fact) => (fact.kind === "starting" && fact.topic === name ? [fact.offset] : []));
    expect([0, ...starts].includes(startOffset), `${name} starts at ${startOffset}`).toBe(true);
  }
  await checkCommits(engine, facts, kind);
  const gone = facts.find((fact) => fact.kind === "deleting" && fact.done);
  if (gone) expect(engine.topics.has("doomed")).toBe(false);
  return content;
}

async function checkCommits(engine: Engine, facts: readonly Fact[], kind: "process" | "machine"): Promise<void> {
  await engine.offsets.ready();
  for (const { topic, partition, committed } of engine.offsets.allCommitted(GROUP)) {
    expect(engine.topics.has(topic), `a commit for ${topic}`).toBe(true);
    expect(committed.offset).toBeLessThanOrEqual(engine.topic(topic).partition(partition).endOffset);
  }
  if (kind === "machine") return;
  for (const fact of facts) {
    if (fact.kind !== "commit") continue;
    expect(engine.offsets.committed(GROUP, fact.topic, 0)?.offset).toBeGreaterThanOrEqual(fact.offset);
  }
}

/** Wants a seed and a budget. */
export const crashedDirectory: Pick<Exploration<Fact>, "workload" | "check"> = { workload, check };
