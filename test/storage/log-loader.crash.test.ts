/** States of a partition folder that only a crash makes, each met by the crash explorer first. */
import { expect, it } from "vitest";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { Log, type LogEvent, type LogOptions } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { explore } from "../simulation/explore.ts";

const CONFIG = {
  segmentBytes: 100,
  segmentMs: 1e12,
  segmentIndexBytes: 1e6,
  indexIntervalBytes: 0,
  retentionMs: -1,
  retentionBytes: -1,
  maxMessageBytes: 1e6,
  cleanupPolicy: "delete",
} as const;

function open(files: LogOptions["files"], more: Partial<LogOptions> = {}): Promise<Log> {
  const place = { folder: "/t-0", topic: "t", partition: 0, topicId: "" };
  const rest = { config: CONFIG, readOnly: false, recoveryPoint: 0, startOffset: 0, report: () => {} };
  return Log.open({ files, clock: new TestClock(), ...place, ...rest, lastClose: "clean", ...more });
}

/** One record of its own, in a segment of its own. */
function append(log: Log, count: number): void {
  for (let i = 0; i < count; i++) {
    const builder = new BatchBuilder();
    builder.append(null, `record ${log.endOffset}`, undefined, 1);
    log.append(builder.seal());
  }
}

function put(files: MemoryFiles, path: string, bytes: Uint8Array): void {
  const file = files.open(path, "write");
  file.truncate(0);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

const logsIn = (files: MemoryFiles) => files.list("/t-0")!.filter((name) => name.endsWith(".log"));

it("segments before the log start that a power cut has brought back are deleted, also with holes between them", async () => {
  const files = new MemoryFiles();
  const log = await open(files);
  append(log, 5);
  await log.close();
  files.remove("/t-0/00000000000000000001.log");
  files.remove("/t-0/00000000000000000002.log");

  const again = await open(files, { lastClose: "machine", startOffset: 3 });
  expect(logsIn(files)).toEqual(["00000000000000000003.log", "00000000000000000004.log"]);
  expect([again.startOffset, again.endOffset]).toEqual([3, 5]);
});

it("the indexes of a segment that ends at the recovery point are made again: it may have been sealed after the sync", async () => {
  const files = new MemoryFiles();
  const log = await open(files);
  append(log, 1);
  await log.flush();
  append(log, 1);
  log.closeNow();
  put(files, "/t-0/00000000000000000000.timeindex", new Uint8Array(0));

  await open(files, { lastClose: "machine", recoveryPoint: 1 });
  expect(files.stat("/t-0/00000000000000000000.timeindex")?.size).toBe(12);
});

it("a suffix that was never synced is cut without a word about corruption", async () => {
  const files = new MemoryFiles();
  const log = await open(files, { config: { ...CONFIG, segmentBytes: 1000 } });
  append(log, 2);
  log.closeNow();
  const path = "/t-0/00000000000000000000.log";
  const bytes = files.read(path)!;
  bytes[bytes.length - 1] ^= 1;
  put(files, path, bytes);

  const events: LogEvent[] = [];
  const again = await open(files, { lastClose: "machine", report: (event) => events.push(event) });
  expect(again.endOffset).toBe(1);
  expect(events.map((event) => event.kind)).toEqual(["recovered"]);
});

it("an open that fails leaves no file open", async () => {
  const files = new MemoryFiles();
  const log = await open(files);
  append(log, 2);
  log.closeNow();
  const faulty = new FaultyFiles(files);
  faulty.fail({ on: "sync", path: /leader-epoch-checkpoint/, code: "VARVE_IO" });
  await expect(open(faulty, { lastClose: "machine" })).rejects.toMatchObject({ code: "VARVE_IO" });
  expect(faulty.openPaths).toEqual([]);
});

it("a partition that was never written to is opened read-only after a kill", async () => {
  const files = new MemoryFiles();
  (await open(files)).closeNow();
  for (const _ of ["with", "without"]) {
    const again = await open(files, { readOnly: true, lastClose: "process" });
    expect([again.startOffset, again.endOffset]).toEqual([0, 0]);
    files.remove("/t-0/leader-epoch-checkpoint");
  }
});

it("what a power cut leaves of a log that was never synced begins at its start", async () => {
  const { checked } = await explore<number>({
    seed: 1,
    budget: 1000,
    replay: {},
    workload: async ({ files, ack }) => {
      const log = await open(files);
      ack(0);
      append(log, 3);
    },
    check: async ({ files }, acks, kind) => {
      const log = await open(files, { lastClose: kind });
      const offsets: number[] = [];
      while (log.startOffset + offsets.length < log.endOffset) {
        offsets.push(log.read(log.startOffset + offsets.length, 1, log.endOffset)[0].baseOffset);
      }
      expect(offsets).toEqual([0, 1, 2].slice(0, acks.length > 0 ? offsets.length : 0));
    },
  });
  expect(checked).toBeGreaterThan(100);
});

it("what recovery cuts off stays cut off, also when nothing is left", async () => {
  const files = new MemoryFiles();
  const log = await open(files);
  append(log, 1);
  log.closeNow();
  const path = "/t-0/00000000000000000000.log";
  put(files, path, files.read(path)!.fill(0, 0, 20));

  const { checked } = await explore<number>({
    seed: 1,
    budget: 1000,
    replay: {},
    base: files,
    workload: async (world) => {
      const recovered = await open(world.files, { lastClose: "machine" });
      await recovered.flush();
      world.ack(0);
    },
    check: ({ files: left }, acks) => {
      if (acks.length > 0) expect(left.stat(path)?.size).toBe(0);
    },
  });
  expect(checked).toBeGreaterThan(20);
});
