/**
 * Opens the folder of a partition: finds the segments, decides what of them is good, and cuts off what is not.
 *
 * After a clean close the log ends where its files end. Otherwise everything from the recovery point on is walked. Where the
 * walk meets bytes that are no batch, or not the one that belongs there, this table decides:
 *
 *   case  last close  where                     behind it     so it is                 what is done
 *   A     any         past the recovery point   only zeros    room never written to    cut
 *   B     process     past the recovery point   good batches  rot: the page cache was  kept; the gap is reported
 *                                                             never lost
 *   C     process     past the recovery point   nothing good  an append cut short      cut
 *   D     machine     past the recovery point   anything      a suffix that was never  cut there, with all behind it; the
 *                                                             synced                   piece is kept aside
 *   E     any         before the recovery point good batches  rot: it was synced       kept; the gap is reported
 *   F     any         before the recovery point nothing good  rot at the very end      cut, kept aside; the log goes on at
 *                                                                                      the recovery point
 *
 * Zeros that end a segment behind which nothing is missing are room as well: the segment was sealed, and its cut did not come through.
 *
 * "clean" counts as "process": nothing should be wrong then, and if something is, it is not for want of a sync. Where
 * records may have been lost the leader epoch rises, so that an offset used again can be told apart.
 *
 * A compaction that did not get to its end left files that tell how far it came (see segment-swap.ts; Kafka's rules):
 *
 *   case  files of a segment      that is                                          what is done
 *   G     .cleaned                half made; its sources are all there             removed
 *   H     .swap, and a .cleaned   not all of it has its name yet, nor its folder   removed
 *         at or before it         a sync
 *   I     .log.swap               whole, and in part perhaps in its place already  what is left of its sources is
 *                                                                                  removed, and it is put in its place
 *   J     .swap, but no .log.swap given up, and half removed                       removed
 *   K     .deleted                replaced, or deleted                             removed
 */
import type { LastClose } from "./log-state.ts";

export interface Leftover {
  state: "cleaned" | "swap" | "deleted";
  /** A `.cleaned` file of this segment, or of one before it, is there. */
  isBehindCleaned: boolean;
  hasLog: boolean;
}

/** The second table; the first row that fits decides. */
export const LEFTOVER_CASES: readonly (Partial<Leftover> & { label: string; verdict: "remove" | "finish" })[] = [
  { label: "G", state: "cleaned", verdict: "remove" },
  { label: "H", state: "swap", isBehindCleaned: true, verdict: "remove" },
  { label: "I", state: "swap", hasLog: true, verdict: "finish" },
  { label: "J", state: "swap", verdict: "remove" },
  { label: "K", state: "deleted", verdict: "remove" },
];

export function decideLeftover(leftover: Leftover): "remove" | "finish" {
  const row = LEFTOVER_CASES.find(
    (row) =>
      row.state === leftover.state &&
      (row.isBehindCleaned ?? leftover.isBehindCleaned) === leftover.isBehindCleaned &&
      (row.hasLog ?? leftover.hasLog) === leftover.hasLog,
  );
  return row!.verdict;
}

export interface Finding {
  lastClose: LastClose;
  isPastRecoveryPoint: boolean;
  behind: "zeros" | "good" | "nothing";
}

export type Verdict = "cut" | "keep" | "cutAside" | "cutAsideAndResume";

/** The table above; the first row that fits decides. Undefined: any. */
export const CASES: readonly {
  label: string;
  lastClose?: LastClose;
  isPastRecoveryPoint: boolean;
  behind?: Finding["behind"];
  verdict: Verdict;
}[] = [
  { label: "A", isPastRecoveryPoint: true, behind: "zeros", verdict: "cut" },
  { label: "D", lastClose: "machine", isPastRecoveryPoint: true, verdict: "cutAside" },
  { label: "B", isPastRecoveryPoint: true, behind: "good", verdict: "keep" },
  { label: "C", isPastRecoveryPoint: true, behind: "nothing", verdict: "cut" },
  { label: "E", isPastRecoveryPoint: false, behind: "good", verdict: "keep" },
  { label: "F", isPastRecoveryPoint: false, verdict: "cutAsideAndResume" },
];

export function decide(finding: Finding): Verdict {
  const row = CASES.find(
    (row) =>
      (row.lastClose ?? finding.lastClose) === finding.lastClose &&
      row.isPastRecoveryPoint === finding.isPastRecoveryPoint &&
      (row.behind ?? finding.behind) === finding.behind,
  );
  return row!.verdict;
}
