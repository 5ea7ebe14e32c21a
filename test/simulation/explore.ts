/**
 * The crash explorer: runs a workload once, crashes it everywhere, and has every disk that may be left checked.
 *
 *   await explore({
 *     seed: 1, budget: 10_000,
 *     workload: async ({ files, clock, random, ack }) => { …; await log.flush(); ack({ offset }); },
 *     check: async (image, acks, kind) => { …open the image; throw when something acked is missing… },
 *   });
 *
 * A failure names seed, point and variant. VARVE_SEED and VARVE_POINT ("57", or "57 drop:3") in the environment check just
 * that again. A workload must do the same for the same seed.
 */
import type { Files } from "../../src/storage/files.ts";
import type { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { type CrashImage, CrashImages, type CrashKind, crashPoints } from "./images.ts";
import { describeEntry, type Journal } from "./journal.ts";
import { Random } from "./random.ts";
import { RecordingFiles } from "./recorder.ts";

export interface World<Fact> {
  files: Files;
  clock: TestClock;
  random: Random;
  /** Says that from now on this must hold, whatever crashes. */
  ack(fact: Fact): void;
}

export interface Replay {
  seed?: number;
  point?: number;
  variant?: string;
}

export interface Exploration<Fact> {
  workload(world: World<Fact>): Promise<void>;
  /** Throws on a violation. `acks` are those before the crash. The image is the check's own: it may write to it. */
  check(image: CrashImage, acks: readonly Fact[], kind: CrashKind): Promise<void> | void;
  seed: number;
  /** The most images to check. When there are more, that many are drawn by the seed, a quarter of them plain ones. */
  budget: number;
  /** What is on the disk when the workload begins, all of it durable: an image, to crash its recovery. */
  base?: MemoryFiles;
  /** How many random variants each point has. */
  randoms?: number;
  failSync?: (path: string, count: number) => boolean;
  /** Taken from the environment when not given; `{}` for an exploration inside a check. */
  replay?: Replay;
}

export interface Explored {
  seed: number;
  points: number;
  /** The images there are, and those that were checked. */
  images: number;
  checked: number;
}

export class CrashFailure extends Error {
  readonly seed: number;
  readonly point: number;
  readonly variant: string;

  constructor(image: CrashImage, journal: Journal, cause: unknown) {
    const { seed, point, variant } = image;
    const words = cause instanceof Error ? cause.message : String(cause);
    const replay = `VARVE_SEED=${seed} VARVE_POINT="${point} ${variant}"`;
    super(`${words}\n  again with: ${replay}\n  up to the crash:\n${lastEntries(journal, point)}`, { cause });
    this.name = "CrashFailure";
    this.seed = seed;
    this.point = point;
    this.variant = variant;
  }
}

const SHOWN_ENTRIES = 12;

export async function explore<Fact>(exploration: Exploration<Fact>): Promise<Explored> {
  const replay = exploration.replay ?? replayFromEnvironment(process.env);
  const seed = replay.seed ?? exploration.seed;
  const journal = await record(exploration, seed);
  const points = crashPoints(journal);
  const makeImages = () => new CrashImages(journal, seed, exploration.randoms);
  const wanted = choose(makeImages(), points, exploration.budget, seed, replay);
  const images = makeImages();
  let acks: Fact[] = [];
  for (const { point, variants } of wanted.chosen) {
    images.advanceTo(point);
    acks = acksBefore(journal, point);
    for (const variant of variants) {
      const image = images.image(variant);
      try {
        await exploration.check(image, acks, image.kind);
      } catch (error) {
        throw new CrashFailure(image, journal, error);
      }
    }
  }
  return { seed, points: points.length, images: wanted.total, checked: wanted.checked };
}

export function replayFromEnvironment(environment: Record<string, string | undefined>): Replay {
  const { VARVE_SEED: seed, VARVE_POINT: place } = environment;
  const [point, variant] = place?.trim().split(/\s+/) ?? [];
  return { seed: seed ? Number(seed) : undefined, point: point ? Number(point) : undefined, variant };
}

/** A workload that was seeded otherwise would be another one, so the journal is made anew for each seed. */
async function record<Fact>(exploration: Exploration<Fact>, seed: number): Promise<Journal> {
  const clock = new TestClock();
  const { base, failSync } = exploration;
  const files = new RecordingFiles({ clock, base, failSync, allocates: new Random(seed, 3).oneIn(2) });
  await exploration.workload({ files, clock, random: new Random(seed), ack: (fact) => files.ack(fact) });
  return files.journal;
}

interface Chosen {
  chosen: { point: number; variants: string[] }[];
  total: number;
  checked: number;
}

/**
 * A quarter of the budget goes to the images without a number in their name, a handful per point; the rest is drawn from all
 * others, which are many more. What one kind does not need the other gets.
 */
function choose(images: CrashImages, points: number[], budget: number, seed: number, replay: Replay): Chosen {
  const all = points
    .filter((point) => replay.point === undefined || replay.point === point)
    .map((point) => {
      images.advanceTo(point);
      const variants = images.variants();
      return { point, variants: replay.variant ? variants.filter((name) => name === replay.variant) : variants };
    });
  const total = count(all, () => true);
  if (replay.point !== undefined && total === 0) {
    throw new Error(`there is no image ${replay.point} ${replay.variant ?? ""} to check again`);
  }
  const checked = replay.point === undefined ? Math.min(budget, total) : total;
  const plain = count(all, isPlain);
  const random = new Random(seed, total);
  const plainShare = Math.min(plain, Math.max(Math.ceil(checked / 4), checked - (total - plain)));
  const takePlain = draw(plainShare, plain, random);
  const takeOther = draw(checked - plainShare, total - plain, random);
  const chosen = all.map(({ point, variants }) => ({
    point,
    variants: variants.filter((name) => (isPlain(name) ? takePlain() : takeOther())),
  }));
  return { chosen, total, checked };
}

function isPlain(variant: string): boolean {
  return !variant.includes(":");
}

function count(all: { variants: string[] }[], which: (variant: string) => boolean): number {
  return all.reduce((sum, { variants }) => sum + variants.filter(which).length, 0);
}

/** Says for each of `left` things whether it is among the `wanted`, each as likely as any other (Knuth's algorithm S). */
function draw(wanted: number, left: number, random: Random): () => boolean {
  return () => {
    const take = random.below(left--) < wanted;
    if (take) wanted--;
    return take;
  };
}

function acksBefore<Fact>(journal: Journal, point: number): Fact[] {
  const acks: Fact[] = [];
  for (let i = 0; i < point; i++) {
    const entry = journal.entries[i];
    if (entry.type === "ack") acks.push(entry.fact as Fact);
  }
  return acks;
}

function lastEntries(journal: Journal, point: number): string {
  const first = Math.max(0, point - SHOWN_ENTRIES);
  const lines = journal.entries.slice(first, point).map((entry, i) => `    ${first + i} ${describeEntry(entry)}`);
  return lines.join("\n");
}
