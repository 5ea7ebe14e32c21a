/** The table of recovery.ts, row by row, on real files; and what else may be wrong with a folder when it is opened. */
import { describe, expect, it } from "vitest";
import { placeBatch } from "../../src/format/batch.ts";
import { readProducerSnapshot } from "../../src/format/snapshots.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join, POISONED } from "../../src/storage/paths.ts";
import { CASES, decide, type Finding } from "../../src/storage/recovery.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchesOf } from "../format/golden.ts";
import { flipBit } from "./bit-flips.ts";
import {
  batchOf,
  committedOf,
  FOLDER,
  goldenPartition,
  imageOf,
  markerOf,
  type OpenChoices,
  openLog,
  putFile,
  readAll,
  valuesOf,
} from "./partition.ts";

const COUNT = 10;
const SEGMENT_BYTES = 500;
const FIRST = "00000000000000000000";
/** The last segment has the offsets from 8 on, two batches. */
const LAST = "00000000000000000008";
const values = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `value ${from + i}`.padEnd(50));
const config = { segmentBytes: SEGMENT_BYTES, indexIntervalBytes: 200 };
const name = (base: string, kind: string) => `${base}.${kind}`;
const pathOf = (base: string, kind = "log") => join(FOLDER, name(base, kind));

/** Ten batches of one record in segments of four, and left as the death of the process leaves them. */
async function written(choices: OpenChoices = {}): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config, ...choices });
  for (const value of values(0, COUNT)) log.append(batchOf([{ value, timestamp: log.endOffset * 10 }]));
  log.closeNow();
  expect(files.list(FOLDER)!.filter((name) => name.endsWith(".log"))).toHaveLength(3);
  return files;
}

async function closed(): Promise<MemoryFiles> {
  const files = await written();
  const { log } = await openLog(files, { config, lastClose: "process" });
  await log.close();
  return files;
}

const open = (files: MemoryFiles, choices: OpenChoices = {}) =>
  openLog(files, { config, lastClose: "process", ...choices });

const logOf = (files: MemoryFiles, base: string) => files.read(pathOf(base))!;
const placesIn = (files: MemoryFiles, base: string) => batchesOf(logOf(files, base));

/** A bit of the value of the batch at that offset. */
function damage(files: MemoryFiles, offset: number): { position: number; size: number } {
  const base = String(Math.floor(offset / 4) * 4).padStart(20, "0");
  const place = placesIn(files, base).find((batch) => batch.baseOffset === offset)!;
  flipBit(files, { file: name(base, "log"), bit: (place.position + 80) * 8 });
  return place;
}

function append(files: MemoryFiles, base: string, bytes: Uint8Array): void {
  const file = files.open(pathOf(base), "write");
  file.write(bytes, 0, bytes.length, file.size());
  file.close();
}

function cutFile(files: MemoryFiles, path: string, size: number): void {
  const file = files.open(path, "write");
  file.truncate(size);
  file.close();
}

const pieces = (files: MemoryFiles) => files.list(FOLDER)!.filter((name) => name.includes(".corrupt-"));

/** Opening again, whatever was done, changes no byte; and the log goes on. */
async function expectSettled(files: MemoryFiles, choices: OpenChoices = {}): Promise<void> {
  const { log: first } = await open(files, choices);
  const { endOffset, leaderEpoch } = first;
  const said = readAll(first).records;
  first.closeNow();
  const image = imageOf(files);
  const { log: second, events } = await open(files, { ...choices, lastClose: "process" });
  expect(imageOf(files)).toEqual(image);
  expect(events.filter((event) => event.kind === "recovered" && event.truncatedBytes > 0)).toEqual([]);
  expect([second.endOffset, second.leaderEpoch]).toEqual([endOffset, leaderEpoch]);
  expect(readAll(second).records).toEqual(said);
  second.append(batchOf(["goes on"]));
  expect(readAll(second).records.at(-1)).toMatchObject({ offset: endOffset, value: "goes on", leaderEpoch });
  await second.close();
  expect(files.list(FOLDER)!.filter((name) => /\.(tmp|deleted|cleaned)$/.test(name))).toEqual([]);
}

