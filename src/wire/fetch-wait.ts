/**
 * How a fetch waits: woken by the appends themselves, it reads again only when the partitions have grown by what is missing
 * and readers may go further than before.
 */
import type { Partition } from "../engine/partition.ts";
import type { Clock } from "../storage/clock.ts";

/** A partition, as it was when it was read. */
export interface Watched {
  readonly partition: Partition;
  readonly sizeInBytes: number;
  readonly bounds: number;
  /** There was more already, which readers may not see yet. */
  readonly hasHidden: boolean;
}

/** Who is waited for may go. */
interface Waiter {
  onEnding(fn: () => void): () => void;
}

export function watched(partition: Partition): Watched {
  const { sizeInBytes, endOffset, lastStableOffset } = partition;
  return { partition, sizeInBytes, bounds: boundsOf(partition), hasHidden: lastStableOffset < endOffset };
}

/**
 * Resolves true when there may be `missingBytes` more to read, or a partition is gone; false after `ms`, or when the waiter
 * is about to end.
 */
export function waitForAppends(
  all: readonly Watched[],
  missingBytes: number,
  ms: number,
  clock: Clock,
  waiter: Waiter,
): Promise<boolean> {
  return new Promise((resolve) => {
    const releases: (() => void)[] = [];
    const growths = new Float64Array(all.length);
    let growth = 0;
    const end = (isWoken: boolean) => {
      for (const release of releases) release();
      resolve(isWoken);
    };
    const look = (index: number) => {
      const now = growthOf(all[index], missingBytes);
      growth += now - growths[index];
      growths[index] = now;
      if (growth >= missingBytes) end(true);
    };
    releases.push(clock.schedule(ms, () => end(false)));
    releases.push(waiter.onEnding(() => end(false)));
    for (let index = 0; index < all.length; index++) releases.push(all[index].partition.watch(() => look(index)));
    for (let index = 0; index < all.length && growth < missingBytes; index++) look(index);
  });
}

/** By how much there is more to read; `enough` where only reading tells. */
function growthOf({ partition, sizeInBytes, bounds, hasHidden }: Watched, enough: number): number {
  if (partition.isClosed || partition.topic.isDeleted) return enough;
  if (boundsOf(partition) === bounds) return 0;
  const growth = partition.sizeInBytes - sizeInBytes;
  return hasHidden || growth < 0 ? enough : growth;
}

/** Moves with either of the two where readers stop. */
function boundsOf({ lastStableOffset, highWatermark }: Partition): number {
  return lastStableOffset + highWatermark;
}
