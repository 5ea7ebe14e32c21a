/**
 * The disks that a crash at one point of a journal may leave. Each has a name, by which it can be built again:
 *
 *   process        the process died: everything that was done is there
 *   process-cut    it died inside its last write, of which one half is there
 *   nothing        the machine died: only what was synced is there            everything    … and all the rest by luck
 *   prefix:I       the first I of the unsynced entries survived               drop:I        all but the I-th did
 *   names          all unsynced names, no unsynced content                    content       the other way round
 *   KIND:I         prefix:I, and the I-th entry, a write, was torn            KIND-rest:I   … and all others survived
 *                  zeros: the file grew, the bytes are missing · half: the file ends in the middle of the write
 *                  first, last: the file grew, and that sector (512 bytes) of the write is missing
 *                  stale: the file grew, and where the bytes should be stand those of an earlier write to it (a file system
 *                  that does not order data before sizes gives out blocks as it finds them)
 *   random:J       each file and folder had a fate of its own, drawn from seed, point and J
 *
 * I counts the unsynced entries from 0.
 */
import type { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { DiskModel, type Fate, type Tear } from "./disk-model.ts";
import { changesDisk, type Entry, type Journal } from "./journal.ts";
import { Random } from "./random.ts";

export type CrashKind = "process" | "machine";

export interface CrashImage {
  files: MemoryFiles;
  /** Stands a moment after the crash. */
  clock: TestClock;
  kind: CrashKind;
  seed: number;
  /** How many entries of the journal had happened. */
  point: number;
  variant: string;
}

type WriteEntry = Extract<Entry, { type: "write" }>;

const SECTOR = 512;
const TEARS = ["zeros", "half", "first", "last", "stale"] as const;
const REBOOT_MS = 1000;

/** The points worth crashing at: just before each change of the disk, with all acks that came until then; and the end. */
export function crashPoints(journal: Journal): number[] {
  const points: number[] = [];
  for (let point = 0; point < journal.entries.length; point++) {
    if (changesDisk(journal.entries[point])) points.push(point);
  }
  points.push(journal.entries.length);
  return points;
}

/** Builds the images of one journal, at points that only go forward. */
export class CrashImages {
  readonly #journal: Journal;
  readonly #seed: number;
  readonly #randoms: number;
  readonly #model: DiskModel;
  #unsynced: number[] = [];

  /** `randoms` is how many random variants a point has. */
  constructor(journal: Journal, seed: number, randoms = 8) {
    this.#journal = journal;
    this.#seed = seed;
    this.#randoms = randoms;
    this.#model = new DiskModel(journal);
  }

  advanceTo(point: number): void {
    this.#model.advanceTo(point);
    this.#unsynced = this.#model.unsynced();
  }

  /** The names of all variants here. */
  variants(): string[] {
    const count = this.#unsynced.length;
    const names = ["process"];
    if (this.#lastWrite()) names.push("process-cut");
    names.push("nothing");
    if (count === 0) return names;
    names.push("everything");
    if (count > 1) names.push("names", "content");
    for (let i = 1; i < count; i++) names.push(`prefix:${i}`);
    if (count > 1) for (let i = 0; i < count; i++) names.push(`drop:${i}`);
    for (let i = 0; i < count; i++) this.#addTears(names, i);
    for (let j = 0; j < this.#randoms; j++) names.push(`random:${j}`);
    return names;
  }

  image(variant: string): CrashImage {
    const last = this.#journal.entries[this.#model.point - 1];
    const clock = new TestClock({ now: (last?.at ?? this.#journal.startMs) + REBOOT_MS });
    const files = this.#model.image(this.#fates(variant), clock);
    const kind = variant.startsWith("process") ? "process" : "machine";
    return { files, clock, kind, seed: this.#seed, point: this.#model.point, variant };
  }

  #lastWrite(): WriteEntry | undefined {
    const last = this.#journal.entries[this.#model.point - 1];
    return last?.type === "write" && last.bytes.length > 1 ? last : undefined;
  }

  #addTears(names: string[], i: number): void {
    for (const kind of TEARS) {
      if (!this.#tear(kind, this.#unsynced[i])) continue;
      names.push(`${kind}:${i}`);
      // With nothing behind it there is no rest.
      if (i < this.#unsynced.length - 1) names.push(`${kind}-rest:${i}`);
    }
  }

  #tear(kind: (typeof TEARS)[number], index: number): Tear | undefined {
    const entry = this.#entry(index);
    if (entry?.type !== "write") return undefined;
    return kind === "stale" ? this.#stale(entry, index) : tearOf(kind, entry);
  }

  /** Undefined when nothing was written to that file before. */
  #stale({ node, position, bytes }: WriteEntry, index: number): Tear | undefined {
    for (let before = index - 1; before >= 0; before--) {
      const entry = this.#entry(before);
      if (entry.type !== "write" || entry.node !== node || entry.position === position) continue;
      const length = Math.min(entry.bytes.length, bytes.length);
      return { parts: [[0, length]], end: position + bytes.length, bytes: entry.bytes };
    }
    return undefined;
  }

  #entry(index: number): Entry {
    return this.#journal.entries[index];
  }

  #fates(variant: string): (index: number) => Fate {
    const [what, number] = variant.split(":");
    const chosen = this.#unsynced[Number(number)];
    switch (what) {
      case "process":
      case "everything":
        return () => true;
      case "process-cut": {
        const cut = tearOf("half", this.#lastWrite()!)!;
        return (index) => (index === this.#model.point - 1 ? cut : true);
      }
      case "nothing":
        return () => false;
      case "names":
        return (index) => this.#entry(index).type === "names";
      case "content":
        return (index) => this.#entry(index).type !== "names";
      case "prefix":
        return (index) => index < chosen;
      case "drop":
        return (index) => index !== chosen;
      case "random":
        return this.#randomFates(Number(number));
    }
    const kind = TEARS.find((name) => what === name || what === `${name}-rest`);
    const tear = kind && this.#tear(kind, chosen);
    if (!tear) throw new Error(`there is no variant ${variant} at point ${this.#model.point}`);
    return (index) => (index === chosen ? tear : what !== kind || index < chosen);
  }

  /** Per file or folder: all, nothing, a prefix, or any subset; writes of a subset may be torn anywhere. */
  #randomFates(number: number): (index: number) => Fate {
    const random = new Random(this.#seed, this.#model.point, number);
    const fates = new Map<number, Fate>();
    for (const indexes of this.#byNode().values()) {
      const mode = random.below(4);
      const length = random.below(indexes.length + 1);
      for (const [i, index] of indexes.entries()) {
        const survives = mode === 0 ? i < length : mode === 1 || (mode === 2 && random.oneIn(2));
        const entry = this.#entry(index);
        const torn = survives && mode === 2 && entry.type === "write" && random.oneIn(3);
        fates.set(index, torn ? randomTear(entry, random) : survives);
      }
    }
    return (index) => fates.get(index)!;
  }

  #byNode(): Map<number, number[]> {
    const byNode = new Map<number, number[]>();
    for (const index of this.#unsynced) {
      const entry = this.#entry(index);
      const node = entry.type === "names" ? entry.edits[0].folder : (entry as WriteEntry).node;
      byNode.set(node, [...(byNode.get(node) ?? []), index]);
    }
    return byNode;
  }
}

/** Undefined when the write cannot be torn so, or when that would be the same as another kind. */
function tearOf(kind: Exclude<(typeof TEARS)[number], "stale">, { position, bytes }: WriteEntry): Tear | undefined {
  const { length } = bytes;
  const end = position + length;
  const half = length >> 1;
  const firstEnds = SECTOR - (position % SECTOR);
  const lastBegins = length - (end % SECTOR || SECTOR);
  switch (kind) {
    case "zeros":
      return { parts: [], end };
    case "half":
      return half > 0 ? { parts: [[0, half]], end: position + half } : undefined;
    case "first":
      return firstEnds < length ? { parts: [[firstEnds, length]], end } : undefined;
    case "last":
      return lastBegins > 0 ? { parts: [[0, lastBegins]], end } : undefined;
  }
}

/** Any sectors of the write. */
function randomTear({ position, bytes }: WriteEntry, random: Random): Tear {
  const parts: [number, number][] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR - ((position + from) % SECTOR));
    if (random.oneIn(2)) parts.push([from, to]);
    from = to;
  }
  return { parts, end: position + bytes.length };
}
