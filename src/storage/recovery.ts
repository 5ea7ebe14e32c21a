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
 * "clean" counts as "process": nothing should be wrong then, and if something is, it is not for want of a sync. Where
 * records may have been lost the leader epoch rises, so that an offset used again can be told apart.
 */
import type { LastClose } from "./log-state.ts";

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
