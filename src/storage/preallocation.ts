/**
 * How much room a segment gets in front of its appends. A file that grows with every append costs the file system work each time, and
 * only what has blocks already can be mapped.
 *
 *   the log ends by         it gets room up to
 *   16 KiB                  its end: a log of a few records takes no more than these do, and there may be ten thousand of them
 *   64 KiB                  64 KiB
 *   128 KiB, 256 KiB, …     twice as much each time
 *   past 16 MiB             the next 16 MiB
 *
 * Never past the limit, which is the size of a segment; where that is less than the first step it is the first step.
 */
const FIRST_STEP = 64 * 1024;
const LAST_STEP = 16 * 1024 * 1024;

/** How much of the first step a log must have taken by itself. */
const FIRST_PART = 1 / 4;

/** The size that the file should have for a batch that ends at `end`; `end` itself where it gets no room. */
export function sizeWithRoom(end: number, limit: number): number {
  if (end <= FIRST_PART * Math.min(FIRST_STEP, limit)) return end;
  let step = FIRST_STEP;
  while (step < LAST_STEP && step * 2 < end) step *= 2;
  return Math.max(end, Math.min(Math.ceil(end / step) * step, limit));
}
