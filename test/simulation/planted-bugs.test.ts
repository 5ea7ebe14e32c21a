/**
 * The checker, checked: each of these bugs breaks a promise that crashes.test.ts holds the engine to, and is caught by it. Those
 * of the disk are planted between the engine and its files, the others in a function of the engine.
 */
import { afterEach, expect, it, vi } from "vitest";
import { Partition } from "../../src/engine/partition.ts";
import { TRANSACTIONS_TOPIC } from "../../src/engine/topic.ts";
import { Ending } from "../../src/engine/transactions/ending.ts";
import type * as batches from "../../src/format/batch.ts";
import type { Files } from "../../src/storage/files.ts";
import { nameOf, parentOf, parseSegmentFile } from "../../src/storage/paths.ts";
import { Structure } from "../../src/storage/structure.ts";
import { TransactionIndexFile } from "../../src/storage/transaction-index-file.ts";
import { crashEverywhere } from "./crashes.ts";
import { type Lies, LyingFiles } from "./lying-files.ts";

const planted = vi.hoisted(() => ({ isChecksumIgnored: false }));

vi.mock("../../src/format/batch.ts", async (original) => {
  const real = await original<typeof batches>();
  const batchProblem: typeof batches.batchProblem = (...place) => {
    const problem = real.batchProblem(...place);
    return planted.isChecksumIgnored && problem?.startsWith("CRC32C") ? undefined : problem;
  };
  return { ...real, batchProblem };
});

afterEach(() => {
  planted.isChecksumIgnored = false;
  vi.restoreAllMocks();
});

const SEEDS = [111, 112, 113, 114, 115, 116, 117, 118];

/** The first thing that the checker says; undefined when it finds nothing. */
async function verdict(lies?: (files: Files) => Lies, seeds = SEEDS): Promise<string | undefined> {
  const disk = lies && ((files: Files) => new LyingFiles(files, lies(files)));
  for (const seed of seeds) {
    try {
      await crashEverywhere({ seed, steps: 30, budget: 300, disk });
    } catch (error) {
      return (error as Error).message.split("\n")[0];
    }
  }
  return undefined;
}

it("nothing is caught where nothing is planted", async () => {
  expect(await verdict(() => ({}), SEEDS.slice(0, 2))).toBeUndefined();
});

it("no fsync is caught", async () => {
  const found = await verdict(() => ({ syncsFile: (path) => !path.endsWith(".log") }));
  expect(found).toMatch(/ends at \d+, but \d+ was acked|is gone|had committed|reported as corrupt/);
});

it("no folder sync is caught", async () => {
  expect(await verdict(() => ({ syncsFolder: () => false }))).toMatch(
    /ends at \d+, but \d+ was acked|is gone|had committed|the catalogue of .* is lost/,
  );
});

it("no sync at a roll is caught: only the active segment is synced", async () => {
  const isLastSegment = (files: Files, path: string) =>
    (files.list(parentOf(path)) ?? []).filter((name) => parseSegmentFile(name)?.kind === "log").at(-1) === nameOf(path);
  const found = await verdict((files) => ({
    syncsFile: (path) => !path.endsWith(".log") || isLastSegment(files, path),
  }));
  expect(found).toMatch(/ends at \d+, but \d+ was acked|stands marker|reported as corrupt/);
});

it("no check of the checksum is caught", async () => {
  planted.isChecksumIgnored = true;
  expect(await verdict()).toMatch(/stands|record|lies past/);
});

it("no structural check of the base offset is caught", async () => {
  const { problem } = Structure.prototype;
  vi.spyOn(Structure.prototype, "problem").mockImplementation(function (this: Structure, batch, following) {
    this.nextOffset = batch.baseOffset;
    return problem.call(this, batch, following);
  });
  expect(await verdict()).toMatch(/stands where|a read at/);
});

it("a recovery point that moves before the sync is caught", async () => {
  vi.spyOn(Partition.prototype, "recoveryPoint", "get").mockImplementation(function (this: Partition) {
    return this.endOffset;
  });
  expect(await verdict()).toMatch(/reported as corrupt|ends at|(is|are) damaged/);
});

it("a transaction whose decision is not synced is caught", async () => {
  const { flush } = Partition.prototype;
  vi.spyOn(Partition.prototype, "flush").mockImplementation(async function (this: Partition) {
    if (this.topic.name !== TRANSACTIONS_TOPIC) await flush.call(this);
  });
  expect(await verdict()).toMatch(/^tx\d+ (is torn|was committed)/);
});

it("a transaction that was decided and is not completed by the next open is caught", async () => {
  vi.spyOn(Ending.prototype, "complete").mockImplementation(async () => {});
  expect(await verdict()).toMatch(/^tx\d+ (is torn|was committed)/);
});

it("records of a transaction that are served before its end are caught", async () => {
  vi.spyOn(Partition.prototype, "lastStableOffset", "get").mockImplementation(function (this: Partition) {
    return this.highWatermark;
  });
  expect(await verdict()).toMatch(/is served, but/);
});

it("an index of what was aborted that lacks it is caught", async () => {
  vi.spyOn(TransactionIndexFile.prototype, "append").mockImplementation(() => {});
  expect(await verdict()).toMatch(/^a reader would be told wrong what was aborted: .* lacks producer/);
});
