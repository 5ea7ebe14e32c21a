/** A crash at every step of a compaction, on every disk that may be left: nothing is lost, nothing comes back, nothing lies around. */
import { expect, it } from "vitest";
import type { Files } from "../../src/storage/files.ts";
import { Log, type LogOptions } from "../../src/storage/log.ts";
import { parseSegmentFile } from "../../src/storage/paths.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { isFull } from "../sampling.ts";
import { type Exploration, explore } from "../simulation/explore.ts";
import { changesDisk } from "../simulation/journal.ts";
import { LyingFiles } from "../simulation/lying-files.ts";
import { Random } from "../simulation/random.ts";
import { RecordingFiles } from "../simulation/recorder.ts";
import { COMPACT, DAY, latestIn, leftoversIn, SETTINGS } from "./compacting.ts";
import { batchOf, markerOf, readAll, SMALL } from "./partition.ts";

/** What is on the disk for sure, from now on. */
interface Fact {
  endOffset: number;
  latest: [string, string][];
}

const FOLDER = "/t-0";
const SEED = 1;
/** Of as many namings every disk is checked. */
const NAMINGS = isFull ? 100 : 3;
const config = { ...SMALL, ...COMPACT, segmentBytes: 700 };

function open(files: Files, clock: TestClock, more: Partial<LogOptions> = {}): Promise<Log> {
  const place = { folder: FOLDER, topic: "t", partition: 0, topicId: "" };
  const rest = { config, readOnly: false, recoveryPoint: 0, startOffset: 0, report: () => {} };
  return Log.open({ files, clock, ...place, ...rest, lastClose: "clean", ...more });
}

const workload: Exploration<Fact>["workload"] = async ({ files, clock, random, ack }) => {
  const log = await open(files, clock);
  const flush = async () => {
    await log.flush();
    ack({ endOffset: log.endOffset, latest: [...latestIn(log)] });
  };
  let sequence = 0;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 14; i++) {
      const key = `k${random.below(6)}`;
      const value = random.oneIn(5) ? null : `${round} ${i}`.padEnd(random.below(60));
      if (random.oneIn(5)) {
        log.append(
          batchOf([{ key, value }], {
            producerId: 9,
            producerEpoch: 0,
            baseSequence: sequence++,
            isTransactional: true,
          }),
        );
        log.append(markerOf(random.oneIn(2) ? "abort" : "commit", 9));
      } else {
        log.append(
          batchOf([
            { key, value },
            { key: "twice", value: `${i}` },
          ]),
        );
      }
    }
    await flush();
    log.roll();
    // Tombstones of the round before are past their time.
    clock.advance(2 * DAY);
    const compacting = log.compact(SETTINGS);
    log.append(batchOf([{ key: "during", value: `${round}` }]));
    await compacting;
    await flush();
  }
  await log.close();
};

const check: Exploration<Fact>["check"] = async ({ files, clock }, acks, lastClose) => {
  const acked = acks.at(-1);
  const log = await open(files, clock, { lastClose, recoveryPoint: 0 });
  expect(leftoversIn(files, FOLDER)).toEqual([]);
  expect(readAll(log).damage).toEqual([]);
  if (acked) {
    expect(log.endOffset).toBeGreaterThanOrEqual(acked.endOffset);
    const since = readAll(log, 1000, Math.max(acked.endOffset, log.startOffset)).records;
    const latest = latestIn(log);
    for (const [key, value] of acked.latest) {
      if (!since.some((record) => record.key === key)) expect([key, latest.get(key)]).toEqual([key, value]);
    }
    for (const key of latest.keys()) {
      if (!since.some((record) => record.key === key)) expect(acked.latest.map(([known]) => known)).toContain(key);
    }
  }
  const before = latestIn(log);
  await log.close();
  const again = await open(files, clock, { recoveryPoint: log.endOffset });
  expect(latestIn(again)).toEqual(before);
  again.append(batchOf([{ key: "more", value: "1" }]));
  await again.compact({ ...SETTINGS, endsActive: true });
  // Behind a transaction that the crash has left open nothing is to be seen yet.
  const isSeen = again.lastStableOffset === again.endOffset;
  expect(latestIn(again)).toEqual(new Map([...before, ...(isSeen ? [["more", "1"] as const] : [])].sort()));
  await again.close();
  expect(leftoversIn(files, FOLDER)).toEqual([]);
};

it("at any point, by the process or the machine", { timeout: 600_000 }, async () => {
  const explored = await explore<Fact>({ seed: SEED, budget: isFull ? 20_000 : 250, workload, check });
  expect(explored.points).toBeGreaterThan(100);
});

/** Of so many disks a sample may pass by those few on which two renames have changed places. */
it("where a merged segment gets its name, on every disk", { timeout: 600_000 }, async () => {
  expect(await exploreNamings(workload)).toBeGreaterThan(60);
});

it("and a folder that is not synced before the sources go is caught", { timeout: 600_000 }, async () => {
  const exploring = explore<Fact>({ seed: SEED, budget: 5000, workload: forgetting(isSwapping), check });
  await expect(exploring).rejects.toThrow(/VARVE|expected/);
});

it("and a folder that is not synced behind the sources' new names is caught", { timeout: 600_000 }, async () => {
  const forgetful = forgetting((names) => isSwapping(names) && names.some((name) => name.endsWith(".log.deleted")));
  await expect(exploreNamings(forgetful)).rejects.toThrow(/expected \d+ to be greater than or equal to/);
});

/** The workload of an engine that forgets to sync a folder in which such names are. */
function forgetting(isForgotten: (names: string[]) => boolean): typeof workload {
  return (world) => {
    const syncsFolder = (path: string) => !isForgotten(world.files.list(path) ?? []);
    return workload({ ...world, files: new LyingFiles(world.files, { syncsFolder }) });
  };
}

function isSwapping(names: string[]): boolean {
  return names.some((name) => parseSegmentFile(name)?.state === "swap");
}

/** Returns how many disks were checked. */
async function exploreNamings(run: typeof workload): Promise<number> {
  let total = 0;
  for (const point of (await pointsOfNaming(run)).slice(0, NAMINGS)) {
    const { checked } = await explore<Fact>({ seed: SEED, budget: 0, workload: run, check, replay: { point } });
    total += checked;
  }
  return total;
}

/** Where a segment has its name in the place of several, just before the next change: the sync that makes it durable. */
async function pointsOfNaming(run: typeof workload): Promise<number[]> {
  const clock = new TestClock();
  const files = new RecordingFiles({ clock });
  await run({ files, clock, random: new Random(SEED), ack: (fact) => files.ack(fact) });
  const points: number[] = [];
  let sources = 0;
  let isNamed = false;
  for (const [index, entry] of files.journal.entries.entries()) {
    if (isNamed && changesDisk(entry)) points.push(index);
    if (changesDisk(entry)) isNamed = false;
    if (entry.type !== "names") continue;
    if (entry.path.endsWith(".log.deleted")) sources++;
    if (!entry.path.includes(".log.swap to ")) continue;
    isNamed = sources > 1;
    sources = 0;
  }
  return points;
}
