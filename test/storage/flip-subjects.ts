/** The partitions whose bits are flipped: all that Kafka wrote for us, and some of our own with all that can be in one. */
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import type { Subject } from "./bit-flips.ts";
import { COMPACT, SETTINGS } from "./compacting.ts";
import { batchOf, goldenPartition, markerOf, openLog } from "./partition.ts";

const GOLDEN = [
  "g-none-0",
  "g-gzip-0",
  "g-zstd-0",
  "g-logappend-0",
  "g-idem-0",
  "g-part-0",
  "g-rdk-lz4-0",
  "g-txn-0",
  "g-small-0",
];
const COMPACTED = ["g-compact-0", "__transaction_state-0", "__transaction_state-2"];

export function goldenSubjects(): Subject[] {
  return GOLDEN.map((name) => ({ name, files: goldenPartition(name) }));
}

export function compactedSubjects(): Subject[] {
  return COMPACTED.map((name) => ({
    name,
    files: goldenPartition(name),
    config: { cleanupPolicy: "compact" as const },
  }));
}

/** Several epochs, segments, codecs, and transactions that run into each other. */
export async function ownSubjects(): Promise<Subject[]> {
  return [
    { name: "of ours, epochs", files: await severalEpochs(3) },
    { name: "of ours, one batch per epoch", files: await severalEpochs(1) },
    { name: "of ours, transactions", files: await transactions(), config: { segmentBytes: 700 } },
    { name: "of ours, one batch", files: await severalEpochs(1, 1) },
    { name: "of ours, compacted", files: await compacted(), config: { ...COMPACT, segmentBytes: 1500 } },
  ];
}

async function severalEpochs(batches: number, epochs = 4): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const { log } = await openLog(files, {
      lastClose: epoch === 0 ? "clean" : "machine",
      config: { segmentBytes: 400 },
    });
    for (let i = 0; i < batches; i++) {
      const compression = i === 1 ? "gzip" : "none";
      log.append(batchOf([`epoch ${epoch}, batch ${i}`, "and a second record"], { compression }));
    }
    await log.close();
  }
  return files;
}

/** With gaps before, between and in the batches, which are large and small, compressed, empty, aborted. */
async function compacted(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config: { ...COMPACT, segmentBytes: 600 } });
  let baseSequence = 0;
  for (let i = 0; i < 60; i++) {
    const compression = i % 9 === 0 ? "gzip" : "none";
    const records = [0, 1, 2].map((n) => ({
      key: `k${(i * 7 + n * 5) % 23}`,
      value: i % 5 === n ? null : `${i} ${n}`,
    }));
    log.append(batchOf(records, { compression }));
    if (i % 6 === 0) {
      const written = { producerId: 4, producerEpoch: 0, baseSequence: baseSequence++, isTransactional: true };
      log.append(batchOf([{ key: `k${i % 23}`, value: `in a transaction ${i}` }], written));
      log.append(markerOf(i % 12 === 0 ? "abort" : "commit", 4));
    }
    if (i === 40) await log.compact(SETTINGS);
  }
  log.updateConfig({ ...log.config, segmentBytes: 1500 });
  await log.compact(SETTINGS);
  await log.close();
  return files;
}

async function transactions(): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config: { segmentBytes: 700 } });
  const sequences = new Map<number, number>();
  const write = (producerId: number, value: string) => {
    const baseSequence = sequences.get(producerId) ?? 0;
    sequences.set(producerId, baseSequence + 1);
    log.append(batchOf([value], { producerId, producerEpoch: 0, baseSequence, isTransactional: true }));
  };
  for (let round = 0; round < 4; round++) {
    write(1, `a${round}`);
    write(2, `b${round}`);
    // As large as a marker, which it must not be taken for.
    log.append(batchOf([`no transaction ${round}`.padEnd(10)]));
    log.append(batchOf(["ten bytes!"]));
    write(1, `A${round}`);
    log.append(markerOf(round % 2 === 0 ? "commit" : "abort", 1));
    write(2, `B${round}`);
    log.append(markerOf(round % 2 === 0 ? "abort" : "commit", 2));
  }
  await log.close();
  return files;
}
