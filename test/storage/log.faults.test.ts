/** A log on a disk that is full, fails, or is slow: what is rejected leaves nothing behind, and what is there stays readable. */
import { describe, expect, it } from "vitest";
import type { ErrorCode, VarveError } from "../../src/errors.ts";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { type Fault, FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, FOLDER, type OpenChoices, openLog, readAll, valuesOf } from "./partition.ts";

const values = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `value ${from + i}`.padEnd(60));

async function faultyLog(choices: OpenChoices = {}, allocates = false) {
  const files = new FaultyFiles(new MemoryFiles({ allocates }));
  const opened = await openLog(files, { config: { segmentBytes: 600 }, ...choices });
  return { files, ...opened };
}

/** Appends one value per batch, retrying what is rejected; returns the errors. */
function appendAll(log: Log, toAppend: string[]): VarveError[] {
  const errors: VarveError[] = [];
  for (const value of toAppend) {
    for (let attempt = 0; ; attempt++) {
      const end = log.endOffset;
      try {
        expect(log.append(batchOf([{ value, timestamp: end }]))).toBe(end);
        break;
      } catch (error) {
        expect(log.endOffset).toBe(end);
        errors.push(error as VarveError);
        if (attempt > 5) throw error;
        // Reads go on.
        expect(readAll(log).records).toHaveLength(end);
      }
    }
  }
  return errors;
}

/** What is on the disk says the same, whether the log is closed or killed. */
async function expectKept(log: Log, files: FaultyFiles, expected: string[]): Promise<void> {
  expect(valuesOf(log)).toEqual(expected);
  log.closeNow();
  expect(files.openPaths).toEqual([]);
  const config = { segmentBytes: 600 };
  const { log: recovered, events } = await openLog(files, { config, lastClose: "process" });
  expect(events).toEqual([expect.objectContaining({ kind: "recovered", truncatedBytes: 0 })]);
  expect(valuesOf(recovered)).toEqual(expected);
  await recovered.close();
  expect(files.openPaths).toEqual([]);
  const { log: reopened } = await openLog(files, { config, recoveryPoint: expected.length });
  expect(valuesOf(reopened)).toEqual(expected);
  expect(reopened.append(batchOf(["one more"]))).toBe(expected.length);
  reopened.closeNow();
}

describe.each([false, true])(
  "an append that fails leaves nothing behind, and the next one works; room in advance: %s",
  (allocates) => {
    const codes: ErrorCode[] = ["VARVE_NO_SPACE", "VARVE_IO"];

    /** Counts the calls that 20 appends make, and fails each of them in turn. */
    async function eachCall(on: Fault["on"], fail: (files: FaultyFiles, nth: number) => void): Promise<number> {
      const { files: counted, log } = await faultyLog({}, allocates);
      counted.resetCounts();
      appendAll(log, values(0, 20));
      const calls = counted.counts[on as "write"];
      for (let nth = 1; nth <= calls; nth++) {
        const { files, log } = await faultyLog({}, allocates);
        fail(files, nth);
        const errors = appendAll(log, values(0, 20));
        expect(errors.length).toBeGreaterThan(0);
        for (const error of errors) expect(error.code).toMatch(/^VARVE_/);
        files.clear();
        await expectKept(log, files, values(0, 20));
      }
      return calls;
    }

    it.each(codes)("%s at each write: of logs, indexes and snapshots", async (code) => {
      const calls = await eachCall("write", (files, nth) => files.fail({ on: "write", code, nth }));
      expect(calls).toBeGreaterThan(25);
    });

    it.each([0, 1, 61, 90])("%i bytes of each write arrive, then the disk is full", async (bytes) => {
      await eachCall("write", (files, nth) => files.shortWrites({ nth, keep: () => bytes }));
    });

    it("each write arrives as a whole, and fails all the same", async () => {
      await eachCall("write", (files, nth) => files.shortWrites({ nth, keep: (length) => length }));
    });

    it.each(codes)("%s at each open of a file", async (code) => {
      const calls = await eachCall("open", (files, nth) => files.fail({ on: "open", code, nth }));
      expect(calls).toBeGreaterThan(8);
    });

    it.each([1, 2, 3])("a write fails, and %i times cutting it back as well", async (times) => {
      await eachCall("write", (files, nth) => {
        files.shortWrites({ path: /\.log$/, nth, keep: () => 70, times: times });
        files.fail({ on: "truncate", path: /\.log$/, code: "VARVE_IO", times });
      }).catch((error) => {
        // Of the writes some are to other files.
        if (!/greater than 0/.test(error.message)) throw error;
      });
    });

    it("a full disk stays full: every append is rejected until there is room", async () => {
      const { files, log } = await faultyLog({}, allocates);
      appendAll(log, values(0, 9));
      const full = files.fail({ on: ["write", "open"], code: "VARVE_NO_SPACE", times: Number.POSITIVE_INFINITY });
      for (let i = 0; i < 5; i++) {
        expect(() => log.append(batchOf(["no room"]))).toThrow(expect.objectContaining({ code: "VARVE_NO_SPACE" }));
        expect(valuesOf(log)).toEqual(values(0, 9));
      }
      full();
      appendAll(log, values(9, 20));
      await expectKept(log, files, values(0, 20));
    });

    it("a tail that could never be cut back is cut when the log is closed", async () => {
      const { files, log } = await faultyLog({}, allocates);
      appendAll(log, values(0, 2));
      files.shortWrites({ path: /\.log$/, keep: (length) => length });
      files.fail({ on: "truncate", path: /\.log$/, code: "VARVE_IO" });
      expect(() => log.append(batchOf(["never acknowledged"]))).toThrow();
      await log.close();
      const { log: reopened, events } = await openLog(files, { recoveryPoint: 2 });
      expect([valuesOf(reopened), events]).toEqual([values(0, 2), []]);
    });
  },
);

