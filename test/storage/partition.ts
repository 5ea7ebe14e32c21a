/** One partition under test: opened with small segments on any Files, appended to, read back, compared. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hasCode, type VarveError } from "../../src/errors.ts";
import type { Batch } from "../../src/format/batch.ts";
import { BatchBuilder, type SealedBatch, type SealOptions } from "../../src/format/batch-builder.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, VALUE_AT, VALUE_LENGTH } from "../../src/format/record.ts";
import type { Files } from "../../src/storage/files.ts";
import { Log, type LogConfig, type LogEvent, type LogOptions } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { TestClock } from "../../src/testing/clock.ts";

/** Small enough for every edge to be near: a roll every few batches, an index entry for nearly each. */
export const SMALL: LogConfig = {
  segmentBytes: 1000,
  segmentMs: 7 * 24 * 3_600_000,
  segmentIndexBytes: 10 * 1024 * 1024,
  indexIntervalBytes: 100,
  retentionMs: -1,
  retentionBytes: -1,
  maxMessageBytes: 1024 * 1024,
  cleanupPolicy: "delete",
};

export const FOLDER = "/t-0";

export interface Opened {
  log: Log;
  events: LogEvent[];
}

export interface OpenChoices extends Partial<Omit<LogOptions, "config">> {
  config?: Partial<LogConfig>;
}

/** Without choices: a new log that its last owner, if there was one, closed. */
export async function openLog(files: Files, { config, ...choices }: OpenChoices = {}): Promise<Opened> {
  const events: LogEvent[] = [];
  const log = await Log.open({
    files,
    clock: new TestClock(),
    folder: FOLDER,
    topic: "t",
    partition: 0,
    topicId: "",
    config: { ...SMALL, ...config },
    readOnly: false,
    lastClose: "clean",
    recoveryPoint: 0,
    startOffset: 0,
    report: (event) => events.push(event),
    ...choices,
  });
  return { log, events };
}

export interface Written {
  key?: string | null;
  value: string | null;
  timestamp?: number;
}

/** One batch of these records. Each has a builder of its own: what it seals stays as it is. */
export function batchOf(records: readonly (Written | string)[], options: SealOptions = {}): SealedBatch {
  const builder = new BatchBuilder(256);
  for (const record of records) {
    const { key = null, value, timestamp = 0 } = typeof record === "string" ? { value: record } : record;
    builder.append(key, value, undefined, timestamp);
  }
  return builder.seal(options);
}

/** A batch of one record with a value of that length. */
export function batchOfSize(length: number, timestamp = 0): SealedBatch {
  return batchOf([{ value: "x".repeat(length), timestamp }]);
}

/** The marker that ends a transaction. */
export function markerOf(type: "commit" | "abort", producerId: number, producerEpoch = 0, timestamp = 0): SealedBatch {
  const builder = new BatchBuilder(256);
  const key = Uint8Array.of(0, 0, 0, type === "commit" ? 1 : 0);
  builder.append(key, new Uint8Array(6), undefined, timestamp);
  return builder.seal({ producerId, producerEpoch, isTransactional: true, isControl: true });
}

export interface ReadRecord {
  offset: number;
  key: string | null;
  value: string | null;
  timestamp: number;
  leaderEpoch: number;
}

/** The records of a batch, as text: latin1, so that no two byte strings look alike. */
export function recordsOf(batch: Batch): ReadRecord[] {
  const { bytes, rows, count, timestampDeltas } = batch.records(64 * 1024 * 1024);
  const text = (at: number, length: number) =>
    length < 0 ? null : Buffer.from(bytes.subarray(at, at + length)).toString("latin1");
  return Array.from({ length: count }, (_, i) => {
    const row = rows.subarray(i * COLUMNS);
    return {
      offset: batch.baseOffset + row[OFFSET_DELTA],
      key: text(row[KEY_AT], row[KEY_LENGTH]),
      value: text(row[VALUE_AT], row[VALUE_LENGTH]),
      timestamp:
        batch.timestampType === "LogAppendTime" ? batch.maxTimestamp : batch.baseTimestamp + timestampDeltas[i],
      leaderEpoch: batch.leaderEpoch,
    };
  });
}

export interface Everything {
  batches: Batch[];
  records: ReadRecord[];
  damage: VarveError[];
}

/** All there is from `from` on, in pieces of about `maxBytes`, with damage stepped over. Fails where reading does not get on. */
export function readAll(log: Log, maxBytes = 1024 * 1024, from = log.startOffset): Everything {
  const batches: Batch[] = [];
  const damage: VarveError[] = [];
  for (let offset = from; offset < log.endOffset; ) {
    const before = offset;
    try {
      const read = log.read(offset, maxBytes, log.endOffset);
      if (read.length === 0) break;
      batches.push(...read);
      offset = read[read.length - 1].nextOffset;
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT")) throw error;
      damage.push(error);
      offset = error.to!;
    }
    if (!(offset > before)) throw new Error(`reading does not get on at ${before}`);
  }
  return { batches, records: batches.flatMap((batch) => (batch.isControl ? [] : recordsOf(batch))), damage };
}

/** The values alone: what most tests compare. */
export function valuesOf(log: Log, maxBytes?: number): (string | null)[] {
  return readAll(log, maxBytes).records.map(({ value }) => value);
}

/** What a reader with read_committed gets to see. */
export function committedOf(log: Log, everything = readAll(log)): ReadRecord[] {
  const seen: ReadRecord[] = [];
  for (const batch of everything.batches) {
    if (batch.isControl || batch.baseOffset >= log.lastStableOffset) continue;
    const isAborted =
      batch.isTransactional &&
      log
        .abortedTransactions(batch.baseOffset, batch.nextOffset)
        .some(
          ({ producerId, firstOffset, lastOffset }) =>
            producerId === batch.producerId && firstOffset <= batch.baseOffset && batch.baseOffset <= lastOffset,
        );
    if (!isAborted) seen.push(...recordsOf(batch));
  }
  return seen;
}

/** Every file of the folder with its bytes: for "nothing has changed". */
export function imageOf(files: Files, folder = FOLDER): Record<string, string> {
  const image: Record<string, string> = {};
  for (const name of files.list(folder) ?? [])
    image[name] = Buffer.from(files.read(join(folder, name))!).toString("hex");
  return image;
}

export function putFile(files: Files, path: string, bytes: Uint8Array): void {
  const file = files.open(path, "write");
  file.truncate(0);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

const GOLDEN = fileURLToPath(new URL("../fixtures/golden/", import.meta.url));

/** A partition that Kafka wrote, in memory at FOLDER. */
export function goldenPartition(name: string): MemoryFiles {
  const files = new MemoryFiles();
  files.makeFolder(FOLDER);
  for (const file of readdirSync(GOLDEN + name)) {
    if (!file.endsWith(".dump.txt")) putFile(files, join(FOLDER, file), readFileSync(`${GOLDEN}${name}/${file}`));
  }
  return files;
}
