/** Compaction: what stays, by Kafka's rules and Kafka's own files; and that nobody beside it is disturbed. */
import { describe, expect, it } from "vitest";
import { hasCode } from "../../src/errors.ts";
import * as offsetIndex from "../../src/format/offset-index.ts";
import * as transactionIndex from "../../src/format/transaction-index.ts";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { COMPACT, DAY, expectCompacted, HastyClock, latestIn, leftoversIn, SETTINGS } from "./compacting.ts";
import {
  batchOf,
  committedOf,
  FOLDER,
  goldenPartition,
  markerOf,
  type OpenChoices,
  openLog,
  putFile,
  readAll,
  type Written,
} from "./partition.ts";

async function compactLog(files = new MemoryFiles(), { config, ...choices }: OpenChoices = {}) {
  const clock = new TestClock();
  const opened = await openLog(files, { clock, config: { ...COMPACT, segmentBytes: 100_000, ...config }, ...choices });
  return { files, clock, ...opened };
}

function put(log: Log, ...records: [key: string | null, value: string | null, timestamp?: number][]): void {
  log.append(batchOf(records.map(([key, value, timestamp]): Written => ({ key, value, timestamp }))));
}

/** What is there, as "offset key=value". */
const textsOf = (log: Log) => readAll(log).records.map(({ offset, key, value }) => `${offset} ${key}=${value}`);
const shapeOf = (log: Log) =>
  readAll(log).batches.map(({ baseOffset, lastOffset, recordCount }) => [baseOffset, lastOffset, recordCount]);

describe("the golden compacted topic", () => {
  const config = { ...COMPACT, segmentBytes: 1000 };

  it("keeps exactly the records, and the batches, that Kafka kept", async () => {
    const { log: kafka } = await compactLog(goldenPartition("g-compact-0"), { config, readOnly: true });
    const { log } = await compactLog(goldenPartition("pre-compaction/g-compact-0"), { config });
    await log.compact({ ...SETTINGS, endsActive: true });
    const bytesOf = (log: Log) =>
      readAll(log).batches.map(({ bytes, at, sizeInBytes }) =>
        Buffer.from(bytes).toString("hex", at, at + sizeInBytes),
      );
    expect(readAll(log).records).toHaveLength(45);
    expect(readAll(log).records).toEqual(readAll(kafka).records);
    expect(bytesOf(log)).toEqual(bytesOf(kafka));
    expect(log.cleanedOffset).toBe(175);
  });
});

