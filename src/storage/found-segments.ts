/**
 * Finds the segments of a partition by the names in its folder, without a look at what is in them.
 *
 * A reader beside the owner has the log as it finds it: compaction and retention may give its names to others, or take them away. So
 * it opens every log now: what is open stays what it is, and what was closed for want of descriptors is told from another file in
 * its place (disk-file.ts), and found again (beside-owner.ts). Where one was gone by then, it looks again.
 */
import { settleLeftovers } from "./leftovers.ts";
import type { LogState } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import { join, parseSegmentFile } from "./paths.ts";
import { Segment } from "./segment.ts";
import { hasErrno } from "./system-error.ts";

/** Adds them to the state. Returns the names in the folder; undefined when there is no folder. */
export async function findSegments(state: LogState, pacer: Pacer): Promise<string[] | undefined> {
  for (;;) {
    const names = await settleLeftovers(state, pacer);
    for (const name of names ?? []) addSegment(state, name);
    const { all } = state.segments;
    for (let i = 0; i + 1 < all.length; i++) all[i].endOffset = all[i + 1].baseOffset;
    if (!state.readOnly || hold(state)) return names;
  }
}

function addSegment({ files, folder, segments, readOnly }: LogState, name: string): void {
  const file = parseSegmentFile(name);
  if (file?.kind !== "log" || (file.state !== "live" && file.state !== "swap")) return;
  const info = files.stat(join(folder, name));
  const segment = new Segment(files, folder, file.baseOffset, !readOnly, file.state);
  segment.size = info?.size ?? 0;
  segment.startedMs = info?.modifiedMs ?? 0;
  segments.add(segment);
}

/** False when a file was gone. */
function hold(state: LogState): boolean {
  const { segments } = state;
  try {
    for (const segment of segments.all) {
      segment.size = segment.log.size();
    }
    return true;
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    for (const segment of [...segments.all]) {
      segment.close();
      segments.remove(segment);
    }
    return false;
  }
}