describe("a roll that fails half-way", () => {
  it.each([
    ["the snapshot", { on: "write", path: /\.snapshot$/ }],
    ["an index", { on: "write", path: /\.index$/ }],
    ["the time index", { on: "write", path: /\.timeindex$/ }],
    ["the next segment", { on: "open", path: /4\.log$/ }],
  ] as const)("at %s does not end the log there, though a smaller append fits", async (_, fault) => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 4));
    const failing = files.fail({ ...fault, code: "VARVE_NO_SPACE", times: 10 });
    expect(() => log.append(batchOf(["x".repeat(300)]))).toThrow(expect.objectContaining({ code: "VARVE_NO_SPACE" }));
    // As the application goes on with what is small enough for the segment at hand.
    log.updateConfig({ ...log.config, segmentBytes: 10_000 });
    log.append(batchOf(["small"]));
    failing();
    await expectKept(log, files, [...values(0, 4), "small"]);
  });
});

describe("a failed sync", () => {
  const poisoned = expect.objectContaining({ code: "VARVE_POISONED" });

  it.each([
    ["of a log", { on: "sync", path: /\.log$/ }],
    ["of an index", { on: "sync", path: /index$/ }],
    ["of the folder", { on: "syncFolder" }],
  ] as const)(
    "%s poisons: who waits is told, appends are refused, reads go on, the next open copies",
    async (_, fault) => {
      const { files, log, events } = await faultyLog();
      appendAll(log, values(0, 3));
      await log.flush();
      appendAll(log, values(3, 12));
      files.fail({ ...fault, code: "VARVE_IO" });
      const release = files.holdSyncs();
      const waiting = [log.flush(), log.flush(), log.flush()];
      const told = Promise.allSettled(waiting);
      release();
      for (const result of await told) expect(result).toEqual({ status: "rejected", reason: poisoned });
      expect(log.durableOffset).toBe(3);
      expect(log.poisoned).toEqual(poisoned);
      expect(events).toEqual([{ kind: "poisoned", topic: "t", partition: 0, error: poisoned }]);
      for (const write of [
        () => log.append(batchOf(["no"])),
        () => log.roll(),
        () => log.retain(),
        () => log.flushNow(),
      ])
        expect(write).toThrow(poisoned);
      // A second sync would succeed, and lie.
      await expect(log.flush()).rejects.toEqual(poisoned);
      expect(valuesOf(log)).toEqual(values(0, 12));
      await log.close();
      expect(files.list(FOLDER)).toContain(".poisoned");
      await expectCopied(files, 3, values(0, 12));
    },
  );

  it("of flushNow poisons as well", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 12));
    files.fail({ on: "sync", code: "VARVE_IO" });
    expect(() => log.flushNow()).toThrow(poisoned);
    expect(log.durableOffset).toBe(0);
    log.closeNow();
    await expectCopied(files, 0, values(0, 12));
  });

  it("whose marker cannot be written poisons all the same", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 1));
    files.fail({ on: "sync", code: "VARVE_IO" });
    files.fail({ on: "open", path: /poisoned/, code: "VARVE_NO_SPACE" });
    await expect(log.flush()).rejects.toEqual(poisoned);
    expect(() => log.append(batchOf(["no"]))).toThrow(poisoned);
    expect(valuesOf(log)).toEqual(values(0, 1));
  });

  /** Every file from the recovery point on is a new one, synced before the marker goes; and the log works. */
  async function expectCopied(files: FaultyFiles, recoveryPoint: number, expected: string[]): Promise<void> {
    files.clear();
    files.resetCounts();
    const choices = { config: { segmentBytes: 600 }, lastClose: "process" as const, recoveryPoint };
    const { log } = await openLog(files, choices);
    const copied = files.list(FOLDER)!.filter((name) => name.endsWith(".log") && Number.parseInt(name, 10) >= 6).length;
    expect(files.counts.rename).toBeGreaterThan(copied);
    expect(files.counts.sync).toBeGreaterThan(copied);
    expect(files.list(FOLDER)!.filter((name) => /poisoned|tmp/.test(name))).toEqual([]);
    expect([log.poisoned, log.durableOffset]).toEqual([undefined, recoveryPoint]);
    expect(valuesOf(log)).toEqual(expected);
    log.append(batchOf(["after"]));
    await log.flush();
    expect(log.durableOffset).toBe(expected.length + 1);
    await log.close();
  }

  it.each(["write", "sync", "rename", "remove", "syncFolder"] as const)(
    "is remembered when the copy fails at a %s, and copied again",
    async (on) => {
      const { files, log } = await faultyLog();
      appendAll(log, values(0, 12));
      files.fail({ on: "sync", code: "VARVE_IO" });
      await expect(log.flush()).rejects.toEqual(poisoned);
      log.closeNow();
      files.fail({ on, code: "VARVE_IO" });
      await expect(openLog(files, { lastClose: "process" })).rejects.toThrow();
      expect(files.openPaths).toEqual([]);
      // Whether the next owner believes it or not.
      for (const lastClose of ["clean", "process"] as const) {
        files.resetCounts();
        const { log } = await openLog(files, { lastClose });
        expect(valuesOf(log)).toEqual(values(0, 12));
        log.closeNow();
      }
    },
  );
});