describe("of each key the latest record stays", () => {
  it("below the active segment; offsets and batches keep their place", async () => {
    const { log, files } = await compactLog();
    put(log, ["a", "1"], ["b", "1"], ["a", "2"]);
    put(log, ["c", "1"]);
    put(log, ["b", "2"], [null, "no key"], ["d", "1"]);
    log.roll();
    put(log, ["a", "3"], [null, "active"]);
    const before = committedOf(log);
    const compacted = await log.compact(SETTINGS);
    expect(textsOf(log)).toEqual(["2 a=2", "3 c=1", "4 b=2", "6 d=1", "7 a=3", "8 null=active"]);
    expect(shapeOf(log)).toEqual([
      [0, 2, 1],
      [3, 3, 1],
      [4, 6, 2],
      [7, 8, 2],
    ]);
    expectCompacted(log, before);
    expect(compacted).toMatchObject({ cleanedOffset: 7, recordsBefore: 7, recordsAfter: 4 });
    expect(compacted.bytesAfter).toBeLessThan(compacted.bytesBefore);
    expect(leftoversIn(files)).toEqual([]);
    await log.close();
    const { log: reopened, events } = await compactLog(files, { recoveryPoint: 9 });
    expect(textsOf(reopened)).toHaveLength(6);
    expect(events).toEqual([]);
  });

  it("also of keys that were compacted before, and again and again", async () => {
    const { log } = await compactLog();
    for (let round = 0; round < 5; round++) {
      put(log, ["a", `${round}`], [`only ${round}`, "x"]);
      log.roll();
      const before = committedOf(log);
      await log.compact(SETTINGS);
      expectCompacted(log, before);
    }
    expect(textsOf(log)).toHaveLength(6);
  });

  it("with more keys than the map holds, in several passes", async () => {
    const { log } = await compactLog();
    for (let i = 0; i < 100; i++) put(log, [`k${i % 37}`, `${i}`], [`k${(i * 7) % 41}`, `and ${i}`]);
    log.roll();
    const before = committedOf(log);
    await log.compact({ ...SETTINGS, mostKeys: 5 });
    expect(log.cleanedOffset).toBe(200);
    expectCompacted(log, before);
  });

  it("the active segment ends first when it was asked for, and something was written to it", async () => {
    const { log, files } = await compactLog();
    put(log, ["a", "1"], ["a", "2"]);
    await log.compact({ ...SETTINGS, endsActive: true });
    expect(textsOf(log)).toEqual(["1 a=2"]);
    put(log, ["a", "3"]);
    await log.close();
    const { log: reopened } = await compactLog(files, { recoveryPoint: 3, cleanedOffset: 2 });
    await reopened.compact({ ...SETTINGS, endsActive: true });
    expect(textsOf(reopened)).toEqual(["1 a=2", "2 a=3"]);
  });

  it.each(["gzip", "snappy", "lz4"] as const)("of compressed batches (%s), which stay so", async (compression) => {
    const { log } = await compactLog();
    const records = Array.from({ length: 50 }, (_, i) => ({ key: `k${i % 9}`, value: "v".repeat(i), timestamp: i }));
    log.append(batchOf(records, { compression }));
    put(log, ["k3", "later"]);
    log.roll();
    const before = committedOf(log);
    await log.compact(SETTINGS);
    expectCompacted(log, before);
    expect(readAll(log).batches.map((batch) => batch.compression)).toEqual([compression, "none"]);
    expect(readAll(log).batches[0].maxTimestamp).toBe(49);
  });

  it("of batches with the time of their append", async () => {
    const { log } = await compactLog();
    const records = [1, 2, 3].map((n) => ({ key: `k${n % 2}`, value: `${n}`, timestamp: n }));
    log.append(batchOf(records, { timestampType: "LogAppendTime", appendTimestamp: 77 }));
    put(log, ["k9", "x", 5]);
    log.roll();
    await log.compact(SETTINGS);
    const [batch] = readAll(log).batches;
    expect([batch.recordCount, batch.baseTimestamp, batch.maxTimestamp, batch.timestampType]).toEqual([
      2,
      77,
      77,
      "LogAppendTime",
    ]);
  });
});

describe("what is not compacted yet", () => {
  it("segments with a record younger than minCompactionLagMs", async () => {
    const { log, clock } = await compactLog();
    for (const age of [3000, 1000, 0]) {
      put(log, ["a", `${age}`, clock.now() - age], ["a", `${age}!`, clock.now() - age]);
      log.roll();
    }
    await log.compact({ ...SETTINGS, minCompactionLagMs: 2000 });
    expect(log.cleanedOffset).toBe(2);
    expect(textsOf(log)).toHaveLength(5);
    clock.advance(1500);
    await log.compact({ ...SETTINGS, minCompactionLagMs: 2000 });
    expect(log.cleanedOffset).toBe(4);
  });

  it("what lies behind the first open transaction", async () => {
    const { log } = await compactLog();
    put(log, ["a", "1"], ["a", "2"]);
    log.roll();
    log.append(
      batchOf([{ key: "a", value: "3" }], { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true }),
    );
    log.roll();
    put(log, ["a", "4"], ["a", "5"]);
    log.roll();
    await log.compact(SETTINGS);
    expect([log.cleanedOffset, textsOf(log)]).toEqual([2, ["1 a=2", "2 a=3", "3 a=4", "4 a=5"]]);
  });

  it("a log is overdue when its oldest dirty record is older than maxCompactionLagMs", async () => {
    const { log, clock } = await compactLog();
    put(log, ["a", "1", clock.now() - 5000]);
    log.roll();
    const limits = { minCompactionLagMs: 0, maxCompactionLagMs: 6000 };
    expect(await log.compaction.cleanable(limits)).toMatchObject({
      isOverdue: false,
      cleanBytes: 0,
      dirtyBytes: log.sizeInBytes,
    });
    clock.advance(1500);
    expect(await log.compaction.cleanable(limits)).toMatchObject({ isOverdue: true });
    await log.compact(SETTINGS);
    expect(await log.compaction.cleanable(limits)).toMatchObject({
      isOverdue: false,
      dirtyBytes: 0,
      cleanBytes: log.sizeInBytes,
    });
  });
});

