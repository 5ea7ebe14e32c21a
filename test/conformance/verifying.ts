/** Opens what a killed program has left, and holds it against everything that it had said. */
import { Engine } from "../../src/engine/engine.ts";
import type { Partition } from "../../src/engine/partition.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import { leftovers } from "../simulation/folders.ts";
import type { ObservedPartition, StoredRecord } from "../simulation/ledger.ts";
import { observe } from "../simulation/observe.ts";
import { GROUP, type Said, valueAt } from "./programs/content.ts";

/** What is in the directory now: the end of each partition, by its folder's name. */
export interface Verified {
  ends: Map<string, number>;
  records: number;
}

export interface VerifyOptions {
  /** The directory is left as it is found, for the next owner to recover. */
  readOnly?: boolean;
  /**
   * The owner did not just die, and did not close in order: or it died in the first moments of taking over from a dead one.
   * Then its directory is taken for that of a dead machine.
   */
  isDisorderly?: boolean;
}

/** Throws on the first broken promise. */
export async function verify(
  data: string,
  said: readonly Said[],
  { readOnly = false, isDisorderly = false }: VerifyOptions = {},
): Promise<Verified> {
  const isMade = said.some(({ type }) => type === "opened");
  if (readOnly && !isMade) return { ends: new Map(), records: 0 };
  const engine = await Engine.open(data, { readOnly });
  try {
    const [corrupt] = engine.openReport.corrupt;
    if (corrupt) throw new Error(`reported as corrupt: ${JSON.stringify(corrupt)}`);
    if (engine.openReport.lastClose === "machine" && isMade && !isDisorderly)
      throw new Error("the death of a process was taken for more");
    const verified = await verifyTopics(engine, said);
    const left = readOnly ? [] : leftovers(new DiskFiles(), data);
    if (left.length > 0) throw new Error(`recovery has left ${left}`);
    return verified;
  } finally {
    await engine.close();
  }
}

async function verifyTopics(engine: Engine, said: readonly Said[]): Promise<Verified> {
  const { topics, commits } = await observe(engine);
  const verified: Verified = { ends: new Map(), records: 0 };
  checkPresence(new Set(topics.map(({ name }) => name)), said);
  for (const { name, partitions } of topics) {
    for (const [index, partition] of partitions.entries()) {
      const where = `${name}-${index}`;
      const facts = said.filter((one) => "partition" in one && one.topic === name && one.partition === index);
      checkPartition(where, partition, facts, (offset) => valueAt(name, index, offset));
      const committed = commits.find((of) => of.group === GROUP && of.name === name && of.partition === index);
      checkCommit(where, committed?.offset, partition.end, facts);
      verified.ends.set(where, partition.end);
      verified.records += partition.records.length;
      await checkGoesOn(engine.topic(name).partition(index));
    }
  }
  return verified;
}

function checkPresence(names: Set<string>, said: readonly Said[]): void {
  const last = new Map<string, string>();
  for (const one of said) {
    if (["creating", "created", "deleting", "deleted"].includes(one.type) && "topic" in one)
      last.set(one.topic!, one.type);
  }
  for (const [topic, state] of last) {
    if (state === "created" && !names.has(topic)) throw new Error(`the topic ${topic} was made, and is gone`);
    if (state === "deleted" && names.has(topic)) throw new Error(`the topic ${topic} was deleted, and is there`);
  }
}

function checkPartition(
  where: string,
  { start, end, records }: ObservedPartition,
  facts: readonly Said[],
  expected: (offset: number) => string,
): void {
  const acked = most(facts, (one) => (one.type === "acked" ? one.end : 0));
  const leastStart = most(facts, (one) => (one.type === "cut" ? one.start : 0));
  const mostStart = most(facts, (one) => (one.type === "cutting" ? one.start : 0));
  if (end < acked) throw new Error(`${where} ends at ${end}, but ${acked} was acked`);
  if (start < leastStart || start > mostStart) {
    throw new Error(`${where} starts at ${start}, not at ${leastStart} to ${mostStart}`);
  }
  const wrong = records.findIndex((record, i) => valueIn(record) !== expected(start + i));
  if (wrong >= 0) throw new Error(`${where}: at ${start + wrong} stands ${records[wrong].text}`);
}

/** The text of a record is its timestamp, its key, which is null, and its value. */
function valueIn({ text }: StoredRecord): string {
  return text.slice(text.indexOf(" null ") + " null ".length);
}

function checkCommit(where: string, committed: number | undefined, end: number, facts: readonly Said[]): void {
  const acked = most(facts, (one) => (one.type === "committed" ? one.offset : 0));
  const tried = most(facts, (one) => (one.type === "committing" ? one.offset : 0));
  if ((committed ?? 0) < acked) throw new Error(`${where}: ${acked} was committed, and now ${committed}`);
  if ((committed ?? 0) > Math.min(tried, end)) {
    throw new Error(`${where}: ${committed} is committed, past ${tried} or the end ${end}`);
  }
}

/** A partition that was killed is none that failed. */
async function checkGoesOn(partition: Partition): Promise<void> {
  if (partition.failure) throw partition.failure;
  await partition.ready();
}

function most(facts: readonly Said[], value: (one: Said) => number): number {
  return facts.reduce((largest, one) => Math.max(largest, value(one)), 0);
}