describe("group commit", () => {
  it("shares one sync among those who ask together, and the next among those who come while it runs", async () => {
    const { files, log } = await faultyLog({ config: { segmentBytes: 100_000 } });
    appendAll(log, values(0, 1));
    await log.flush();
    appendAll(log, values(1, 2));
    files.resetCounts();
    const release = files.holdSyncs();
    const first = [log.flush(), log.flush()];
    appendAll(log, values(2, 3));
    const second = [log.flush(), log.flush(), log.flush()];
    release();
    await Promise.all([...first, ...second]);
    expect(files.counts.sync).toBe(2);
    expect(log.durableOffset).toBe(3);
  });

  it("does not cover what is appended while it runs", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 2));
    const release = files.holdSyncs();
    const flushed = log.flush();
    appendAll(log, values(2, 9));
    release();
    await flushed;
    expect(log.durableOffset).toBe(2);
    await log.flush();
    expect(log.durableOffset).toBe(9);
  });

  it("does nothing when there is nothing to do", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 1));
    await log.flush();
    files.resetCounts();
    await log.flush();
    log.flushNow();
    expect([files.counts.sync, files.counts.syncFolder]).toEqual([0, 0]);
  });

  it("claims no more than what is left when the log is cut back meanwhile", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 9));
    const release = files.holdSyncs();
    const flushed = log.flush();
    log.truncateTo(4);
    expect(log.durableOffset).toBe(0);
    appendAll(log, values(4, 6));
    release();
    await flushed;
    expect(log.durableOffset).toBe(4);
    await log.flush();
    expect(log.durableOffset).toBe(6);
    await expectSaid(log, files, values(0, 6));
  });

  it("claims no more when the log is begun anew meanwhile, further back or further on", async () => {
    for (const offset of [0, 3, 9, 20]) {
      const { files, log } = await faultyLog();
      appendAll(log, values(0, 9));
      const release = files.holdSyncs();
      const flushed = log.flush();
      log.truncateFullyAndStartAt(offset);
      log.append(batchOf(["new"]));
      release();
      await flushed;
      expect(log.durableOffset).toBeLessThanOrEqual(offset);
      await log.flush();
      expect(log.durableOffset).toBe(offset + 1);
      expect(valuesOf(log)).toEqual(["new"]);
      log.closeNow();
      expect(files.list(FOLDER)!.filter((name) => name.endsWith(".log"))).toHaveLength(1);
    }
  });

  it("makes no deleted segment anew when retention passes meanwhile", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 20));
    const release = files.holdSyncs();
    const flushed = log.flush();
    log.deleteRecordsBefore(11);
    const left = files.list(FOLDER);
    release();
    await flushed;
    expect(files.list(FOLDER)).toEqual(left);
    expect(log.durableOffset).toBe(20);
  });

  it("takes flushNow in between for what it is: all, also what the running sync has not come to yet", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 20));
    const release = files.holdSyncs();
    const flushed = log.flush();
    files.resetCounts();
    log.flushNow();
    expect(files.counts.sync).toBeGreaterThanOrEqual(log.segmentCount);
    expect(files.counts.syncFolder).toBe(1);
    expect(log.durableOffset).toBe(20);
    release();
    await flushed;
    expect(log.durableOffset).toBe(20);
  });

  it("is not claimed to have come about when the log is let go meanwhile", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 20));
    const release = files.holdSyncs();
    const flushed = log.flush();
    const told = expect(flushed).rejects.toMatchObject({ code: "VARVE_CLOSED" });
    log.closeNow();
    release();
    await told;
    expect(files.openPaths).toEqual([]);
    await expect(log.flush()).rejects.toMatchObject({ code: "VARVE_CLOSED" });
  });

  async function expectSaid(log: Log, files: FaultyFiles, expected: string[]): Promise<void> {
    expect(valuesOf(log)).toEqual(expected);
    log.closeNow();
    const { log: reopened } = await openLog(files, { config: { segmentBytes: 600 }, lastClose: "process" });
    expect(valuesOf(reopened)).toEqual(expected);
    reopened.closeNow();
  }
});