describe("tombstones", () => {
  it("stay for deleteRetentionMs from the compaction that met them first, and then go", async () => {
    const { log, clock } = await compactLog();
    put(log, ["a", "1", 10], ["b", "1", 11]);
    put(log, ["a", null, 12], ["c", "1", 20]);
    log.roll();
    put(log, ["d", "1"]);
    log.roll();
    await log.compact(SETTINGS);
    const horizon = clock.now() + DAY;
    expect(textsOf(log)).toEqual(["1 b=1", "2 a=null", "3 c=1", "4 d=1"]);
    expect(readAll(log).batches.map((batch) => batch.deleteHorizonMs)).toEqual([undefined, horizon, undefined]);
    expect(readAll(log).records.map(({ timestamp }) => timestamp)).toEqual([11, 12, 20, 0]);
    for (const [wait, texts] of [
      [DAY - 1, ["1 b=1", "2 a=null", "3 c=1", "4 d=1", "5 e=1"]],
      [1, ["1 b=1", "3 c=1", "4 d=1", "5 e=1", "6 f=1"]],
    ] as const) {
      clock.advance(wait);
      put(log, [wait === 1 ? "f" : "e", "1"]);
      log.roll();
      await log.compact(SETTINGS);
      expect(textsOf(log)).toEqual(texts);
    }
    expect(readAll(log).records.map(({ timestamp }) => timestamp)).toEqual([11, 20, 0, 0, 0]);
  });
});

describe("producers", () => {
  const sequenced = (key: string, baseSequence: number, producerId = 7) =>
    batchOf([{ key, value: `${baseSequence}` }], { producerId, producerEpoch: 0, baseSequence });

  it("the last batch of each stays, empty if it must, so that its sequence survives", async () => {
    const { log, files } = await compactLog();
    for (let i = 0; i < 3; i++) log.append(sequenced("a", i));
    put(log, ["a", "last"]);
    log.roll();
    await log.compact(SETTINGS);
    expect(shapeOf(log)).toEqual([
      [2, 2, 0],
      [3, 3, 1],
    ]);
    await log.close();
    for (const name of files.list(FOLDER)!) if (name.endsWith("snapshot")) files.remove(join(FOLDER, name));
    const { log: reopened } = await compactLog(files, { lastClose: "process" });
    const [empty] = reopened.read(2, 1, 3);
    expect(reopened.judgeSequence(empty).kind).toBe("duplicate");
    expect([empty.maxTimestamp, empty.baseTimestamp, empty.producerId, empty.baseSequence]).toEqual([0, -1, 7, 2]);
  });
});

