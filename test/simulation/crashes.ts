/**
 * Crashes of the whole engine: a drawn workload, every disk that it may leave, and for some of these a workload that begins
 * with their recovery and is crashed again.
 */
import type { Files } from "../../src/storage/files.ts";
import { type Explored, explore, type Replay } from "./explore.ts";
import type { CrashImage } from "./images.ts";
import { type Fact, Ledger } from "./ledger.ts";
import { Random } from "./random.ts";
import { bootAfter, checkRecovery, type Left } from "./recovery-check.ts";
import { runWorkload } from "./workload.ts";

export interface CrashRun {
  seed: number;
  steps: number;
  budget: number;
  /** One image in so many is the start of a second workload. None when not given. */
  againOneIn?: number;
  replay?: Replay;
  /** What the first workload has in the place of its disk, which stays below it. */
  disk?: (files: Files) => Files;
}

/** Of the second workload; its recovery is what counts. */
const STEPS_AGAIN = 6;
const BUDGET_AGAIN = 40;
const FIRST_BOOT = "boot";

/** Returns how many disks were checked. */
export async function crashEverywhere(run: CrashRun): Promise<Explored & { checkedAgain: number }> {
  const { seed, steps, budget, againOneIn, replay = {}, disk = (files) => files } = run;
  let checkedAgain = 0;
  const durability = new Random(seed, 2).oneIn(2) ? "power" : "process";
  const explored = await explore<Fact>({
    seed,
    budget,
    replay,
    randoms: 4,
    failSync: failingSync(seed),
    workload: (world) => runWorkload({ ...world, files: disk(world.files) }, { steps, bootId: FIRST_BOOT, durability }),
    check: async (image, acks, kind) => {
      const left = { kind, bootId: FIRST_BOOT, durability } as const;
      if (againOneIn && new Random(seed, image.point, image.variant.length).oneIn(againOneIn)) {
        checkedAgain += await crashAgain({ ...image, files: image.files.clone() }, acks, left);
      }
      await checkRecovery(image, acks, left);
    },
  });
  return { ...explored, checkedAgain };
}

/** Crashes the recovery of an image, and what goes on after it. */
async function crashAgain(image: CrashImage, facts: readonly Fact[], left: Left): Promise<number> {
  const bootId = bootAfter(left);
  const { durability } = left;
  const before = [...facts, { type: "crashed", kind: left.kind } as const];
  const { checked } = await explore<Fact>({
    seed: image.seed + image.point,
    budget: BUDGET_AGAIN,
    replay: {},
    randoms: 1,
    base: image.files,
    workload: (world) => runWorkload(world, { steps: STEPS_AGAIN, bootId, durability, before: new Ledger(before) }),
    check: (again, acks, kind) => checkRecovery(again, [...before, ...acks], { kind, bootId, durability }),
  });
  return checked;
}

/** In one run of four, now and then a sync fails: of a log, an index or a file that is about to replace another. */
function failingSync(seed: number): ((path: string, count: number) => boolean) | undefined {
  if (!new Random(seed, 1).oneIn(4)) return undefined;
  return (path, count) => /\.(log|index|timeindex|tmp)$/.test(path) && new Random(seed, count).oneIn(25);
}
