/** Records by their offsets, from files: what `get` gives is what a consumer reads, the first time and when the files are mapped. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConsumerRecord, open, type Topic, type VarveLog } from "../../src/index.ts";
import { loadNative } from "../../src/native.ts";

const ENGINES = loadNative().native ? (["native", "ts"] as const) : (["ts"] as const);

/** So often that the files are mapped after the first of them. */
const ROUNDS = 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-get-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function told(record: ConsumerRecord | undefined) {
  if (record === undefined) return undefined;
  const { partition, offset, timestamp, timestampType, leaderEpoch, key, value, rawValue, headers, isTombstone } =
    record;
  const size = rawValue?.length;
  return JSON.stringify({
    partition,
    offset,
    timestamp,
    timestampType,
    leaderEpoch,
    key,
    value,
    size,
    headers,
    isTombstone,
  });
}

/** Every offset, all over the topic and again and again, against what a consumer reads. */
async function expectAll(topic: Topic): Promise<void> {
  const all = new Map((await topic.all()).map((record) => [`${record.partition}/${record.offset}`, told(record)]));
  const ends = await topic.offsets("latest");
  const kept: [string, ConsumerRecord | undefined][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { partition, offset: end } of ends) {
      for (let i = 0; i < end; i++) {
        const offset = (i * 37 + round) % end;
        const record = await topic.get(partition, offset);
        kept.push([`${partition}/${offset}`, record]);
      }
    }
  }
  const wrong = kept.filter(([place, record]) => told(record) !== all.get(place));
  expect(wrong).toEqual([]);
}

async function fill(log: VarveLog, topic: Topic): Promise<void> {
  const producer = log.producer();
  for (let i = 0; i < 12; i++) {
    const records = Array.from({ length: 1 + (i % 5) * 20 }, (_, j) => ({
      key: j % 7 === 0 ? null : `key ${j}`,
      value: j % 11 === 0 ? null : `${i} `.repeat(j),
      headers: j % 3 === 0 ? ([["h", `${j}`]] as [string, string][]) : undefined,
      timestamp: 1e12 + ((i * 7919 + j) % 10_000),
      partition: i % 3,
    }));
    await producer.sendBatch(topic, records);
  }
}

describe.each(ENGINES)("get, engine %s", (engine) => {
  it("gives what a consumer reads, of every partition", async () => {
    const log = await open(folder, { engine });
    const topic = await log.createTopic("t", { partitions: 3 });
    await fill(log, topic);
    await expectAll(topic);
    await log.close();
  });

  it("tells the time of the append, where the topic keeps that", async () => {
    const log = await open(folder, { engine });
    const topic = await log.createTopic("t", { partitions: 3, messageTimestampType: "LogAppendTime" });
    await fill(log, topic);
    expect(await topic.get(0, 0)).toMatchObject({ timestampType: "LogAppendTime" });
    await expectAll(topic);
    await log.close();
  });

  it("tells the epoch of each record, across another open", async () => {
    for (let i = 0; i < 2; i++) {
      const log = await open(folder, { engine });
      const topic = await log.createTopic("t", { partitions: 3, ifNotExists: true });
      await fill(log, topic);
      await expectAll(topic);
      await log.close();
    }
  });

  it("leaves out what was aborted, and markers", async () => {
    const log = await open(folder, { engine });
    const topic = await log.createTopic("t");
    const producer = log.producer({ transactionalId: "a" });
    for (let i = 0; i < 10; i++) {
      const work = producer.transaction((tx) => {
        // More than waits in memory for the commit.
        for (let j = 0; j < 5; j++) tx.send(topic, { value: `${i} `.repeat(3000) });
        if (i % 3 === 0) throw new Error("no");
      });
      await work.catch((error) => expect(error.message).toBe("no"));
      await log.producer().send(topic, { value: "plain" });
    }
    expect(await topic.get(0, 0)).toBeUndefined();
    await expectAll(topic);
    await log.close();
  });

  it.runIf(process.platform === "linux" && engine === "native")(
    "leaves no map behind a topic that is deleted",
    async () => {
      const log = await open(folder, { engine });
      const topic = await log.createTopic("gone");
      await topic.send({ value: 1 });
      for (let i = 0; i < 20; i++) await topic.get(0, 0);
      const isMapped = () => readFileSync("/proc/self/maps", "latin1").includes(folder);
      expect(isMapped()).toBe(true);
      await log.deleteTopic("gone");
      expect(isMapped()).toBe(false);
      await log.close();
    },
  );
});
