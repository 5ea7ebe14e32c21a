/** What varve writes, in the eyes of Kafka's own tools: nothing is wrong with any file, and every record is the one we read. */
import { readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adopt } from "./adoption.ts";
import { type ConsumedRecord, KafkaBroker } from "./broker.ts";
import type { Dump, DumpedFile, DumpedRecord } from "./dump-output.ts";
import { dumpLogSegments } from "./kafka-tools.ts";
import { GROUP, WRITABLE, type Written, writeDirectory } from "./written.ts";

const TOPICS = [...WRITABLE, "segments", "oddities", "deleted", "truncated", "torn", "process", "power"];
/** The versions of the keys in `__consumer_offsets` tell what a record is. */
const OFFSET_KEY = "1";
const GROUP_METADATA_KEY = "2";
const DUMPABLE = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];

let data: string;
let written: Written;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "varve-written-"));
  written = await writeDirectory(data);
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

describe("DumpLogSegments", () => {
  let dump: Dump;
  beforeAll(async () => {
    const files = readdirSync(data, { recursive: true, encoding: "utf8" })
      .filter((name) => DUMPABLE.includes(extname(name)))
      .map((name) => join(data, name));
    dump = await dumpLogSegments(files);
    expect(dump.files.map(({ path }) => path)).toEqual(files);
  });

  it("finds nothing wrong with any file", () => {
    expect(dump.problems).toEqual([]);
    const kinds = new Set(dump.files.map(({ path }) => extname(path)));
    expect([...kinds].sort()).toEqual([".index", ".log", ".snapshot", ".timeindex"]);
    for (const topic of ["segments", "deleted", "process", "power"])
      expect(logsOf(topic).length, topic).toBeGreaterThan(1);
    expect(dump.files.filter(({ path }) => path.endsWith(".index")).some(({ entries }) => entries.length > 2)).toBe(
      true,
    );
  });

  it("sees the codecs", () => {
    const codecs = WRITABLE.map((codec) => logsOf(codec)[0].batches[0].compresscodec);
    expect(codecs).toEqual(WRITABLE);
  });

  it("reads the records that we read", () => {
    for (const topic of TOPICS) expect(written.records.get(topic)!.length, topic).toBeGreaterThan(4);
    for (const [topic, records] of written.records) {
      const dumped = logsOf(topic).flatMap((file) => file.batches.flatMap((batch) => batch.records));
      // Where a log starts inside a batch, the tool shows all of it.
      const from = records[0]?.offset ?? Number.POSITIVE_INFINITY;
      expect(dumped.filter(({ offset }) => offset >= from).map(told), topic).toEqual(records.map(toldByUs));
    }
  });

  it("decodes the committed offsets", async () => {
    const files = logsOf("__consumer_offsets").map(({ path }) => path);
    const { files: decoded, problems } = await dumpLogSegments(files, { decoder: "offsets" });
    expect(problems).toEqual([]);
    const last = new Map<string, number>();
    for (const { key, value } of decoded.flatMap((file) => file.batches.flatMap((batch) => batch.records))) {
      const { type, data: where } = JSON.parse(key!);
      if (type === GROUP_METADATA_KEY) continue;
      expect(type).toBe(OFFSET_KEY);
      if (where.group === GROUP && where.partition === 0)
        last.set(`${GROUP} ${where.topic}`, JSON.parse(value!).data.offset);
    }
    expect(last).toEqual(written.committed);
  });

  /** In the order of their offsets. */
  function logsOf(topic: string): DumpedFile[] {
    return dump.files.filter(({ path }) => path.endsWith(".log") && basename(dirname(path)) === `${topic}-0`);
  }
});

describe("a broker that adopted varve's folders", () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start();
    await adopt(
      broker,
      TOPICS.map((topic) => ({ topic: `adopted-${topic}`, folder: join(data, `${topic}-0`) })),
    );
  });
  afterAll(() => broker?.remove());

  it("has their end offsets", async () => {
    const ends = await broker.endOffsets(TOPICS.map((topic) => `adopted-${topic}`));
    const expected = TOPICS.map((topic) => [`adopted-${topic}-0`, endOf(written.records.get(topic)!)]);
    expect(ends).toEqual(Object.fromEntries(expected));
  });

  // The others are as these; each takes the broker's tools a few seconds.
  it.each([...WRITABLE, "segments", "oddities", "truncated", "torn", "process"])(
    "serves %s record for record",
    async (topic) => {
      const records = written.records.get(topic)!;
      const served = await broker.consume(`adopted-${topic}`, { partition: 0, count: records.length });
      expect(served).toEqual(records);
    },
  );

  it("appends behind them", async () => {
    const records = written.records.get("torn")!;
    await broker.produce("adopted-torn", ["one more"]);
    const served = await broker.consume("adopted-torn", { partition: 0, count: records.length + 1 });
    expect(served.at(-1)).toMatchObject({ offset: endOf(records), value: Buffer.from("one more").toString("base64") });
  });
});

function endOf(records: readonly ConsumedRecord[]): number {
  return records[records.length - 1].offset + 1;
}

function told({ offset, timestamp, key, value, headerKeys }: DumpedRecord) {
  return { offset, timestamp, key, value, headerKeys };
}

function toldByUs({ offset, timestamp, key, value, headers }: ConsumedRecord) {
  const text = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, "base64").toString());
  return { offset, timestamp, key: text(key), value: text(value), headerKeys: headers.map(([name]) => name) };
}
