/**
 * Compaction in the eyes of Kafka: its own cleaner keeps the same records of the same partition, its tools find nothing wrong with
 * what ours leaves, and a broker that adopts that serves it as we do.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseOffsetCheckpoint } from "../../src/format/checkpoints.ts";
import { systemClock } from "../../src/storage/clock.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import type { Log } from "../../src/storage/log.ts";
import { randomFor } from "../sampling.ts";
import { COMPACT, DAY, expectCompacted, SETTINGS } from "../storage/compacting.ts";
import { batchOf, committedOf, markerOf, openLog, type ReadRecord, readAll } from "../storage/partition.ts";
import { adopt } from "./adoption.ts";
import { type ConsumedRecord, KafkaBroker } from "./broker.ts";
import { dumpLogSegments } from "./kafka-tools.ts";

const SEGMENT_BYTES = 4000;
const COUNT = 400;
const CLEANED_WITHIN_MS = 60_000;
const producers = [11, 12, 13];

const root = mkdtempSync(join(tmpdir(), "varve-compaction-"));
const dirty = join(root, "dirty-0");
const ours = join(root, "ours-0");
let log: Log;
let all: ReadRecord[];
let before: ReadRecord[];
let cleanedOffset = 0;

function open(folder: string): Promise<{ log: Log }> {
  const config = { ...COMPACT, segmentBytes: SEGMENT_BYTES };
  return openLog(new DiskFiles({ root }), {
    clock: systemClock,
    folder,
    config,
  });
}

/** Keys again and again, tombstones, codecs, sequences, transactions that end well and that do not, also across segments. */
function write(log: Log): void {
  const random = randomFor("compaction");
  const below = (most: number) => Math.floor(random() * most);
  const sequences = new Map(producers.map((id) => [id, 0]));
  const open = new Set<number>();
  const timestamp = Date.now() - 3_600_000;
  for (let i = 0; i < COUNT; i++) {
    const records = Array.from({ length: 1 + below(6) }, (_, n) => {
      const value = below(6) === 0 ? null : `value ${i} ${n}`.padEnd(below(80));
      return { key: `key ${below(60)}`, value, timestamp: timestamp + i * 1000 - below(3000) };
    });
    const compression = below(4) === 0 ? "gzip" : "none";
    const producerId = producers[below(producers.length)];
    if (below(3) === 0) {
      log.append(batchOf(records, { compression }));
      continue;
    }
    const baseSequence = sequences.get(producerId)!;
    sequences.set(producerId, baseSequence + records.length);
    // The third is idempotent and nothing more.
    const isTransactional = producerId !== 13;
    log.append(batchOf(records, { compression, producerId, producerEpoch: 0, baseSequence, isTransactional }));
    if (isTransactional) open.add(producerId);
    if (!isTransactional || below(2) > 0) continue;
    log.append(markerOf(below(2) > 0 ? "commit" : "abort", producerId, 0, timestamp + i * 1000));
    open.delete(producerId);
  }
  for (const producerId of open) log.append(markerOf("commit", producerId, 0, timestamp + COUNT * 1000));
}

beforeAll(async () => {
  const made = await openLog(new DiskFiles({ root }), {
    clock: systemClock,
    folder: dirty,
    config: { ...COMPACT, segmentBytes: SEGMENT_BYTES },
  });
  write(made.log);
  all = readAll(made.log).records;
  before = committedOf(made.log);
  await made.log.close();
  cpSync(dirty, ours, { recursive: true });
  ({ log } = await open(ours));
  ({ cleanedOffset } = await log.compact(SETTINGS));
});
afterAll(async () => {
  await log?.close();
  rmSync(root, { recursive: true, force: true });
});

it("keeps what it must, and a good deal goes", () => {
  expectCompacted(log, before, all);
  expect(readAll(log).records.length).toBeLessThan(before.length / 3);
  expect(log.cleanedOffset).toBeGreaterThan(before.length / 2);
});