describe("transactions", () => {
  const inTransaction = (key: string, value: string | null, baseSequence: number, producerId = 1) =>
    batchOf([{ key, value }], { producerId, producerEpoch: 0, baseSequence, isTransactional: true });

  it("aborted records go, and count for nothing; of committed ones the latest stays", async () => {
    const { log } = await compactLog();
    put(log, ["a", "1"], ["b", "1"]);
    log.append(inTransaction("a", "aborted", 0));
    log.append(inTransaction("b", "committed", 0, 2));
    log.append(markerOf("abort", 1));
    log.append(markerOf("commit", 2));
    // The last of both producers lies elsewhere.
    log.append(inTransaction("x", "1", 1));
    log.append(inTransaction("y", "1", 1, 2));
    log.append(markerOf("commit", 1));
    log.append(markerOf("commit", 2));
    log.roll();
    const before = committedOf(log);
    await log.compact(SETTINGS);
    expectCompacted(log, before);
    expect(textsOf(log)).toEqual(["0 a=1", "3 b=committed", "6 x=1", "7 y=1"]);
    expect(committedOf(log)).toEqual(readAll(log).records);
  });

  it("a marker stays until all of its transaction is gone and its delete horizon has passed", async () => {
    const { log, clock } = await compactLog();
    log.append(inTransaction("a", "1", 0));
    log.append(markerOf("commit", 1));
    log.append(inTransaction("z", "1", 1));
    log.append(markerOf("commit", 1));
    const shapes: (number | undefined)[][] = [];
    const compact = async () => {
      put(log, ["a", `${log.endOffset}`]);
      log.roll();
      await log.compact(SETTINGS);
      const controls = readAll(log).batches.filter((batch) => batch.isControl);
      shapes.push(controls.map((batch) => (batch.deleteHorizonMs ? batch.deleteHorizonMs - clock.now() : undefined)));
    };
    await compact();
    // The data of the first was there until now.
    await compact();
    clock.advance(DAY);
    await compact();
    expect(shapes).toEqual([[undefined, undefined], [DAY, undefined], [undefined]]);
  });

  it("an aborted batch that stays for its sequence keeps its marker, and the index of the segment says so", async () => {
    const { log, files } = await compactLog();
    put(log, ["a", "1"]);
    log.append(inTransaction("a", "aborted", 0));
    log.append(markerOf("abort", 1));
    log.roll();
    await log.compact(SETTINGS);
    expect(shapeOf(log)).toEqual([
      [0, 0, 1],
      [1, 1, 0],
      [2, 2, 1],
    ]);
    expect(committedOf(log).map(({ value }) => value)).toEqual(["1"]);
    const bytes = files.read(join(FOLDER, "00000000000000000000.txnindex"))!;
    expect(transactionIndex.readEntry(bytes, 0)).toEqual({
      producerId: 1,
      firstOffset: 1,
      lastOffset: 2,
      lastStableOffset: 3,
    });
    expect(bytes.length).toBe(transactionIndex.ENTRY_BYTES);
  });

  it("the index of what was aborted has its name on the disk before the log has", async () => {
    const { log, files } = await compactLog();
    log.append(inTransaction("a", "aborted", 0));
    log.append(markerOf("abort", 1));
    log.roll();
    const steps: string[] = [];
    const rename = files.rename.bind(files);
    const syncFolder = files.syncFolder.bind(files);
    files.rename = (from, to) => {
      if (from.endsWith(".swap")) steps.push(to.slice(to.lastIndexOf(".")));
      rename(from, to);
    };
    files.syncFolder = async (folder) => {
      steps.push("sync");
      await syncFolder(folder);
    };
    await log.compact(SETTINGS);
    expect(steps.slice(steps.indexOf(".txnindex"))).toEqual([
      ".txnindex",
      "sync",
      ".timeindex",
      ".index",
      ".log",
      "sync",
    ]);
  });

  it("of which the marker lies behind what is compacted", async () => {
    const { log } = await compactLog();
    put(log, ["a", "1"], ["b", "0"], ["b", "1"]);
    log.append(inTransaction("a", "aborted", 0));
    log.append(inTransaction("b", "committed", 0, 2));
    log.roll();
    log.append(markerOf("abort", 1));
    log.append(markerOf("commit", 2));
    const before = committedOf(log);
    await log.compact(SETTINGS);
    expectCompacted(log, before);
    expect(textsOf(log)).toEqual(["0 a=1", "4 b=committed"]);
  });
});

