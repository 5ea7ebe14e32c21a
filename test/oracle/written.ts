/**
 * A data directory that varve has written, for Kafka to judge: each codec that this Node can encode, many small segments, nulls
 * and headers, timestamps out of order, what remains after records were deleted, after a process was killed in the act, and
 * after a machine was.
 */
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPRESSIONS, canCompress } from "../../src/format/compression.ts";
import { type Compression, open, type Topic, type VarveLog } from "../../src/index.ts";
import { run } from "../conformance/running.ts";
import type { ConsumedRecord } from "./broker.ts";

export interface Written {
  /** Topic → the records of its partition 0, as varve itself reads them. */
  records: Map<string, ConsumedRecord[]>;
  /** `GROUP TOPIC` → what is committed of partition 0. */
  committed: Map<string, number>;
}

export const WRITABLE: readonly Compression[] = COMPRESSIONS.filter((codec) => canCompress(codec));
export const GROUP = "oracle";

/** By then its segments have rolled. */
const LINES_BEFORE_DEATH = 600;
const SMALL = 700;
const START = Date.UTC(2024, 0, 1);

export async function writeDirectory(data: string): Promise<Written> {
  await killWriter(data);
  const log = await open(data);
  for (const codec of WRITABLE) await writeCodec(log, codec);
  await writeSegments(log, "segments");
  await writeOddities(log);
  await (await writeSegments(log, "deleted")).deleteRecords({ 0: 42 });
  const truncated = await writeSegments(log, "truncated");
  await truncated.truncate();
  await send(log, "truncated", 5);
  await writeSegments(log, "torn");
  const committed = await commit(log, ["none", "segments", "deleted"]);
  await log.close();
  tear(data, "torn");
  return { records: await readAll(data), committed };
}

/** A child of the conformance tests, which does this and that; its topics "process" and "power" stay. */
async function killWriter(data: string): Promise<void> {
  const writer = run("writer", data, { args: { seed: 1 } });
  await writer.until("committed");
  while (writer.said().length < LINES_BEFORE_DEATH) await new Promise((resolve) => setTimeout(resolve, 10));
  writer.process.kill("SIGKILL");
  await writer.ended;
}

async function writeCodec(log: VarveLog, codec: Compression): Promise<void> {
  const topic = await log.createTopic(codec, { codec: "string", compression: codec });
  const producer = log.producer();
  for (let batch = 0; batch < 5; batch++) {
    const records = Array.from({ length: 40 }, (_, i) => ({
      key: `key ${i % 7}`,
      value: `${codec} ${batch} ${i} ${"abcdefgh".repeat(i)}`,
      timestamp: START + batch * 1000 + i,
    }));
    await producer.sendBatch(topic, records);
  }
  await producer.close();
}

/** Single records in segments of a few, with an index entry for nearly each. */
async function writeSegments(log: VarveLog, name: string): Promise<Topic<string>> {
  const options = { codec: "string", segmentBytes: SMALL, indexIntervalBytes: 100 } as const;
  const topic = await log.createTopic<string>(name, options);
  await send(log, name, 100);
  return topic;
}

async function send(log: VarveLog, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    // Now and then time goes back.
    const timestamp = START + i * 1000 - (i % 5) * 1500;
    await log.topic<string>(name).send({ key: `${i}`, value: `${name} ${i} ${"x".repeat(i % 60)}`, timestamp });
  }
}

async function writeOddities(log: VarveLog): Promise<void> {
  const topic = await log.createTopic<string>("oddities", { codec: "string", segmentBytes: SMALL });
  const timestamp = START;
  const records = [
    { value: "no key", timestamp },
    { key: "no value", value: null, timestamp },
    { key: null, value: null, timestamp },
    { key: "", value: "", timestamp },
    {
      value: "headers",
      headers: [
        ["a", "1"],
        ["a", "2"],
        ["empty", ""],
        ["null", null],
        ["é", "ü"],
      ] as const,
      timestamp,
    },
    { key: "ключ", value: "значение 値 🙂", timestamp },
    { value: "x".repeat(5 * SMALL), timestamp },
    { value: "the past", timestamp: 0 },
    { value: "the future", timestamp: Date.UTC(2200, 0, 1) },
  ];
  for (const record of records) await topic.send(record);
  const producer = log.producer();
  await producer.sendBatch(topic, records);
  await producer.close();
}

async function commit(log: VarveLog, topics: string[]): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  const consumer = log.consumer({ topics, group: GROUP, autoCommit: false, until: "end" });
  for await (const batch of consumer.batches({ maxRecords: 30 })) {
    await batch.commit();
    committed.set(`${GROUP} ${batch.topic}`, batch.lastOffset + 1);
  }
  await consumer.close();
  return committed;
}

/** What a power cut leaves: no clean marker, another boot, and half a batch behind a good one. */
function tear(data: string, topic: string): void {
  const folder = join(data, `${topic}-0`);
  const last = readdirSync(folder)
    .filter((name) => name.endsWith(".log"))
    .sort()
    .at(-1)!;
  const bytes = readFileSync(join(folder, last));
  appendFileSync(join(folder, last), bytes.subarray(0, bytes.length / 2));
  truncateSync(join(folder, last.replace(/log$/, "timeindex")), 0);
  truncateSync(join(data, "recovery-point-offset-checkpoint"), 0);
  truncateSync(join(data, ".kafka_cleanshutdown"), 0);
  const owner = { pid: 0, processStart: null, bootId: "another", hostName: "here", address: null };
  writeFileSync(join(data, ".lock"), JSON.stringify({ ...owner, isRecovered: true, token: "0" }));
}

async function readAll(data: string): Promise<Map<string, ConsumedRecord[]>> {
  const log = await open(data);
  const records = new Map<string, ConsumedRecord[]>();
  for (const topic of log.topics()) records.set(topic.name, await readPartition(topic));
  await log.close();
  return records;
}

async function readPartition(topic: Topic): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  for await (const { offset, timestamp, timestampType, headers, rawKey, rawValue } of topic.read({ partition: 0 })) {
    records.push({
      partition: 0,
      offset,
      timestampType,
      timestamp,
      headers: headers.map(([name, value]) => [name, base64(value)]),
      key: base64(rawKey),
      value: base64(rawValue),
    });
  }
  return records;
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString("base64");
}
