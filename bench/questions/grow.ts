/**
 * Does a log of 10 GB (or of as much as there is room for) take and find records as fast as one of 100 MB? And how much memory does the
 * process hold meanwhile?
 *
 * The big log grows once. Then, in each round, a small and the big one are written to and looked into by turns, in one process. The
 * small one's pages are those of the one before, which was deleted; the big one's are new. Where they are new to the machine as well, a
 * virtual one that is given memory as it touches it, that costs more than the append: on one of them 300 µs of system time a group, not 24.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Store } from "../peers/store.ts";
import { type Engine, varve } from "../peers/varve.ts";
import { type Figure, type Figures, perSecond, type Question, type Setting, type Subject } from "../question.ts";
import { bytesRecords, RECORD_COUNT } from "../records.ts";
import { fill, freshFolder, lookInto, scattered } from "../stores.ts";

const GROUP_BYTES = 127 * RECORD_COUNT;
const GB = 1e9;
const SMALL_BYTES = 0.1 * GB;
/** Where the rate of appending is noted while the log grows: over the tenth before. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10].map((size) => size * GB);

interface Grown {
  store: Store;
  recordCount: number;
  rates: Figures;
}

/** The most that the process held in memory of its own; mapped file pages belong to the system. */
class Resident {
  #most = 0;

  look(): void {
    const status = readFileSync("/proc/self/status", "utf8");
    const kib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    this.#most = Math.max(this.#most, (kib("RssAnon") + kib("RssShmem")) * 1024);
  }

  figure(): Figure {
    return { value: this.#most / 1e6, unit: "MB" };
  }
}

function grown(engine: Engine): Subject {
  const kind = varve({ engine });
  const mode = `groups of ${RECORD_COUNT}: ${kind.append}; ${kind.get}`;
  return {
    mode,
    async start(setting) {
      const resident = new Resident();
      const most = sizeThatFits(setting);
      const big = await grow(await kind.open(inside(setting, "big")), most, resident);
      await takenByDisk(setting.folder);
      const nextBig = scattered(big.recordCount);
      const nextSmall = scattered((SMALL_BYTES / GROUP_BYTES) * RECORD_COUNT);
      const milliseconds = setting.seconds * 1000;
      return {
        mode: `${mode}; ${big.store.note}; big is ${sizeName(most)}, small ${sizeName(SMALL_BYTES)}`,
        async round() {
          const small = await grow(await kind.open(freshFolder(setting.folder)), SMALL_BYTES, resident);
          await takenByDisk(setting.folder);
          const figures: Figures = { ...big.rates };
          figures["append small"] = await appending(small.store, milliseconds);
          figures["append big"] = await appending(big.store, milliseconds);
          figures["random small"] = (await lookInto(small.store, nextSmall, milliseconds))[""];
          figures["random big"] = (await lookInto(big.store, nextBig, milliseconds))[""];
          resident.look();
          await small.store.close();
          return { ...figures, resident: resident.figure() };
        },
        end: async () => void (await big.store.close()),
      };
    },
  };
}

async function grow(store: Store, bytes: number, resident: Resident): Promise<Grown> {
  const records = bytesRecords();
  const rates: Figures = {};
  let size = 0;
  for (const step of STEPS.filter((one) => one <= bytes)) {
    while (size < step * 0.9) size += await appended(store, records, step * 0.9 - size, resident);
    const started = performance.now();
    const before = size;
    while (size < step) size += await appended(store, records, step - size, resident);
    const count = ((size - before) / GROUP_BYTES) * RECORD_COUNT;
    rates[`append at ${sizeName(step)}`] = perSecond(count, "records", performance.now() - started)[""];
  }
  return { store, recordCount: (size / GROUP_BYTES) * RECORD_COUNT, rates };
}

/** What grows faster than the disk writes is held back at some time, and what comes next pays for it: it would measure the disk. */
async function takenByDisk(folder: string): Promise<void> {
  await promisify(execFile)("sync", ["-f", folder]);
}

/** Up to a hundred groups, then a look at the memory. */
async function appended(
  store: Store,
  records: ReturnType<typeof bytesRecords>,
  bytes: number,
  resident: Resident,
): Promise<number> {
  const groups = Math.min(100, Math.ceil(bytes / GROUP_BYTES));
  for (let group = 0; group < groups; group++) await store.append(records);
  resident.look();
  return groups * GROUP_BYTES;
}

/** The big log keeps what it is given, so it is given little: at most a tenth of a gigabyte in a round. */
async function appending(store: Store, milliseconds: number): Promise<Figure> {
  const { count, milliseconds: elapsed } = await fill(store, bytesRecords(), milliseconds, 800_000);
  return perSecond(count, "records", elapsed)[""];
}

/** Half of what is free at the most. */
function sizeThatFits({ folder, isQuick }: Setting): number {
  const { bavail, bsize } = statfsSync(folder);
  const most = Math.min(isQuick ? GB : 10 * GB, (bavail * bsize) / 2);
  return STEPS.filter((step) => step <= most).at(-1) ?? SMALL_BYTES;
}

function inside({ folder }: Setting, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
}

function sizeName(bytes: number): string {
  return bytes < GB ? `${bytes / 1e6} MB` : `${bytes / GB} GB`;
}

export default {
  title: "a log that has grown, beside one of 100 MB",
  subjects: { varve: grown("auto") },
  compare: [
    ["varve append big", "varve append small"],
    ["varve random big", "varve random small"],
  ],
} satisfies Question;