describe("a close that fails", () => {
  it.each([
    ["a sync", { on: "sync" }, "VARVE_POISONED"],
    ["an index", { on: "write", path: /index$/ }, "VARVE_NO_SPACE"],
    ["the snapshot", { on: "write", path: /snapshot$/ }, "VARVE_NO_SPACE"],
    ["the folder", { on: "syncFolder", nth: 2 }, "VARVE_NO_SPACE"],
  ] as const)("at %s says so, lets go of every file, and loses nothing", async (_, fault, code) => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 4));
    files.fail({ ...fault, code: "VARVE_NO_SPACE" });
    await expect(log.close()).rejects.toMatchObject({ code });
    await expect(log.close()).rejects.toMatchObject({ code });
    expect(files.openPaths).toEqual([]);
    expect(() => log.append(batchOf(["no"]))).toThrow(expect.objectContaining({ code: "VARVE_CLOSED" }));
    const { log: reopened } = await openLog(files, { lastClose: "process" });
    expect(valuesOf(reopened)).toEqual(values(0, 4));
  });

  it("refuses what comes while it runs", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 4));
    const release = files.holdSyncs();
    const closed = log.close();
    expect(() => log.append(batchOf(["late"]))).toThrow(expect.objectContaining({ code: "VARVE_CLOSED" }));
    expect(log.close()).toBe(closed);
    release();
    await closed;
    expect(files.openPaths).toEqual([]);
  });
});