describe("the table", () => {
  it("has a row for everything that can be found, and the first that fits is the one", () => {
    const verdicts: Record<string, string> = {};
    for (const lastClose of ["clean", "process", "machine"] as const) {
      for (const isPastRecoveryPoint of [true, false]) {
        for (const behind of ["zeros", "good", "nothing"] as const) {
          const finding: Finding = { lastClose, isPastRecoveryPoint, behind };
          verdicts[`${lastClose} ${isPastRecoveryPoint ? "past" : "before"} ${behind}`] = decide(finding);
        }
      }
    }
    expect(verdicts).toEqual({
      "clean past zeros": "cut",
      "clean past good": "keep",
      "clean past nothing": "cut",
      "clean before zeros": "cutAsideAndResume",
      "clean before good": "keep",
      "clean before nothing": "cutAsideAndResume",
      "process past zeros": "cut",
      "process past good": "keep",
      "process past nothing": "cut",
      "process before zeros": "cutAsideAndResume",
      "process before good": "keep",
      "process before nothing": "cutAsideAndResume",
      "machine past zeros": "cut",
      "machine past good": "cutAside",
      "machine past nothing": "cutAside",
      "machine before zeros": "cutAsideAndResume",
      "machine before good": "keep",
      "machine before nothing": "cutAsideAndResume",
    });
    // Each of these has a test below.
    expect(CASES.map(({ label }) => label)).toEqual(["A", "D", "B", "C", "E", "F"]);
  });

  it.each(["clean", "process", "machine"] as const)("A, %s: zeros behind the end are cut off", async (lastClose) => {
    const files = await closed();
    const before = imageOf(files);
    append(files, LAST, new Uint8Array(5000));
    const { log, events } = await open(files, { lastClose, recoveryPoint: COUNT });
    expect(valuesOf(log)).toEqual(values(0, COUNT));
    log.closeNow();
    // Room is nothing to tell of.
    const recovered = expect.objectContaining({ kind: "recovered", endOffset: COUNT, truncatedBytes: 0 });
    expect(events).toEqual(lastClose === "clean" ? [] : [recovered]);
    const after = imageOf(files);
    expect(after[name(LAST, "log")]).toBe(before[name(LAST, "log")]);
    expect(pieces(files)).toEqual([]);
    // Nothing was there to be lost, unless the machine died.
    expect(log.leaderEpoch).toBe(lastClose === "machine" ? 1 : 0);
    await expectSettled(files, { recoveryPoint: COUNT });
  });

  it("B: rot past the recovery point, after the death of the process, stays where it is and is named", async () => {
    const files = await written();
    const { position } = damage(files, 5);
    const before = imageOf(files);
    const { log, events } = await open(files, { recoveryPoint: 3 });
    expect(events).toEqual([
      expect.objectContaining({ kind: "corrupt", from: 5, to: 6, file: name("4".padStart(20, "0"), "log"), position }),
      expect.objectContaining({ kind: "recovered", endOffset: COUNT, truncatedBytes: 0 }),
    ]);
    const { records, damage: gaps } = readAll(log);
    expect(records.map(({ value }) => value)).toEqual([...values(0, 5), ...values(6, COUNT)]);
    expect(gaps).toMatchObject([{ code: "VARVE_CORRUPT", from: 5, to: 6, position, topic: "t", partition: 0 }]);
    log.closeNow();
    for (const base of [FIRST, "4".padStart(20, "0"), LAST])
      expect(imageOf(files)[name(base, "log")]).toBe(before[name(base, "log")]);
    expect(log.leaderEpoch).toBe(0);
    await expectSettled(files, { recoveryPoint: 3 });
  });

  it("C: an append that the process died in is cut off, wherever it broke", async () => {
    const files = await written();
    const whole = logOf(files, LAST);
    const [, { position, size }] = placesIn(files, LAST);
    for (let kept = 0; kept < size; kept++) {
      const torn = files.clone();
      cutFile(torn, pathOf(LAST), position + kept);
      const { log, events } = await open(torn, { recoveryPoint: 3 });
      expect(valuesOf(log)).toEqual(values(0, COUNT - 1));
      // What was there may have been read, unless nothing was: an offset begins with zeros.
      const truncatedBytes = kept < 8 ? 0 : kept;
      expect(events).toEqual([expect.objectContaining({ kind: "recovered", endOffset: 9, truncatedBytes })]);
      expect(log.leaderEpoch).toBe(kept < 8 ? 0 : 1);
      log.closeNow();
      expect(logOf(torn, LAST)).toEqual(whole.subarray(0, position));
      expect(pieces(torn)).toEqual([]);
      if (kept % 20 === 0) await expectSettled(torn, { recoveryPoint: 3 });
    }
  });

  it("D: a suffix that the machine had not synced is cut off and kept aside, good batches behind it too", async () => {
    const files = await written();
    const { position } = damage(files, 5);
    const before = imageOf(files);
    const clock = new TestClock({ now: 1234 });
    const { log, events } = await open(files, { lastClose: "machine", recoveryPoint: 3, clock });
    expect(valuesOf(log)).toEqual(values(0, 5));
    log.closeNow();
    expect(events.filter(({ kind }) => kind === "corrupt")).toEqual([]);
    const second = name("4".padStart(20, "0"), "log");
    const after = imageOf(files);
    expect(after[second]).toBe(before[second].slice(0, position * 2));
    expect(after[`${second}.corrupt-1234`]).toBe(before[second].slice(position * 2));
    expect(after[`${name(LAST, "log")}.corrupt-1234`]).toBe(before[name(LAST, "log")]);
    expect(after[name(LAST, "log")]).toBeUndefined();
    expect([log.endOffset, log.leaderEpoch]).toEqual([5, 1]);
    await expectSettled(files, { recoveryPoint: 3 });
  });

  it.each(["delete", "compact"] as const)(
    "D: the same where a whole segment's end never got to the disk, cleanupPolicy %s",
    async (cleanupPolicy) => {
      const files = await written();
      cutFile(files, pathOf("4".padStart(20, "0")), placesIn(files, "4".padStart(20, "0"))[2].position);
      const choices = { lastClose: "machine", recoveryPoint: 3, config: { ...config, cleanupPolicy } } as const;
      const { log } = await open(files, choices);
      expect(valuesOf(log)).toEqual(values(0, 6));
      expect(pieces(files)).toHaveLength(1);
      log.closeNow();
      await expectSettled(files, choices);
    },
  );

  it("D: not where Kafka has compacted, which leaves the end of a segment empty", async () => {
    const files = await written();
    cutFile(files, pathOf("4".padStart(20, "0")), placesIn(files, "4".padStart(20, "0"))[2].position);
    const choices = { lastClose: "machine", recoveryPoint: 3, cleanedOffset: 8 } as const;
    const { log } = await open(files, { ...choices, config: { ...config, cleanupPolicy: "compact" } });
    expect(valuesOf(log)).toEqual([...values(0, 6), ...values(8, COUNT)]);
    log.closeNow();
  });

  it.each(["clean", "process", "machine"] as const)(
    "E, %s: rot before the recovery point stays where it is",
    async (lastClose) => {
      const files = await closed();
      // Of a log that was closed in order only the tail is looked at; the last segment has an index entry for its last batch.
      const { position } = damage(files, lastClose === "clean" ? 8 : 5);
      const lost = lastClose === "clean" ? 8 : 5;
      const { log, events } = await open(files, { lastClose, recoveryPoint: lastClose === "clean" ? COUNT : 6 });
      expect(readAll(log).records.map(({ offset }) => offset)).toEqual(
        Array.from({ length: COUNT }, (_, i) => i).filter((offset) => offset !== lost),
      );
      if (lastClose !== "clean" || events.length > 0)
        expect(events[0]).toMatchObject({ kind: "corrupt", from: lost, to: lost + 1, position });
      log.closeNow();
      expect(pieces(files)).toEqual([]);
      expect(log.leaderEpoch).toBe(lastClose === "machine" ? 1 : 0);
      await expectSettled(files, { recoveryPoint: 6 });
    },
  );

  it.each(["clean", "process", "machine"] as const)(
    "F, %s: rot at the very end, before the recovery point, is kept aside; no offset is used again",
    async (lastClose) => {
      const files = await closed();
      const { position } = damage(files, 9);
      const before = imageOf(files);
      const { log, events } = await open(files, { lastClose, recoveryPoint: COUNT });
      expect([log.endOffset, log.startOffset]).toEqual([COUNT, 0]);
      expect(valuesOf(log)).toEqual(values(0, 9));
      expect(readAll(log).damage).toMatchObject([{ from: 9, to: 10 }]);
      expect(log.append(batchOf(["behind it"]))).toBe(COUNT);
      expect(events[0]).toMatchObject({ kind: "corrupt", from: 9, to: 10, file: name(LAST, "log"), position });
      expect(log.leaderEpoch).toBe(1);
      log.closeNow();
      const [piece] = pieces(files);
      expect(imageOf(files)[piece]).toBe(before[name(LAST, "log")].slice(position * 2));
      await expectSettled(files, { recoveryPoint: COUNT });
    },
  );
});