it("DumpLogSegments finds nothing wrong with any file", async () => {
  await log.close();
  const kinds = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];
  const files = readdirSync(ours).filter((name) => kinds.includes(extname(name)));
  const dump = await dumpLogSegments(files.map((name) => join(ours, name)));
  // The tool tells of the gaps that compaction is about.
  expect(dump.problems.filter(({ kind }) => kind !== "gap")).toEqual([]);
  expect(dump.files).toHaveLength(files.length);
  ({ log } = await open(ours));
});

describe("a broker", () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    process.env.EXTRA = "log.cleaner.backoff.ms=500;log.cleaner.dedupe.buffer.size=8388608";
    broker = await KafkaBroker.start();
    const compact = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.0001" };
    await adopt(broker, [
      { topic: "ours", folder: ours },
      {
        topic: "theirs",
        folder: dirty,
        config: { ...compact, "segment.bytes": "1048576", "delete.retention.ms": `${DAY}` },
      },
    ]);
  });
  afterAll(async () => {
    delete process.env.EXTRA;
    await broker?.remove();
  });

  it.each(["read_committed", "read_uncommitted"] as const)(
    "that adopts it serves it as we do, %s",
    async (isolation) => {
      const records = isolation === "read_committed" ? committedOf(log) : readAll(log).records;
      const served = await broker.consume("ours", { partition: 0, count: records.length, isolation });
      expect(served.map(told)).toEqual(records.map(toldByUs));
    },
  );

  it("keeps the same records when its own cleaner does the work", async () => {
    await cleanedBy(broker, "theirs");
    await broker.stop();
    const folder = join(root, "theirs-0");
    cpSync(join(broker.dataFolder, "theirs-0"), folder, { recursive: true });
    const { log: theirs } = await open(folder);
    expect(readAll(theirs).damage).toEqual([]);
    expect(readAll(theirs).records).toEqual(readAll(log).records);
    expect(markersIn(theirs)).toEqual(markersIn(log));
    expect(sequencesIn(theirs)).toEqual(sequencesIn(log));
    await theirs.close();
  });
});

async function cleanedBy(broker: KafkaBroker, topic: string): Promise<void> {
  for (let waited = 0; waited < CLEANED_WITHIN_MS; waited += 200) {
    const checkpoint = join(broker.dataFolder, "cleaner-offset-checkpoint");
    const bytes = readFileSync(checkpoint);
    // It is empty until the cleaner has done something.
    const entries = bytes.length > 0 ? parseOffsetCheckpoint(bytes, checkpoint) : [];
    if (entries.some((entry) => entry.topic === topic && entry.offset >= cleanedOffset)) return;
    await pause(200);
  }
  throw new Error(`the broker has not compacted ${topic} within ${CLEANED_WITHIN_MS} ms`);
}

function markersIn(log: Log): [number, number, boolean][] {
  const markers = readAll(log).batches.filter((batch) => batch.isControl);
  return markers.map(({ baseOffset, recordCount, deleteHorizonMs }) => [
    baseOffset,
    recordCount,
    deleteHorizonMs !== undefined,
  ]);
}

/** The last batch of each producer, also where it is empty. */
function sequencesIn(log: Log): [number, number, number][] {
  const last = new Map<number, [number, number, number]>();
  for (const { producerId, lastSequence, lastOffset, isControl } of readAll(log).batches) {
    if (producerId >= 0 && !isControl) last.set(producerId, [producerId, lastSequence, lastOffset]);
  }
  return [...last.values()].sort(([a], [b]) => a - b);
}

const base64 = (text: string | null) => text && Buffer.from(text, "latin1").toString("base64");
const told = ({ offset, key, value, timestamp }: ConsumedRecord) => [offset, key, value, timestamp];
const toldByUs = ({ offset, key, value, timestamp }: ReadRecord) => [offset, base64(key), base64(value), timestamp];
