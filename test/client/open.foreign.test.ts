/** A data directory that Kafka wrote, read through the public API: the expectations were read by Kafka's own Java consumer. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsumerRecord, type Isolation, open, type VarveLog } from "../../src/index.ts";

interface ExpectedRecord {
  offset: number;
  ts: number;
  tsType: string;
  key: string | null;
  value: string | null;
  leaderEpoch: number;
  headers: [string, string | null][];
}

const GOLDEN = new URL("../fixtures/golden/", import.meta.url).pathname;
const expected = JSON.parse(readFileSync(`${GOLDEN}expected.json`, "utf8"));
const folders = Object.keys(expected.read_uncommitted);

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("base64");
}

function plain(record: ConsumerRecord): ExpectedRecord {
  return {
    offset: record.offset,
    ts: record.timestamp,
    tsType: record.timestampType,
    key: base64(record.rawKey),
    value: base64(record.rawValue),
    leaderEpoch: record.leaderEpoch,
    headers: record.headers.map(([name, value]) => [name, base64(value)]),
  };
}

function placeOf(folder: string): [topic: string, partition: number] {
  const dash = folder.lastIndexOf("-");
  return [folder.slice(0, dash), Number(folder.slice(dash + 1))];
}

let log: VarveLog;
beforeAll(async () => {
  log = await open(GOLDEN, { readOnly: true });
});
afterAll(() => log.close());

describe.each(["read_uncommitted", "read_committed"] as Isolation[])("%s", (isolation) => {
  const recordsOf = (folder: string): ExpectedRecord[] => {
    const all: ExpectedRecord[] = expected.read_uncommitted[folder].records;
    if (isolation === "read_uncommitted") return all;
    const visible = new Set<number>(expected.read_committed[folder].records);
    return all.filter(({ offset }) => visible.has(offset));
  };

  it.each(folders)("%s reads as Kafka reads it", async (folder) => {
    const [topic, partition] = placeOf(folder);
    const read: ExpectedRecord[] = [];
    for await (const record of log.topic(topic).read({ partition, isolation })) read.push(plain(record));
    expect(read).toEqual(recordsOf(folder));
  });

  it.each(folders)("%s in batches and in small chunks is the same", async (folder) => {
    const [topic, partition] = placeOf(folder);
    const read: number[] = [];
    const consumer = log.consumer({ topics: [topic], partitions: [partition], until: "end", isolation, maxBytes: 100 });
    for await (const batch of consumer.batches({ maxRecords: 3 })) for (const record of batch) read.push(record.offset);
    await consumer.close();
    expect(read).toEqual(recordsOf(folder).map(({ offset }) => offset));
  });

  it.each(folders)("%s from every offset on", async (folder) => {
    const [topic, partition] = placeOf(folder);
    const offsets = recordsOf(folder).map(({ offset }) => offset);
    const { beginningOffset, endOffset } = expected.read_uncommitted[folder];
    for (let from = beginningOffset; from <= endOffset; from++) {
      const first = await log.topic(topic).read({ partition, from, isolation }).next();
      expect(first.value?.offset).toBe(offsets.find((offset) => offset >= from));
    }
  });
});

describe("single records of a foreign topic", () => {
  it.each(folders)("%s: get gives what read_committed shows, and nothing else", async (folder) => {
    const [topic, partition] = placeOf(folder);
    const visible = new Set<number>(expected.read_committed[folder].records);
    for (let offset = 0; offset < expected.read_uncommitted[folder].endOffset; offset++) {
      const record = await log.topic(topic).get(partition, offset);
      expect(record?.offset).toBe(visible.has(offset) ? offset : undefined);
    }
  });

  it("values are bytes unless told otherwise", async () => {
    const topic = log.topic<Uint8Array>("g-part");
    const [record] = await topic.all({ partition: 0 });
    expect(record.value).toBeInstanceOf(Uint8Array);
    const consumer = topic.consumer({ codec: { encode: () => "", decode: (bytes) => bytes }, until: "end" });
    for await (const one of consumer) expect(one.value).toBeInstanceOf(Uint8Array);
    await consumer.close();
  });
});