describe("the leader epoch", () => {
  it.each([
    ["clean", 0],
    ["process", 0],
    ["machine", 1],
  ] as const)("of a whole log after a death (%s) is %i", async (lastClose, epoch) => {
    const files = await closed();
    const { log } = await open(files, { lastClose, recoveryPoint: COUNT });
    expect(log.leaderEpoch).toBe(epoch);
    log.append(batchOf(["x"]));
    expect(readAll(log).records.at(-1)).toMatchObject({ leaderEpoch: epoch });
  });

  it("rises each time, and batches keep theirs", async () => {
    const files = new MemoryFiles();
    for (let i = 0; i < 5; i++) {
      const { log } = await openLog(files, { config, lastClose: i === 0 ? "clean" : "machine" });
      log.append(batchOf([`${i}`, `${i}`]));
      log.closeNow();
    }
    const { log } = await open(files);
    expect(readAll(log).records.map(({ leaderEpoch }) => leaderEpoch)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  });

  it("does not rise for a reader, nor for a new log", async () => {
    const files = await written();
    const image = imageOf(files);
    const { log } = await open(files, { lastClose: "machine", readOnly: true });
    expect(log.leaderEpoch).toBe(0);
    expect(imageOf(files)).toEqual(image);
    const { log: fresh } = await openLog(new MemoryFiles(), { lastClose: "machine" });
    expect(fresh.leaderEpoch).toBe(0);
  });

  it("rises when the log is cut back on purpose, and the checkpoint knows", async () => {
    const files = await written();
    const { log } = await open(files);
    log.truncateTo(7);
    log.append(batchOf(["instead"]));
    expect(readAll(log).records.at(-1)).toMatchObject({ offset: 7, value: "instead", leaderEpoch: 1 });
    log.closeNow();
    const { log: again, events } = await open(files);
    expect(valuesOf(again)).toEqual([...values(0, 7), "instead"]);
    expect(events.filter(({ kind }) => kind === "corrupt")).toEqual([]);
  });

  it("is above all that was used when the log was cut back past the beginning of an epoch", async () => {
    const files = await written();
    const { log } = await open(files, { lastClose: "machine" });
    log.append(batchOf(["epoch 1"]));
    log.truncateTo(3);
    expect(log.append(batchOf(["epoch 2"]))).toBe(3);
    expect(readAll(log).records.at(-1)).toMatchObject({ offset: 3, leaderEpoch: 2 });
    await log.close();
    const { log: again } = await open(files);
    expect(readAll(again)).toMatchObject({ damage: [] });
  });

  it.each(["clean", "process", "machine"] as const)(
    "is read from the batches when the checkpoint is lost, %s",
    async (how) => {
      const files = new MemoryFiles();
      for (let i = 0; i < 4; i++) {
        const { log } = await openLog(files, { config, lastClose: i === 0 ? "clean" : "machine" });
        log.append(batchOf([`${i}`]));
        await log.close();
      }
      const checkpoint = join(FOLDER, "leader-epoch-checkpoint");
      const good = files.read(checkpoint)!;
      for (const bytes of [
        undefined,
        new Uint8Array(0),
        good.subarray(0, 5),
        new Uint8Array(good.length),
        Uint8Array.of(1),
      ]) {
        const broken = files.clone();
        broken.remove(checkpoint);
        if (bytes !== undefined) putFile(broken, checkpoint, bytes);
        const { log } = await open(broken, { lastClose: how, recoveryPoint: 4 });
        expect(readAll(log).records.map(({ leaderEpoch }) => leaderEpoch)).toEqual([0, 1, 2, 3]);
        expect(log.leaderEpoch).toBe(how === "machine" ? 4 : 3);
        if (how !== "machine") expect(broken.read(checkpoint)).toEqual(good);
      }
    },
  );
});

describe("what a crash leaves behind", () => {
  it.each(["clean", "process"] as const)("is removed when the log is opened, %s", async (lastClose) => {
    const files = await closed();
    const image = imageOf(files);
    const leftovers = [
      "leader-epoch-checkpoint.tmp",
      `${name(FIRST, "log")}.deleted`,
      `${name(FIRST, "index")}.cleaned`,
      // A segment whose log is gone.
      "00000000000000000002.index",
      "00000000000000000002.timeindex",
      "00000000000000000002.txnindex",
    ];
    for (const leftover of leftovers) putFile(files, join(FOLDER, leftover), Uint8Array.of(1, 2, 3));
    const { log } = await open(files, { lastClose, recoveryPoint: COUNT });
    expect(valuesOf(log)).toEqual(values(0, COUNT));
    expect(imageOf(files)).toEqual(image);
  });

  it("stays where it is for a reader", async () => {
    const files = await closed();
    putFile(files, join(FOLDER, "x.tmp"), Uint8Array.of(1));
    append(files, LAST, new Uint8Array(10).fill(7));
    const image = imageOf(files);
    const { log, events } = await open(files, { readOnly: true });
    expect(valuesOf(log)).toEqual(values(0, COUNT));
    expect(events).toMatchObject([{ kind: "recovered", truncatedBytes: 10 }]);
    await log.close();
    expect(imageOf(files)).toEqual(image);
  });

  it("is an old index that is longer than the new one", async () => {
    const files = await closed();
    const { log } = await open(files, { recoveryPoint: COUNT });
    putFile(files, pathOf("10".padStart(20, "0"), "index"), new Uint8Array(800).fill(7));
    log.roll();
    log.append(batchOf(["x"]));
    await log.close();
    expect(files.read(pathOf("10".padStart(20, "0"), "index"))).toEqual(new Uint8Array(0));
  });

  it("a copy after a failed sync replaces every file from the recovery point on", async () => {
    const files = await closed();
    putFile(files, join(FOLDER, POISONED), new Uint8Array(0));
    const faults = new FaultyFiles(files);
    for (const [recoveryPoint, copies] of [
      [COUNT, 1],
      [5, 2],
      [0, 3],
    ]) {
      putFile(files, join(FOLDER, POISONED), new Uint8Array(0));
      faults.resetCounts();
      const { log } = await openLog(faults, { config, lastClose: "process", recoveryPoint });
      expect(faults.counts.rename).toBe(copies);
      expect(files.list(FOLDER)!.filter((name) => name === POISONED || name.endsWith(".tmp"))).toEqual([]);
      expect(valuesOf(log)).toEqual(values(0, COUNT));
      log.closeNow();
    }
  });
});

describe("indexes that are lost or wrong", () => {
  const spoil: [string, (bytes: Uint8Array) => Uint8Array | undefined][] = [
    ["lost", () => undefined],
    ["empty", () => new Uint8Array(0)],
    ["halved", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["cut within an entry", (bytes) => bytes.subarray(0, bytes.length - 3)],
    ["zeroed", (bytes) => new Uint8Array(bytes.length)],
    ["followed by zeros", (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(1000)])],
    ["garbage", (bytes) => bytes.map((byte, i) => byte ^ (i * 37 + 11))],
    ["too long", (bytes) => Uint8Array.from([...bytes, ...bytes])],
  ];
  const cases = ["index", "timeindex"].flatMap((kind) => spoil.map(([what, change]) => [kind, what, change] as const));

  it.each(cases)(".%s %s", async (kind, _, change) => {
    for (const lastClose of ["clean", "process", "machine"] as const) {
      for (const readOnly of [false, true]) {
        const files = await closed();
        const good = imageOf(files);
        for (const base of [FIRST, LAST]) {
          const changed = change(files.read(pathOf(base, kind))!);
          files.remove(pathOf(base, kind));
          if (changed !== undefined) putFile(files, pathOf(base, kind), changed);
        }
        const { log } = await open(files, { lastClose, readOnly, recoveryPoint: COUNT });
        for (let offset = COUNT - 1; offset >= 0; offset--) {
          expect(log.read(offset, 1, COUNT)[0].baseOffset).toBe(offset);
          expect(log.offsetForTimestamp(offset * 10)).toEqual({ offset, timestamp: offset * 10 });
          expect(log.offsetForTimestamp(offset * 10 - 9)).toEqual({ offset, timestamp: offset * 10 });
        }
        expect(log.offsetForTimestamp(91)).toBeUndefined();
        if (readOnly) continue;
        log.roll();
        await log.close();
        const after = imageOf(files);
        expect(after[name(LAST, kind)]).toBe(good[name(LAST, kind)]);
        // What is behind the good entries of a segment that is not written to any more is left alone.
        expect(after[name(FIRST, kind)].startsWith(good[name(FIRST, kind)])).toBe(true);
      }
    }
  });

  it("swapped between segments", async () => {
    const files = await closed();
    for (const kind of ["index", "timeindex"]) {
      const [a, b] = [FIRST, "4".padStart(20, "0")].map((base) => files.read(pathOf(base, kind))!);
      putFile(files, pathOf(FIRST, kind), b);
      putFile(files, pathOf("4".padStart(20, "0"), kind), a);
    }
    const { log } = await open(files, { lastClose: "clean", recoveryPoint: COUNT });
    for (let offset = COUNT - 1; offset >= 0; offset--) {
      expect(log.read(offset, 1, COUNT)[0].baseOffset).toBe(offset);
      expect(log.offsetForTimestamp(offset * 10)).toEqual({ offset, timestamp: offset * 10 });
    }
  });
});

describe("producer snapshots that are lost or wrong", () => {
  async function transactional(): Promise<MemoryFiles> {
    const files = new MemoryFiles();
    const { log } = await openLog(files, { config });
    const options = { producerId: 7, producerEpoch: 0, isTransactional: true };
    for (let i = 0; i < 8; i++) log.append(batchOf([`a${i}`.padEnd(50)], { ...options, baseSequence: i }));
    log.append(markerOf("abort", 7));
    log.append(batchOf(["b".padEnd(50)], { ...options, baseSequence: 8 }));
    log.append(markerOf("commit", 7));
    log.append(batchOf(["open".padEnd(50)], { ...options, baseSequence: 9 }));
    await log.close();
    return files;
  }

  it.each(["clean", "process", "machine"] as const)("change nothing, %s: the log has it all", async (lastClose) => {
    const files = await transactional();
    const snapshots = files.list(FOLDER)!.filter((name) => name.endsWith(".snapshot"));
    expect(snapshots.length).toBeGreaterThan(2);
    for (const [, change] of [
      ["lost", () => undefined],
      ["empty", () => new Uint8Array(0)],
      ["halved", (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1)],
      ["zeroed", (bytes: Uint8Array) => new Uint8Array(bytes.length)],
    ] as const) {
      for (const spoiled of [snapshots, snapshots.slice(-1), snapshots.slice(0, 1)]) {
        const broken = files.clone();
        for (const file of spoiled) {
          const bytes = change(files.read(join(FOLDER, file))!);
          broken.remove(join(FOLDER, file));
          if (bytes !== undefined) putFile(broken, join(FOLDER, file), bytes);
        }
        const { log } = await open(broken, { lastClose, recoveryPoint: 12 });
        expect(log.lastStableOffset).toBe(11);
        expect(committedOf(log).map(({ offset }) => offset)).toEqual([9]);
        expect(log.abortedTransactions(0, 5)).toMatchObject([{ producerId: 7, firstOffset: 0, lastOffset: 8 }]);
        expect(log.abortedTransactions(9, 12)).toEqual([]);
      }
    }
  });

  it("of a history that was cut off do not count", async () => {
    const files = await transactional();
    const { log } = await open(files, { lastClose: "clean", recoveryPoint: 12 });
    log.truncateTo(8);
    expect(log.lastStableOffset).toBe(0);
    expect(log.abortedTransactions(0, 8)).toEqual([]);
    for (let i = 0; i < 6; i++) log.append(batchOf(["no producer".padEnd(50)]));
    log.closeNow();
    const { log: again } = await open(files);
    expect([again.lastStableOffset, again.endOffset]).toEqual([0, 14]);
    again.append(markerOf("commit", 7));
    expect(again.lastStableOffset).toBe(15);
    expect(committedOf(again)).toHaveLength(14);
  });

  it.each(["clean", "process", "machine"] as const)(
    "from before the first segment do not count, %s: what followed is gone with the marker",
    async (lastClose) => {
      const files = new MemoryFiles();
      const { log } = await openLog(files, { config });
      const options = { producerId: 7, producerEpoch: 0, isTransactional: true };
      for (let i = 0; i < 4; i++) log.append(batchOf([`a${i}`.padEnd(50)], { ...options, baseSequence: i }));
      log.append(batchOf(["no producer".padEnd(50)]));
      log.append(markerOf("commit", 7));
      while (log.segmentCount < 3) log.append(batchOf(["no producer".padEnd(50)]));
      const begins = log.endOffset;
      log.append(batchOf(["open".padEnd(50)], { ...options, baseSequence: 4 }));
      log.closeNow();
      const [, second, third] = files.list(FOLDER)!.flatMap((file) => file.match(/^(\d+)\.log$/)?.[1] ?? []);
      expect(readProducerSnapshot(files.read(pathOf(second, "snapshot"))!)).toMatchObject([
        { currentTxnFirstOffset: 0 },
      ]);
      // The names of the segments are gone, that of the second one's snapshot has survived; the third one's is torn.
      for (const file of [pathOf(FIRST), pathOf(second)]) files.remove(file);
      cutFile(files, pathOf(third, "snapshot"), 0);
      for (const readOnly of [true, false]) {
        const { log: again } = await open(files, { lastClose, readOnly, startOffset: Number(third) });
        expect(again.lastStableOffset).toBe(begins);
        if (readOnly) {
          again.closeNow();
          continue;
        }
        const end = again.append(markerOf("abort", 7));
        expect(again.abortedTransactions(0, end)).toMatchObject([{ firstOffset: begins, lastOffset: end }]);
        expect(again.lastStableOffset).toBe(end + 1);
        again.closeNow();
      }
    },
  );
});

describe("segments that are missing", () => {
  it.each(["clean", "process"] as const)("in the middle are a gap with a name, %s", async (lastClose) => {
    for (const readOnly of [false, true]) {
      const files = await closed();
      files.remove(pathOf("4".padStart(20, "0")));
      const { log } = await open(files, { lastClose, readOnly, recoveryPoint: COUNT });
      const { records, damage } = readAll(log);
      expect(records.map(({ value }) => value)).toEqual([...values(0, 4), ...values(8, COUNT)]);
      expect(damage).toMatchObject([{ code: "VARVE_CORRUPT", from: 4, to: 8, topic: "t", partition: 0 }]);
      expect(damage[0].file).toBe(pathOf(FIRST));
      for (const offset of [4, 5, 7])
        expect(() => log.read(offset, 1, COUNT)).toThrow(expect.objectContaining({ from: 4, to: 8 }));
      log.closeNow();
    }
  });

  it.each(["clean", "process", "machine"] as const)(
    "at the end, before the recovery point, are a gap with a name: no offset is used again (%s)",
    async (lastClose) => {
      for (const readOnly of [false, true]) {
        const files = await closed();
        for (const file of files.list(FOLDER)!.filter((name) => name.startsWith(LAST)))
          files.remove(join(FOLDER, file));
        const { log, events } = await open(files, { lastClose, readOnly, recoveryPoint: COUNT });
        expect(events[0]).toMatchObject({ kind: "corrupt", from: 8, to: 10 });
        expect([log.startOffset, log.endOffset]).toEqual([0, COUNT]);
        const { records, damage } = readAll(log);
        expect(records.map(({ value }) => value)).toEqual(values(0, 8));
        expect(damage).toMatchObject([{ code: "VARVE_CORRUPT", from: 8, to: 10 }]);
        log.closeNow();
        if (!readOnly) await expectSettled(files, { recoveryPoint: COUNT });
      }
    },
  );

  it("all of them: the log goes on at the recovery point", async () => {
    const files = await closed();
    for (const file of files.list(FOLDER)!) if (/log$|index$/.test(file)) files.remove(join(FOLDER, file));
    const { log, events } = await open(files, { recoveryPoint: COUNT });
    expect(events[0]).toMatchObject({ kind: "corrupt", from: 0, to: 10 });
    expect(log.append(batchOf(["x"]))).toBe(COUNT);
    expect(log.leaderEpoch).toBeGreaterThan(0);
  });

  it("at the beginning raise the log start", async () => {
    const files = await closed();
    files.remove(pathOf(FIRST));
    const { log } = await open(files, { recoveryPoint: COUNT });
    expect([log.startOffset, log.endOffset]).toEqual([4, COUNT]);
    expect(valuesOf(log)).toEqual(values(4, COUNT));
  });
});

describe("a segment that runs into the next one", () => {
  it.each(["clean", "process", "machine"] as const)("ends where that one begins, %s", async (lastClose) => {
    const files = await closed();
    const { bytes, start, end } = batchOf(["another record 4"]);
    placeBatch(bytes, start, 4, 0);
    append(files, FIRST, bytes.subarray(start, end));
    const { log } = await open(files, { lastClose, recoveryPoint: COUNT });
    expect(valuesOf(log)).toEqual(values(0, COUNT));
    expect(log.read(4, 1, COUNT)[0].position).toBe(0);
  });
});

describe("a log start", () => {
  it("inside of a segment hides what is before it", async () => {
    const files = await closed();
    const { log } = await open(files, { startOffset: 6, recoveryPoint: COUNT });
    expect(log.startOffset).toBe(6);
    expect(valuesOf(log)).toEqual(values(6, COUNT));
    expect(() => log.read(5, 1, COUNT)).toThrow(expect.objectContaining({ code: "VARVE_OFFSET_OUT_OF_RANGE" }));
    expect(log.offsetForTimestamp(0)).toEqual({ offset: 6, timestamp: 60 });
  });

  it("beyond the end: the log goes on there, and what was left is kept aside", async () => {
    const files = await closed();
    const before = imageOf(files);
    const { log } = await open(files, { lastClose: "machine", startOffset: 50, recoveryPoint: COUNT });
    expect([log.startOffset, log.endOffset, log.segmentCount]).toEqual([50, 50, 1]);
    expect(log.append(batchOf(["x"]))).toBe(50);
    log.closeNow();
    const [piece] = pieces(files);
    expect(imageOf(files)[piece]).toBe(before[name(LAST, "log")]);
    const { log: again } = await open(files, { startOffset: 50, recoveryPoint: 51 });
    expect(valuesOf(again)).toEqual(["x"]);
  });
});

describe("bytes that look like a batch inside of a record", () => {
  /** A value that holds a whole log of its own, with offsets that would fit. */
  async function nested(): Promise<MemoryFiles> {
    const inner = new MemoryFiles();
    const { log } = await openLog(inner, { config: { segmentBytes: 100_000 } });
    log.truncateFullyAndStartAt(7);
    for (let i = 0; i < 5; i++) log.append(batchOf([`fake ${i}`]));
    log.closeNow();
    const bytes = inner.read(pathOf("7".padStart(20, "0")))!;
    const files = new MemoryFiles();
    const { log: outer } = await openLog(files, { config: { segmentBytes: 100_000 } });
    for (let i = 0; i < 3; i++) outer.append(batchOf([`real ${i}`]));
    outer.append(batchOf([{ value: Buffer.from(bytes) as unknown as string }]));
    for (let i = 4; i < 7; i++) outer.append(batchOf([`real ${i}`]));
    await outer.close();
    return files;
  }

  it.each(["in its value", "in its length"])("are never served when it is damaged %s", async (where) => {
    const files = await nested();
    const place = placesIn(files, FIRST)[3];
    flipBit(files, { file: name(FIRST, "log"), bit: (place.position + (where === "in its value" ? 70 : 10)) * 8 + 7 });
    for (const readOnly of [true, false]) {
      const { log } = await open(files, { readOnly, config: { segmentBytes: 100_000 } });
      expect(valuesOf(log)).toEqual([0, 1, 2, 4, 5, 6].map((i) => `real ${i}`));
      expect(log.endOffset).toBe(7);
      log.closeNow();
    }
  });

  it("are not taken for the end of the log when the write of it was torn", async () => {
    const files = await nested();
    const place = placesIn(files, FIRST)[3];
    cutFile(files, pathOf(FIRST), place.position + place.size - 10);
    const { log } = await open(files, { config: { segmentBytes: 100_000 } });
    expect([valuesOf(log), log.endOffset]).toEqual([["real 0", "real 1", "real 2"], 3]);
  });
});

describe("what Kafka wrote", () => {
  it.each(["g-none-0", "g-small-0", "g-txn-0", "g-idem-0"])(
    "%s is left as it is by an owner that changes nothing",
    async (partition) => {
      const files = goldenPartition(partition);
      const before = imageOf(files);
      const logs = Object.keys(before).filter((name) => name.endsWith(".log"));
      const { log, events } = await openLog(files, { lastClose: "process" });
      expect(events).toEqual([expect.objectContaining({ kind: "recovered", truncatedBytes: 0 })]);
      await log.close();
      const after = imageOf(files);
      for (const name of logs) expect(after[name]).toBe(before[name]);
      expect(after["leader-epoch-checkpoint"]).toBe(before["leader-epoch-checkpoint"]);
    },
  );
});
