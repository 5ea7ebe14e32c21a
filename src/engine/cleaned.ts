/**
 * Whether a partition was compacted, where no checkpoint says so: read-only, of a folder that somebody copied.
 *
 * Compaction leaves holes inside of batches, and gaps between many of them. One flipped bit in a base offset makes one gap,
 * so one gap alone is no sign.
 */

import type { Clock } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import { LeaderEpochs } from "../storage/leader-epochs.ts";
import { Pacer } from "../storage/pacer.ts";
import { join, parseSegmentFile } from "../storage/paths.ts";
import { isDamage, scanBatches } from "../storage/scan.ts";
import { Structure } from "../storage/structure.ts";

export async function looksCleaned(files: Files, clock: Clock, folder: string): Promise<boolean> {
  const epochs = LeaderEpochs.load(files, folder) ?? new LeaderEpochs();
  const pacer = new Pacer(clock);
  let gaps = 0;
  for (const name of files.list(folder) ?? []) {
    const segment = parseSegmentFile(name);
    if (segment?.kind !== "log" || segment.state !== "live") continue;
    const file = files.open(join(folder, name), "read");
    try {
      let next = segment.baseOffset;
      const structure = new Structure(next, true, Number.POSITIVE_INFINITY, epochs);
      for (const scanned of scanBatches(file, 0, file.size(), structure)) {
        if (isDamage(scanned)) {
          next = scanned.resume?.offset ?? next;
          continue;
        }
        if (scanned.recordCount <= scanned.lastOffset - scanned.baseOffset) return true;
        if (scanned.baseOffset > next && ++gaps > 1) return true;
        next = scanned.nextOffset;
        if (pacer.isDue) await pacer.rest();
      }
    } finally {
      file.close();
    }
  }
  return false;
}
