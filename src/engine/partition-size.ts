/** What a partition takes on the disk, as the limit of a directory counts it. */
import type { Files } from "../storage/files.ts";
import { join, parseSegmentFile } from "../storage/paths.ts";

/** What a segment takes beside its batches and index entries, on an average: its last entries and its snapshot. */
const SEGMENT_BYTES = 64;

export function sizeOnDisk(batchBytes: number, segments: number): number {
  return batchBytes + segments * SEGMENT_BYTES;
}

/** Of the batches in a folder, without opening the log. */
export function sizeInFolder(files: Files, folder: string): { size: number; segments: number } {
  const logs = (files.list(folder) ?? []).filter((name) => {
    const file = parseSegmentFile(name);
    // What compaction was about to put in its place counts as well.
    return file?.kind === "log" && (file.state === "live" || file.state === "swap");
  });
  const size = logs.reduce((sum, name) => sum + (files.stat(join(folder, name))?.size ?? 0), 0);
  return { size, segments: logs.length };
}
