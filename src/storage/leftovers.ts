/**
 * What an earlier life left half done in the folder of a partition: files on their way out are removed, and a compaction that
 * was killed is undone or brought to its end, as the second table of recovery.ts decides.
 */
import type { LogState } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import { isTemporary, join, parseSegmentFile, type SegmentFile, type SegmentFileKind, segmentFile } from "./paths.ts";
import { decideLeftover } from "./recovery.ts";
import { isDamage, scanBatches } from "./scan.ts";
import { Segment } from "./segment.ts";
import { putInPlace } from "./segment-swap.ts";
import { Structure } from "./structure.ts";

interface Found {
  name: string;
  file: SegmentFile | undefined;
}

/**
 * The names in the folder, without leftovers; undefined when there is no folder. Read-only nothing is touched: then a segment
 * that was about to be put in its place is named (`.log.swap`), and what it replaces is not.
 */
export async function settleLeftovers(state: LogState, pacer: Pacer): Promise<string[] | undefined> {
  const { files, folder, readOnly } = state;
  const names = files.list(folder);
  if (names === undefined) return undefined;
  const found = names.map((name) => ({ name, file: parseSegmentFile(name) }));
  const swaps = swapsIn(found);
  if (readOnly) return withSwaps(state, found, swaps, pacer);
  for (const { name, file } of found) {
    const isDropped = file?.state === "swap" && !swaps.includes(file.baseOffset);
    if (isTemporary(name) || file?.state === "deleted" || file?.state === "cleaned" || isDropped)
      files.remove(join(folder, name));
  }
  for (const baseOffset of swaps) await finishSwap(state, baseOffset, await endOfSwap(state, baseOffset, pacer));
  removeOrphans(state);
  return files.list(folder);
}

/**
 * Segments that were deleted, and of which a power cut has brought back the log, but not all of the rest. Indexes that every segment has
 * are missed where somebody looks for them; that of aborted transactions is not.
 */
export function returnedSegments({ segments }: LogState, names: readonly string[]): Segment[] {
  const present = new Set(names);
  const lacks = ({ baseOffset }: Segment, kind: SegmentFileKind) => !present.has(segmentFile(baseOffset, kind));
  return segments.all.filter((segment) => segment.size > 0 && (lacks(segment, "index") || lacks(segment, "timeindex")));
}

/** The base offsets of the segments that are to be put in their place. */
function swapsIn(found: readonly Found[]): number[] {
  const of = (state: string) => found.flatMap(({ file }) => (file?.state === state ? [file] : []));
  const firstCleaned = Math.min(...of("cleaned").map(({ baseOffset }) => baseOffset));
  const swaps = of("swap");
  const bases = [...new Set(swaps.map(({ baseOffset }) => baseOffset))].sort((a, b) => a - b);
  return bases.filter((base) => {
    const hasLog = swaps.some(({ kind, baseOffset }) => kind === "log" && baseOffset === base);
    return decideLeftover({ state: "swap", isBehindCleaned: base >= firstCleaned, hasLog }) === "finish";
  });
}

/** The offset behind its last batch: no source of it begins there or behind. */
async function endOfSwap({ files, folder }: LogState, baseOffset: number, pacer: Pacer): Promise<number> {
  const segment = new Segment(files, folder, baseOffset, false, "swap");
  let end = baseOffset;
  try {
    const structure = new Structure(baseOffset, true, Number.POSITIVE_INFINITY, undefined);
    for (const scanned of scanBatches(segment.log, 0, segment.log.size(), structure)) {
      if (!isDamage(scanned)) end = scanned.nextOffset;
      if (pacer.isDue) await pacer.rest();
    }
  } finally {
    segment.close();
  }
  return end;
}

/** The names of the sources are gone for good before the segment has its own: the two together would be a log with echoes. */
async function finishSwap({ files, folder }: LogState, baseOffset: number, end: number): Promise<void> {
  for (const name of files.list(folder) ?? []) {
    const file = parseSegmentFile(name);
    if (file?.kind !== "log" || file.state !== "live") continue;
    if (file.baseOffset === baseOffset || (file.baseOffset > baseOffset && file.baseOffset < end))
      new Segment(files, folder, file.baseOffset, true).removeFiles();
  }
  await files.syncFolder(folder);
  await putInPlace(new Segment(files, folder, baseOffset, true, "swap"), () => files.syncFolder(folder));
}

/** A segment's log goes first when it is deleted, and its indexes say nothing without it. Snapshots stand for themselves. */
function removeOrphans({ files, folder }: LogState): void {
  const names = files.list(folder) ?? [];
  for (const name of names) {
    const file = parseSegmentFile(name);
    if (file?.state !== "live" || file.kind === "snapshot" || names.includes(segmentFile(file.baseOffset, "log")))
      continue;
    files.remove(join(folder, name));
  }
}

async function withSwaps(state: LogState, found: Found[], swaps: number[], pacer: Pacer): Promise<string[]> {
  let kept = found.filter(({ file }) => file?.state !== "swap" || swaps.includes(file.baseOffset));
  for (const baseOffset of swaps) {
    const end = Math.max(await endOfSwap(state, baseOffset, pacer), baseOffset + 1);
    const isSource = (file: SegmentFile) => file.baseOffset >= baseOffset && file.baseOffset < end;
    kept = kept.filter(({ file }) => file?.kind !== "log" || file.state !== "live" || !isSource(file));
  }
  return kept.map(({ name }) => name);
}