describe("the segments", () => {
  it("are merged as far as segmentBytes allows, and every batch is in the index", async () => {
    const { log, files } = await compactLog(undefined, { config: { segmentBytes: 500 } });
    for (let i = 0; i < 40; i++) put(log, [`k${i % 20}`, `${i}`]);
    expect(log.segmentCount).toBeGreaterThan(6);
    log.roll();
    log.updateConfig({ ...log.config, segmentBytes: 5000 });
    await log.compact(SETTINGS);
    expect(log.segmentCount).toBe(2);
    const { batches } = readAll(log);
    const [index] = files.list(FOLDER)!.filter((name) => name.endsWith(".index"));
    const entries = offsetIndex.validPrefix(files.read(join(FOLDER, index))!, files.stat(join(FOLDER, index))!.size, 0);
    const bytes = files.read(join(FOLDER, index))!;
    expect(entries).toBe(20);
    for (let i = 0; i < entries; i++) {
      expect([offsetIndex.offsetAt(bytes, i, 0), offsetIndex.positionAt(bytes, i)]).toEqual([
        batches[i].lastOffset,
        batches[i].position,
      ]);
    }
  });

  it("keep an index of every batch when they are walked after a kill", async () => {
    const { log, files } = await compactLog();
    for (let i = 0; i < 10; i++) put(log, [`${i % 5}`, `${i}`]);
    log.roll();
    await log.compact(SETTINGS);
    await log.flush();
    const recoveryPoint = log.endOffset;
    log.closeNow();
    const index = () => files.read(join(FOLDER, "00000000000000000000.index"));
    const before = index();
    expect(before).toHaveLength(5 * offsetIndex.ENTRY_BYTES);
    const { log: again } = await compactLog(files, { lastClose: "process", recoveryPoint });
    expect(textsOf(again)).toHaveLength(5);
    await again.close();
    expect(index()).toEqual(before);
  });

  it("keep their gaps in order when the policy becomes delete", async () => {
    const { log, files } = await compactLog();
    for (let i = 0; i < 10; i++) put(log, ["a", `${i}`]);
    log.roll();
    put(log, ["b", "1"]);
    await log.compact(SETTINGS);
    await log.close();
    const config = { cleanupPolicy: "delete" as const };
    const { log: reopened, events } = await compactLog(files, { config, recoveryPoint: 11, cleanedOffset: 10 });
    expect([textsOf(reopened), events]).toEqual([["9 a=9", "10 b=1"], []]);
  });

  it("with damage are left alone, and the error says where", async () => {
    const { log, files } = await compactLog();
    for (let i = 0; i < 10; i++) put(log, ["a", `${i}`]);
    log.roll();
    const path = join(FOLDER, "00000000000000000000.log");
    const bytes = files.read(path)!;
    bytes[200] ^= 1;
    putFile(files, path, bytes);
    const before = readAll(log).records;
    await expect(log.compact(SETTINGS)).rejects.toMatchObject({ code: "VARVE_CORRUPT", position: expect.any(Number) });
    expect(readAll(log).records).toEqual(before);
    expect(leftoversIn(files)).toEqual([]);
  });
});

