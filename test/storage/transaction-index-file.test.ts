/** The `.txnindex` of our own segments: always what the markers say. */
import { describe, expect, it } from "vitest";
import type { AbortedTransaction } from "../../src/format/transaction-index.ts";
import * as transactionIndex from "../../src/format/transaction-index.ts";
import type { Files } from "../../src/storage/files.ts";
import type { LastClose, Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { segmentFile } from "../../src/storage/paths.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, FOLDER, markerOf, openLog } from "./partition.ts";

async function openSized(files: Files, segmentBytes = 1 << 20, lastClose: LastClose = "clean"): Promise<Log> {
  return (await openLog(files, { config: { segmentBytes }, lastClose })).log;
}

function write(log: Log, producerId: number, baseSequence: number): void {
  log.append(batchOf(["v"], { producerId, producerEpoch: 0, baseSequence, isTransactional: true }));
}

/** Three aborted transactions and a committed one, two of them open at once, over several segments where these are small. */
function writeTransactions(log: Log): void {
  for (let sequence = 0; sequence < 4; sequence++) {
    write(log, 1, sequence);
    write(log, 2, sequence);
    if (sequence === 1) log.appendMarker(markerOf("abort", 1));
    if (sequence === 2) log.appendMarker(markerOf("commit", 2));
  }
  log.appendMarker(markerOf("abort", 2));
  log.appendMarker(markerOf("abort", 1));
}

function entriesIn(files: MemoryFiles): AbortedTransaction[] {
  const names = files.list(FOLDER)!.filter((name) => name.endsWith(".txnindex"));
  return names.flatMap((name) => {
    const bytes = files.read(`${FOLDER}/${name}`)!;
    expect(bytes.length % transactionIndex.ENTRY_BYTES).toBe(0);
    const count = bytes.length / transactionIndex.ENTRY_BYTES;
    return Array.from({ length: count }, (_, index) => transactionIndex.readEntry(bytes, index));
  });
}

const EXPECTED = [
  { producerId: 1, firstOffset: 0, lastOffset: 4, lastStableOffset: 1 },
  { producerId: 2, firstOffset: 9, lastOffset: 10, lastStableOffset: 5 },
  { producerId: 1, firstOffset: 5, lastOffset: 11, lastStableOffset: 12 },
];

describe(".txnindex", () => {
  it.each(["index", "timeindex"] as const)(
    "is made again where a power cut brings a deleted log back without its %s",
    async (kind) => {
      const files = new MemoryFiles();
      const log = await openSized(files, 300);
      writeTransactions(log);
      await log.flush();
      log.closeNow();
      for (const lost of [kind, "txnindex"] as const)
        for (const name of files.list(FOLDER)!)
          if (name.endsWith(`.${lost}`) && name < segmentFile(9, lost)) files.remove(`${FOLDER}/${name}`);
      expect(entriesIn(files).length).toBeLessThan(EXPECTED.length);
      const recoveryPoint = log.endOffset;
      const { log: again } = await openLog(files, {
        config: { segmentBytes: 300 },
        lastClose: "machine",
        recoveryPoint,
      });
      expect(entriesIn(files)).toEqual(EXPECTED);
      await again.close();
    },
  );

  it.each([1 << 20, 300])(
    "has each aborted transaction in the segment of its marker, with segments of %i bytes",
    async (bytes) => {
      const files = new MemoryFiles();
      const log = await openSized(files, bytes);
      writeTransactions(log);
      expect(entriesIn(files)).toEqual(EXPECTED);
      await log.close();
      const again = await openSized(files, bytes);
      expect(again.abortedTransactions(0, 12)).toMatchObject(EXPECTED);
      write(again, 3, 0);
      again.appendMarker(markerOf("abort", 3));
      const more = [...EXPECTED, { producerId: 3, firstOffset: 12, lastOffset: 13, lastStableOffset: 14 }];
      expect(entriesIn(files)).toEqual(more);
      await again.close();
    },
  );

  it("is not made where nothing is aborted", async () => {
    const files = new MemoryFiles();
    const log = await openSized(files);
    write(log, 1, 0);
    log.appendMarker(markerOf("commit", 1));
    await log.close();
    expect(files.list(FOLDER)!.filter((name) => name.endsWith(".txnindex"))).toEqual([]);
  });

  it.each([
    ["lost", (files: MemoryFiles, path: string) => files.remove(path)],
    ["torn", (files: MemoryFiles, path: string) => files.open(path, "write").truncate(40)],
    ["zeroed", (files: MemoryFiles, path: string) => files.open(path, "write").write(new Uint8Array(34), 0, 34, 34)],
    ["too long", (files: MemoryFiles, path: string) => files.open(path, "write").write(files.read(path)!, 0, 102, 102)],
  ])("that was %s in a crash is made again from the markers", async (_, damage) => {
    const files = new MemoryFiles();
    const log = await openSized(files);
    writeTransactions(log);
    log.closeNow();
    damage(files, `${FOLDER}/${segmentFile(0, "txnindex")}`);
    const again = await openSized(files, 1 << 20, "process");
    expect(entriesIn(files)).toEqual(EXPECTED);
    await again.close();
  });

  it("goes when the end of the log is cut to before its markers", async () => {
    const files = new MemoryFiles();
    const log = await openSized(files);
    writeTransactions(log);
    log.truncateTo(10);
    expect(entriesIn(files)).toEqual(EXPECTED.slice(0, 1));
    log.truncateTo(2);
    expect(entriesIn(files)).toEqual([]);
    await log.close();
  });

  it("stops no append when it cannot be written, and is made anew when the segment is sealed", async () => {
    const memory = new MemoryFiles();
    const files = new FaultyFiles(memory);
    const log = await openSized(files);
    const restore = files.fail({ on: "write", path: /txnindex$/, code: "VARVE_NO_SPACE", times: 9 });
    writeTransactions(log);
    expect(entriesIn(memory)).toEqual([]);
    restore();
    log.roll();
    expect(entriesIn(memory)).toEqual(EXPECTED);
    await log.close();
  });
});