describe("a deletion that fails", () => {
  it.each([/0\.log$/, /6\.log$/, /index$/, /snapshot$/])("at %s leaves the log whole", async (path) => {
    for (const act of [
      (log: Log) => log.deleteRecordsBefore(13),
      (log: Log) => log.truncateTo(4),
      (log: Log) => log.truncateFullyAndStartAt(2),
      (log: Log) => log.truncateFullyAndStartAt(50),
    ]) {
      const { files, log } = await faultyLog();
      appendAll(log, values(0, 20));
      files.fail({ on: "remove", path, code: "VARVE_IO" });
      try {
        act(log);
      } catch (error) {
        expect(error).toMatchObject({ code: "VARVE_IO" });
      }
      const { startOffset, endOffset } = log;
      const before = readAll(log);
      expect(before.damage).toEqual([]);
      expect(log.append(batchOf(["goes on"]))).toBe(endOffset);
      const expected = [...before.records.map(({ value }) => value), "goes on"];
      expect(valuesOf(log)).toEqual(expected);
      log.closeNow();
      const { log: reopened, events } = await openLog(files, {
        lastClose: "process",
        startOffset,
        config: { segmentBytes: 600 },
      });
      expect(valuesOf(reopened)).toEqual(expected);
      expect(events.filter(({ kind }) => kind === "corrupt")).toEqual([]);
      reopened.closeNow();
    }
  });
});

describe("reads", () => {
  it("go on when an index cannot be read, or made again, or written", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 20));
    await log.close();
    files.fail({ on: ["write", "open"], path: /index$/, code: "VARVE_NO_SPACE", times: Number.POSITIVE_INFINITY });
    for (const name of files.list(FOLDER)!) if (name.endsWith("index")) files.remove(join(FOLDER, name));
    const { log: reopened } = await openLog(files, { config: { segmentBytes: 600 }, recoveryPoint: 20 });
    for (let offset = 19; offset >= 0; offset--) {
      const [{ baseOffset }] = reopened.read(offset, 1, 20);
      expect(baseOffset).toBe(offset);
    }
  });

  it("that fail leave the log as it was: nothing is written over", async () => {
    const { files, log } = await faultyLog({ config: { segmentBytes: 100_000 } });
    appendAll(log, values(0, 20));
    await log.close();
    for (const name of files.list(FOLDER)!) if (name.endsWith("index")) files.remove(join(FOLDER, name));
    for (let nth = 1; nth < 6; nth++) {
      const { log } = await openLog(files, { config: { segmentBytes: 100_000 }, recoveryPoint: 20 });
      const { endOffset, sizeInBytes } = log;
      files.fail({ on: "read", path: /\.log$/, code: "VARVE_IO", nth });
      for (let i = 0; i < 3; i++) {
        try {
          log.offsetForTimestamp(15);
          log.read(10, 1, 20);
        } catch (error) {
          expect(error).toMatchObject({ code: "VARVE_IO" });
        }
      }
      files.clear();
      expect([log.endOffset, log.sizeInBytes]).toEqual([endOffset, sizeInBytes]);
      expect(valuesOf(log)).toEqual(values(0, 20));
      log.closeNow();
    }
  });

  it("end where the file has become shorter, as when its owner cuts it back under a reader", async () => {
    const { files, log } = await faultyLog();
    appendAll(log, values(0, 5));
    const { log: reader } = await openLog(files, { readOnly: true, lastClose: "process" });
    log.truncateTo(2);
    // What it has open it may still read.
    expect(readAll(reader).records.map(({ offset }) => offset)).toEqual([0, 1, 4]);
    expect(readAll(reader).damage).toMatchObject([{ code: "VARVE_CORRUPT", from: 2, to: 4 }]);
    expect(reader.offsetForTimestamp(100)).toBeUndefined();
  });
});