describe("while it runs", () => {
  const KEYS = 12;
  const RECORDS = 48;

  /** Every sync, and every 64 KiB of work, takes a turn of the event loop. */
  async function running() {
    const files = new FaultyFiles(new MemoryFiles());
    files.delaySync(() => new Promise((resolve) => setImmediate(resolve)));
    const choices = { clock: new HastyClock(), config: { ...COMPACT, segmentBytes: 30_000 } };
    const { log } = await openLog(files, choices);
    for (let i = 0; i < RECORDS; i++) put(log, [`k${i % KEYS}`, `${i}`.padEnd(4000)]);
    log.roll();
    return { log, files, latest: latestIn(log) };
  }

  it("appends and reads go on, and each sees all that it must", async () => {
    const { log } = await running();
    const compacting = log.compact(SETTINGS);
    let isDone = false;
    const done = compacting.finally(() => {
      isDone = true;
    });
    let turns = 0;
    for (; !isDone; turns++) {
      put(log, ["during", `${turns}`]);
      expect(latestIn(log).get("during")).toBe(`${turns}`);
      expect(latestIn(log).size).toBe(KEYS + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect(turns).toBeGreaterThan(5);
    const { records } = readAll(log);
    expect(records.filter(({ key }) => key !== "during")).toHaveLength(KEYS);
    expect(records.filter(({ key }) => key === "during")).toHaveLength(turns);
  });

  /** Does it after so many turns of the event loop, until it is late enough to come too late. */
  async function atEveryTurn(
    interrupt: (log: Log) => Promise<void> | void,
    check: (log: Log, latest: Map<string, string>) => Promise<void>,
  ) {
    for (let turn = 0; ; turn++) {
      const { log, files, latest } = await running();
      let isDone = false;
      const compacting = log.compact(SETTINGS).then(
        () => {
          isDone = true;
        },
        (error) => {
          // Segments that are gone are nobody's business while the log is open.
          if (!(isClosed(log) && hasCode(error, "VARVE_CLOSED"))) throw error;
        },
      );
      for (let i = 0; i < turn; i++) await new Promise((resolve) => setImmediate(resolve));
      const wasDone = isDone;
      await interrupt(log);
      await compacting;
      expect(leftoversIn(files)).toEqual([]);
      await check(log, latest);
      await log.close();
      expect(files.openPaths).toEqual([]);
      const choices = { config: COMPACT, recoveryPoint: log.endOffset, readOnly: true };
      const { log: reopened, events } = await openLog(files, choices);
      expect(events).toEqual([]);
      await check(reopened, latest);
      if (wasDone) return turn;
    }
  }

  it("the log can be closed at any time", async () => {
    const turns = await atEveryTurn(
      (log) => log.close(),
      async (log, latest) => {
        if (log.segmentCount > 0 && !isClosed(log)) expect(latestIn(log)).toEqual(latest);
      },
    );
    expect(turns).toBeGreaterThan(10);
  });

  it("the log can be cut at any time", async () => {
    await atEveryTurn(
      (log) => {
        log.truncateTo(RECORDS / 2);
      },
      async (log) => {
        expect(log.endOffset).toBeLessThanOrEqual(RECORDS / 2);
        expect(log.cleanedOffset).toBeLessThanOrEqual(log.endOffset);
        expect([...latestIn(log).values()].every((value) => Number(value) < RECORDS / 2)).toBe(true);
      },
    );
  });

  it("records can be deleted at any time", async () => {
    await atEveryTurn(
      (log) => {
        log.deleteRecordsBefore(RECORDS - 4);
      },
      async (log) => {
        const { records } = readAll(log, 1000, RECORDS - 4);
        expect(records.map(({ offset }) => offset)).toEqual([RECORDS - 4, RECORDS - 3, RECORDS - 2, RECORDS - 1]);
      },
    );
  });

  it.each<[string, (log: Log) => void]>([
    ["deleted", (log) => void log.deleteRecordsBefore(log.endOffset)],
    ["cut", (log) => void log.truncateTo(0)],
  ])("segments can be %s while they are looked at for how old they are", async (_, interrupt) => {
    const limits = { ...SETTINGS, minCompactionLagMs: 1 };
    // Long enough for a pause between two reads.
    const config = { ...COMPACT, segmentBytes: 120_000, indexIntervalBytes: 1_000_000 };
    for (const look of [(log: Log) => log.compaction.cleanable(limits), (log: Log) => log.compact(limits)]) {
      const files = new MemoryFiles();
      const { log: before } = await openLog(files, { config });
      for (let i = 1; i <= 1500; i++) before.append(batchOf([{ key: "k", value: `${i}`, timestamp: i }]));
      before.roll();
      put(before, ["k", "last"]);
      await before.close();
      // The next life does not know yet how old they are.
      const clock = new HastyClock();
      const { log } = await openLog(files, { clock, config, recoveryPoint: before.endOffset });
      await clock.advanceAsync(DAY);
      const looking = look(log);
      interrupt(log);
      await looking;
      await log.close();
    }
  });
});

function isClosed(log: Log): boolean {
  try {
    log.read(log.endOffset, 1, log.endOffset);
    return false;
  } catch (error) {
    return hasCode(error, "VARVE_CLOSED");
  }
}
