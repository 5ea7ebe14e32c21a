/**
 * A sync failed here once: pages that the kernel calls clean may be nowhere but in its cache. So everything from the recovery
 * point on is written again, to new files, and synced, before the log takes writes.
 */
import type { LogState } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import { join, POISONED, temporaryPath } from "./paths.ts";
import type { Segment } from "./segment.ts";

/** What is copied at a time. */
const COPY_BYTES = 1024 * 1024;

/** The marker goes last: who dies on the way begins anew. */
export async function copyPoisoned(state: LogState, recoveryPoint: number, pacer: Pacer): Promise<void> {
  const { files, folder, segments } = state;
  // Of the segment that ends there all batches are on the disk, but maybe not that it was cut to its size when it was sealed.
  for (const segment of segments.from(recoveryPoint - 1)) await copy(state, segment, pacer);
  await files.syncFolder(folder);
  files.remove(join(folder, POISONED));
  await files.syncFolder(folder);
}

async function copy({ files }: LogState, segment: Segment, pacer: Pacer): Promise<void> {
  const temporary = temporaryPath(segment.path);
  const source = files.open(segment.path, "read");
  const target = files.open(temporary, "create");
  const window = new Uint8Array(COPY_BYTES);
  try {
    for (let position = 0; position < segment.size; ) {
      const count = source.read(window, 0, window.length, position);
      if (count === 0) break;
      target.write(window, 0, count, position);
      position += count;
      if (pacer.isDue) await pacer.rest();
    }
    await target.sync();
  } finally {
    source.close();
    target.close();
  }
  files.rename(temporary, segment.path);
}
