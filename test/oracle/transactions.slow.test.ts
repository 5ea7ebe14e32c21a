/**
 * Transactions that varve has written, in the eyes of Kafka: its tools find nothing wrong with any file and decode the state log,
 * and a broker that takes the folders over shows its readers of committed records what ours see.
 */
import { readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { append } from "../engine/engines.ts";
import { committedValues, TestProducer } from "../engine/transactions/producers.ts";
import { adopt } from "./adoption.ts";
import { KafkaBroker } from "./broker.ts";
import type { Dump, DumpedRecord } from "./dump-output.ts";
import { dumpLogSegments } from "./kafka-tools.ts";

const TOPICS = ["small", "large", "open"];
const DUMPABLE = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];
const GROUP = "oracle";

let data: string;
/** Topic → what is committed. */
const committed = new Map<string, string[]>();

/** Transactions of three producers, two of them open at once, some aborted, some with offsets; plain records in between. */
async function write(engine: Engine): Promise<void> {
  await engine.createTopic("small", { segmentBytes: 700, indexIntervalBytes: 100 });
  await engine.createTopic("large");
  await engine.createTopic("open");
  const producers = [await TestProducer.init(engine, "tx-a"), await TestProducer.init(engine, "tx-b")];
  for (let round = 0; round < 30; round++) {
    const [first, second] = round % 2 === 0 ? producers : producers.toReversed();
    for (const topic of ["small", "large"]) {
      await first.send(topic, 0, `${topic} ${round} first`, `${topic} ${round} again`);
      await second.send(topic, 0, `${topic} ${round} second`);
      append(engine.topic(topic).partition(0), `${topic} ${round} plain`);
    }
    await first.addOffsets(GROUP);
    const entries = [{ topic: "large", partition: 0, offset: round }];
    await engine.coordinator.commitInTransaction(first.id, first.identity, GROUP, entries);
    await (round % 3 === 0 ? first.abort() : first.commit());
    await (round % 5 === 0 ? second.abort() : second.commit());
  }
  // One is fenced with a transaction in its hand, and one is left open.
  await producers[0].send("open", 0, "of a zombie");
  const last = await TestProducer.init(engine, "tx-a");
  await last.send("open", 0, "committed");
  await last.commit();
  await last.send("open", 0, "not yet");
}

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "varve-transactions-"));
  const engine = await Engine.open(data);
  await write(engine);
  for (const topic of TOPICS) committed.set(topic, committedValues(engine.topic(topic).partition(0)));
  await engine.close();
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

function logsOf(topic: string): string[] {
  const folder = join(data, `${topic}-0`);
  return readdirSync(folder).flatMap((name) => (name.endsWith(".log") ? [join(folder, name)] : []));
}

describe("DumpLogSegments", () => {
  let dump: Dump;
  beforeAll(async () => {
    const files = readdirSync(data, { recursive: true, encoding: "utf8" })
      .filter((name) => DUMPABLE.includes(extname(name)))
      .map((name) => join(data, name));
    dump = await dumpLogSegments(files);
  });

  it("finds nothing wrong with any file", () => {
    expect(dump.problems).toEqual([]);
    expect(logsOf("small").length).toBeGreaterThan(5);
    expect(new Set(dump.files.map(({ path }) => extname(path)))).toEqual(new Set(DUMPABLE));
  });

  it("has an entry of .txnindex for each abort marker, in the segment of the marker", () => {
    for (const topic of TOPICS) {
      const inFolder = dump.files.filter(({ path }) => basename(dirname(path)) === `${topic}-0`);
      const markers = inFolder.flatMap(({ path, batches }) =>
        batches
          .filter(({ records }) => records[0]?.endTxnMarker === "ABORT")
          .map(({ lastOffset, producerId }) => [basename(path, ".log"), producerId, lastOffset]),
      );
      const entries = inFolder
        .filter(({ path }) => path.endsWith(".txnindex"))
        .flatMap(({ path, entries }) =>
          entries.map(({ producerId, lastOffset }) => [basename(path, ".txnindex"), producerId, lastOffset]),
        );
      expect(entries, topic).toEqual(markers);
      expect(markers.length, topic).toBeGreaterThan(0);
    }
  });

  it("decodes the state log: how each transaction went", async () => {
    const { files, problems } = await dumpLogSegments(logsOf("__transaction_state"), { decoder: "transaction-log" });
    expect(problems).toEqual([]);
    const records = files.flatMap((file) => file.batches.flatMap((batch) => batch.records));
    const states = records.map(({ key, value }: DumpedRecord) => [JSON.parse(key!).data, JSON.parse(value!).data]);
    expect(new Set(states.map(([key]) => key.transactionalId))).toEqual(new Set(["tx-a", "tx-b"]));
    const last = states.filter(([key]) => key.transactionalId === "tx-a").at(-1)![1];
    expect(last).toMatchObject({
      producerEpoch: 2,
      transactionTimeoutMs: 60_000,
      transactionStatus: 1,
      transactionPartitions: [{ topic: "open", partitionIds: [0] }],
    });
    const statuses = new Set(states.map(([, value]) => value.transactionStatus));
    // Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.
    expect([...statuses].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("decodes the offsets that were committed in transactions", async () => {
    const { files, problems } = await dumpLogSegments(logsOf("__consumer_offsets"), { decoder: "offsets" });
    expect(problems).toEqual([]);
    const batches = files.flatMap((file) => file.batches).filter(({ isTransactional }) => isTransactional);
    const offsets = batches.filter(({ isControl }) => !isControl).flatMap(({ records }) => records);
    expect(offsets.map(({ value }) => JSON.parse(value!).data.offset)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(batches.filter(({ isControl }) => isControl)).toHaveLength(30);
  });
});

describe("a broker that adopted the folders", () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start();
    await adopt(
      broker,
      TOPICS.map((topic) => ({ topic: `adopted-${topic}`, folder: join(data, `${topic}-0`) })),
    );
  });
  afterAll(() => broker?.remove());

  it.each(TOPICS)("shows readers of committed records of %s what ours see", async (topic) => {
    const values = committed.get(topic)!;
    expect(values.length).toBeGreaterThan(0);
    const served = await broker.consume(`adopted-${topic}`, {
      partition: 0,
      count: values.length,
      isolation: "read_committed",
    });
    expect(served.map(({ value }) => Buffer.from(value!, "base64").toString())).toEqual(values);
  });
});
