/** What is appended while a reader waits at the end of the log: it is read from memory, and it is what a file read would give. */
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/format/batch.ts";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, batchOfSize, type OpenChoices, openLog, recordsOf } from "./partition.ts";

const ALL = 1_000_000;

/** A log of one batch, with a reader that has read it and waits. */
async function waitedFor(choices: OpenChoices = {}) {
  const files = new FaultyFiles(new MemoryFiles());
  const { log } = await openLog(files, { config: { segmentBytes: 100_000 }, ...choices });
  log.append(batchOf(["first"]));
  log.read(1, ALL, log.endOffset);
  return { log, files };
}

function append(log: Log, ...values: string[]): void {
  for (const value of values) log.append(batchOf([value]));
}

/** What a read gives, and how often it went to the file for it. */
function read(log: Log, files: FaultyFiles, offset: number, maxBytes = ALL, limit = log.endOffset) {
  const before = files.counts.read;
  const batches = log.read(offset, maxBytes, limit);
  return { values: valuesOf(batches), reads: files.counts.read - before, batches };
}

function valuesOf(batches: readonly Batch[]): (string | null)[] {
  return batches.flatMap(recordsOf).map(({ value }) => value);
}

describe("a reader who waits at the end", () => {
  it("is given what is appended then without a read, in memory of its own", async () => {
    const { log, files } = await waitedFor();
    append(log, "second", "third");
    const { values, reads, batches } = read(log, files, 1);
    expect([values, reads]).toEqual([["second", "third"], 0]);
    for (const batch of batches) batch.bytes.fill(0);
    expect(read(log, files, 1)).toMatchObject({ values: ["second", "third"], reads: 0 });
    log.closeNow();
  });

  it("is given the same as from the file, position and all", async () => {
    const { log, files } = await waitedFor();
    append(log, "second", "third");
    const fromMemory = read(log, files, 1);
    const { log: other } = await openLog(files, {
      readOnly: true,
      lastClose: "process",
      config: { segmentBytes: 100_000 },
    });
    const fromFile = read(other, files, 1);
    expect([fromMemory.reads, fromFile.reads > 0]).toEqual([0, true]);
    const shown = ({ position, baseOffset, lastOffset, leaderEpoch, crc }: Batch) => {
      return { position, baseOffset, lastOffset, leaderEpoch, crc };
    };
    expect(fromMemory.batches.map(shown)).toEqual(fromFile.batches.map(shown));
    other.closeNow();
    log.closeNow();
  });

  it.each<[string, number, number, number, string[]]>([
    ["one batch at the least", 1, 1, 4, ["second"]],
    ["no batch at or past the limit", 1, ALL, 3, ["second", "third"]],
    ["nothing at the limit", 1, ALL, 1, []],
    ["from the batch that holds the offset", 2, ALL, 4, ["third", "fourth"]],
    ["from the middle, one batch", 2, 1, 4, ["third"]],
    ["nothing past the end", 4, ALL, 4, []],
  ])("%s", async (_, offset, maxBytes, limit, expected) => {
    const { log, files } = await waitedFor();
    append(log, "second", "third", "fourth");
    expect(read(log, files, offset, maxBytes, limit)).toMatchObject({ values: expected, reads: 0 });
    log.closeNow();
  });

  it("and reads again has nothing to wait for: the file", async () => {
    const { log, files } = await waitedFor();
    append(log, "second");
    expect(read(log, files, 1).reads).toBe(0);
    log.read(2, ALL, log.endOffset);
    append(log, "third");
    expect(read(log, files, 2)).toMatchObject({ values: ["third"], reads: 0 });
    const behind = read(log, files, 1);
    expect(behind.values).toEqual(["second", "third"]);
    expect(behind.reads).toBeGreaterThan(0);
    log.closeNow();
  });

  it("at a limit before the end, leaves at hand what lies behind it", async () => {
    const { log, files } = await waitedFor();
    append(log, "second");
    log.read(1, ALL, 1);
    append(log, "third");
    expect(read(log, files, 1)).toMatchObject({ values: ["second", "third"], reads: 0 });
    log.closeNow();
  });

  it("falls behind when there is more than is kept, and reads the file", async () => {
    const { log, files } = await waitedFor({ config: { segmentBytes: 1_000_000 } });
    for (let i = 0; i < 50; i++) log.append(batchOfSize(1000));
    log.append(batchOf(["last"]));
    const { values, reads } = read(log, files, 1);
    expect([values.length, values.at(-1), reads > 0]).toEqual([51, "last", true]);
    log.closeNow();
  });

  it("is given nothing of a write that failed", async () => {
    const { log, files } = await waitedFor();
    files.fail({ on: "write", code: "VARVE_IO" });
    expect(() => append(log, "lost")).toThrow();
    expect(read(log, files, 1).values).toEqual([]);
    append(log, "second");
    expect(read(log, files, 1)).toMatchObject({ values: ["second"], reads: 0 });
    log.closeNow();
  });

  it("is given nothing that was cut off since", async () => {
    const { log, files } = await waitedFor();
    append(log, "cut");
    log.truncateTo(1);
    expect(read(log, files, 1).values).toEqual([]);
    append(log, "instead");
    expect(read(log, files, 1).values).toEqual(["instead"]);
    log.closeNow();
  });

  it("is refused what lies before the log start", async () => {
    const { log, files } = await waitedFor();
    append(log, "second", "third");
    log.deleteRecordsBefore(2);
    expect(() => read(log, files, 1)).toThrow(expect.objectContaining({ code: "VARVE_OFFSET_OUT_OF_RANGE" }));
    expect(read(log, files, 2).values).toEqual(["third"]);
    log.closeNow();
  });

  it("is given what comes behind a roll, at its place in the new segment", async () => {
    const { log, files } = await waitedFor();
    append(log, "second");
    log.roll();
    append(log, "third");
    expect(read(log, files, 2)).toMatchObject({ values: ["third"], reads: 0, batches: [{ position: 0 }] });
    expect(read(log, files, 1).values).toContain("second");
    log.closeNow();
  });
});

it("nothing is kept when nobody waits", async () => {
  const files = new FaultyFiles(new MemoryFiles());
  const { log } = await openLog(files);
  append(log, "first", "second");
  expect(read(log, files, 1).reads).toBeGreaterThan(0);
  log.closeNow();
});
