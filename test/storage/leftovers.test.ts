/** The second table of recovery.ts, row by row: what a compaction leaves that was killed, and what becomes of it. */
import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join, parseSegmentFile } from "../../src/storage/paths.ts";
import { decideLeftover, LEFTOVER_CASES, type Leftover } from "../../src/storage/recovery.ts";
import { COMPACT, leftoversIn, SETTINGS } from "./compacting.ts";
import { batchOf, FOLDER, openLog, putFile, readAll } from "./partition.ts";

const config = { ...COMPACT, segmentBytes: 300 };
const COUNT = 12;

async function folders(): Promise<{ before: MemoryFiles; after: MemoryFiles }> {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config });
  for (let i = 0; i < COUNT; i++) log.append(batchOf([{ key: `k${i % 2}`, value: `${i}` }]));
  log.roll();
  await log.close();
  const before = files.clone();
  const { log: again } = await openLog(files, { config: { ...config, segmentBytes: 10_000 }, recoveryPoint: COUNT });
  await again.compact(SETTINGS);
  await again.close();
  return { before, after: files };
}

/** The kinds of files of the one cleaned segment. */
const KINDS = ["log", "index", "timeindex"] as const;
const FIRST = "00000000000000000000";

function copy(from: MemoryFiles, kind: string, to: MemoryFiles, suffix: string): MemoryFiles {
  putFile(to, join(FOLDER, `${FIRST}.${kind}${suffix}`), from.read(join(FOLDER, `${FIRST}.${kind}`))!);
  return to;
}

/** The sources, by what their names end in: all but the active segment. */
function sourcesIn(files: MemoryFiles): string[] {
  return files.list(FOLDER)!.filter((name) => {
    const file = parseSegmentFile(name);
    return file && file.kind !== "snapshot" && file.state === "live" && file.baseOffset < COUNT;
  });
}

async function told(files: MemoryFiles, readOnly = false) {
  const { log, events } = await openLog(files, { config, readOnly, lastClose: "process" });
  const { records, damage } = readAll(log);
  log.closeNow();
  expect([damage, events.filter(({ kind }) => kind === "corrupt")]).toEqual([[], []]);
  return { offsets: records.map(({ offset }) => offset), endOffset: log.endOffset };
}

const all = Array.from({ length: COUNT }, (_, i) => i);
const last = [COUNT - 2, COUNT - 1];

describe("the rows", () => {
  const rows: [label: string, make: (folders: { before: MemoryFiles; after: MemoryFiles }) => MemoryFiles, number[]][] =
    [
      ["G: half made", ({ before, after }) => copy(after, "log", before, ".cleaned"), all],
      [
        "H: not renamed as a whole",
        ({ before, after }) => {
          copy(after, "log", before, ".swap");
          copy(after, "index", before, ".cleaned");
          return before;
        },
        all,
      ],
      [
        "I: whole, its sources untouched",
        ({ before, after }) => {
          for (const kind of KINDS) copy(after, kind, before, ".swap");
          return before;
        },
        last,
      ],
      [
        "I: whole, its sources renamed in part",
        ({ before, after }) => {
          for (const kind of KINDS) copy(after, kind, before, ".swap");
          for (const name of sourcesIn(before).slice(2))
            before.rename(join(FOLDER, name), join(FOLDER, `${name}.deleted`));
          return before;
        },
        last,
      ],
      [
        "I: put in its place but for the log",
        ({ before, after }) => {
          for (const name of sourcesIn(before)) before.rename(join(FOLDER, name), join(FOLDER, `${name}.deleted`));
          for (const kind of KINDS) copy(after, kind, before, kind === "log" ? ".swap" : "");
          return before;
        },
        last,
      ],
      ["J: given up", ({ before, after }) => copy(after, "index", before, ".swap"), all],
      ["K: replaced", ({ after }) => copy(after, "log", after, ".deleted"), last],
    ];

  it.each(rows)("%s", async (label, make, expected) => {
    const files = make(await folders());
    const readOnly = files.clone();
    expect(await told(readOnly, true)).toEqual({ offsets: expected, endOffset: COUNT });
    expect(await told(files)).toEqual({ offsets: expected, endOffset: COUNT });
    expect(leftoversIn(files)).toEqual([]);
    const names = files.list(FOLDER);
    expect(await told(files)).toEqual({ offsets: expected, endOffset: COUNT });
    expect(files.list(FOLDER)).toEqual(names);
    expect(LEFTOVER_CASES.map((row) => row.label)).toContain(label[0]);
  });

  it("cover every leftover", () => {
    const met = new Set<string>();
    for (const state of ["cleaned", "swap", "deleted"] as const)
      for (const isBehindCleaned of [true, false])
        for (const hasLog of [true, false]) {
          const leftover: Leftover = { state, isBehindCleaned, hasLog };
          const isWhole = state === "swap" && !isBehindCleaned && hasLog;
          expect(decideLeftover(leftover)).toBe(isWhole ? "finish" : "remove");
          met.add(JSON.stringify(leftover));
        }
    expect(met.size).toBe(12);
  });
});

it("a swap that is finished has each step on the disk before the next", async () => {
  const { before, after } = await folders();
  for (const kind of KINDS) copy(after, kind, before, ".swap");
  putFile(before, join(FOLDER, `${FIRST}.txnindex.swap`), new Uint8Array(0));
  const steps: string[] = [];
  const { remove, rename, syncFolder } = before;
  before.remove = (path) => {
    if (before.stat(path) !== undefined) steps.push(`remove ${path.slice(path.lastIndexOf("."))}`);
    remove.call(before, path);
  };
  before.rename = (from, to) => {
    if (from.endsWith(".swap")) steps.push(to.slice(to.lastIndexOf(".")));
    rename.call(before, from, to);
  };
  before.syncFolder = async (folder) => {
    steps.push("sync");
    await syncFolder.call(before, folder);
  };
  await told(before);
  const sources = steps.indexOf("sync");
  expect(new Set(steps.slice(0, sources))).toEqual(new Set(["remove .log", "remove .index", "remove .timeindex"]));
  const rest = ["sync", ".txnindex", "sync", ".timeindex", ".index", ".log", "sync"];
  expect(steps.slice(sources, sources + rest.length)).toEqual(rest);
});

it("indexes without their log go, and snapshots stay", async () => {
  const { after } = await folders();
  const orphans = ["index", "timeindex", "txnindex"].map((kind) => `${"0".repeat(18)}05.${kind}`);
  const names = after.list(FOLDER);
  for (const name of orphans) putFile(after, join(FOLDER, name), new Uint8Array(24));
  await told(after);
  expect(after.list(FOLDER)).toEqual(names);
});
