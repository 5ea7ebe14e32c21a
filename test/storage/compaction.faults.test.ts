/** A compaction on a disk that is full or fails, at each of its calls in turn: nothing is lost, and the next one succeeds. */
import { describe, expect, it } from "vitest";
import type { ErrorCode, VarveError } from "../../src/errors.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { type FaultOperation, FaultyFiles } from "../../src/testing/faults.ts";
import { COMPACT, latestIn, leftoversIn, SETTINGS } from "./compacting.ts";
import { batchOf, openLog, readAll } from "./partition.ts";

const config = { ...COMPACT, segmentBytes: 500 };

async function dirtyLog() {
  const files = new FaultyFiles(new MemoryFiles());
  const { log } = await openLog(files, { config });
  for (let i = 0; i < 24; i++)
    log.append(
      batchOf([
        { key: `k${i % 5}`, value: `${i}` },
        { key: "twice", value: null },
      ]),
    );
  log.roll();
  await log.flush();
  files.resetCounts();
  return { files, log, latest: latestIn(log) };
}

async function countOf(on: FaultOperation): Promise<number> {
  const { files, log } = await dirtyLog();
  await log.compact(SETTINGS);
  const count = files.counts[on];
  log.closeNow();
  return count;
}

async function failEach(on: FaultOperation, code: ErrorCode, times = 1): Promise<number> {
  const calls = await countOf(on);
  let failed = 0;
  for (let nth = 1; nth <= calls; nth++) {
    const { files, log, latest } = await dirtyLog();
    files.fail({ on, code, nth, times });
    const error = await log.compact(SETTINGS).then(
      () => undefined,
      (error: VarveError) => error,
    );
    if (error) failed++;
    expect(error?.code ?? code).toMatch(error?.code === "VARVE_POISONED" ? /POISONED/ : code);
    files.clear();
    expect([latestIn(log), readAll(log).damage]).toEqual([latest, []]);
    if (!log.poisoned) {
      log.append(batchOf([{ key: "more", value: "1" }]));
      latest.set("more", "1");
      await log.compact(SETTINGS);
      expect(latestIn(log)).toEqual(new Map([...latest].sort()));
      expect(leftoversIn(files)).toEqual([]);
    }
    await log.close();
    expect(files.openPaths).toEqual([]);
    const { log: reopened, events } = await openLog(files, { config, lastClose: "process" });
    expect(events.filter(({ kind }) => kind === "corrupt")).toEqual([]);
    expect(latestIn(reopened)).toEqual(new Map([...latest].sort()));
    expect(leftoversIn(files)).toEqual([]);
    await reopened.compact({ ...SETTINGS, endsActive: true });
    expect(latestIn(reopened)).toEqual(new Map([...latest].sort()));
    await reopened.close();
  }
  return failed;
}

describe("each call fails in turn", () => {
  it.each<[FaultOperation, ErrorCode, number, number]>([
    ["write", "VARVE_NO_SPACE", 1, 6],
    ["write", "VARVE_IO", 2, 6],
    ["open", "VARVE_TOO_MANY_FILES", 1, 6],
    ["rename", "VARVE_IO", 1, 12],
    ["rename", "VARVE_ACCESS", 3, 12],
    ["remove", "VARVE_IO", 1, 6],
    ["read", "VARVE_IO", 1, 6],
    ["stat", "VARVE_IO", 1, 6],
    ["sync", "VARVE_IO", 1, 4],
    ["syncFolder", "VARVE_IO", 1, 4],
  ])("%s: %s, %i times", async (on, code, times, least) => {
    expect(await failEach(on, code, times)).toBeGreaterThanOrEqual(least);
  });
});
