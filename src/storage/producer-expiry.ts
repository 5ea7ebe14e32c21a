/**
 * Forgets producers that have been silent for too long, as Kafka does after a day: a program that is started every hour leaves
 * a producer behind each time. One whose transaction is open here is kept.
 *
 * Silence is counted from pass to pass by the wall clock, not by the timestamps of the records, which are whatever their
 * producer says. Of one that has been silent since the log was opened, the segment with its last batch tells: it was not written
 * to after its modification time.
 */
import type { LogState } from "./log-state.ts";

const NEVER_SEEN: ReadonlyMap<number, number> = new Map();

export class ProducerExpiry {
  /** When each was last known to have written. */
  #seenMs: ReadonlyMap<number, number> = NEVER_SEEN;

  /** Returns how many went. */
  pass(state: LogState, expirationMs: number): number {
    const { producers, segments, clock } = state;
    const now = clock.now();
    const seenMs = new Map<number, number>();
    let count = 0;
    for (const { producerId, lastOffset, timestamp, currentTxnFirstOffset } of producers.all) {
      const isActive = producers.hasWritten(producerId) || currentTxnFirstOffset >= 0;
      const before = () => (lastOffset >= 0 ? segments.floor(lastOffset).startedMs : timestamp);
      const seen = isActive ? now : (this.#seenMs.get(producerId) ?? before());
      if (now - seen >= expirationMs) {
        producers.forget(producerId);
        count++;
      } else {
        seenMs.set(producerId, seen);
      }
    }
    producers.restartWatch();
    this.#seenMs = seenMs;
    return count;
  }
}
