/**
 * How a transactional id goes from state to state, and what each call finds in each state. Kafka's, before KIP-890's second part.
 *
 *                     begin                 end                    markers written
 *   Empty, Complete* ──────▶ Ongoing ──▶ PrepareCommit/Abort ────────────────────▶ CompleteCommit/Abort
 *
 * `initProducerId` in between aborts first. PrepareEpochFence is Kafka's state in memory for that, and is never written.
 *
 *   call                     Empty    Ongoing   PrepareCommit  PrepareAbort  CompleteCommit  CompleteAbort
 *   addPartitions, -Offsets  go       go        concurrent     concurrent    go              go
 *   end, commit              invalid  go        concurrent     invalid       done            invalid
 *   end, abort               invalid  go        invalid        concurrent    invalid         done
 *
 *   go          it is done
 *   done        a call that is made again: it was done before
 *   concurrent  refused for now: the transaction before is being ended
 *   invalid     refused
 */
import type { TransactionOutcome } from "../../format/transaction-marker.ts";
import type { TransactionStatus } from "../../format/transaction-metadata.ts";

export type TransactionState = Exclude<TransactionStatus, "Dead" | "PrepareEpochFence">;

export type TransactionCall = "add" | TransactionOutcome;
export type Answer = "go" | "done" | "concurrent" | "invalid";

export const ANSWERS: Record<TransactionCall, Record<TransactionState, Answer>> = {
  add: {
    Empty: "go",
    Ongoing: "go",
    PrepareCommit: "concurrent",
    PrepareAbort: "concurrent",
    CompleteCommit: "go",
    CompleteAbort: "go",
  },
  commit: {
    Empty: "invalid",
    Ongoing: "go",
    PrepareCommit: "concurrent",
    PrepareAbort: "invalid",
    CompleteCommit: "done",
    CompleteAbort: "invalid",
  },
  abort: {
    Empty: "invalid",
    Ongoing: "go",
    PrepareCommit: "invalid",
    PrepareAbort: "concurrent",
    CompleteCommit: "invalid",
    CompleteAbort: "done",
  },
};

/** state → those that may come before it. */
export const PREDECESSORS: Record<TransactionState, readonly TransactionState[]> = {
  Empty: ["Empty", "CompleteCommit", "CompleteAbort"],
  Ongoing: ["Ongoing", "Empty", "CompleteCommit", "CompleteAbort"],
  PrepareCommit: ["Ongoing"],
  PrepareAbort: ["Ongoing"],
  CompleteCommit: ["PrepareCommit"],
  CompleteAbort: ["PrepareAbort"],
};

export function prepared(outcome: TransactionOutcome): TransactionState {
  return outcome === "commit" ? "PrepareCommit" : "PrepareAbort";
}

/** How the transaction ends, once that is decided; undefined in the other states. */
export function decided(state: TransactionState): TransactionOutcome | undefined {
  if (state === "PrepareCommit") return "commit";
  return state === "PrepareAbort" ? "abort" : undefined;
}

export function completed(outcome: TransactionOutcome): TransactionState {
  return outcome === "commit" ? "CompleteCommit" : "CompleteAbort";
}

/** Whether there is a transaction that has partitions. */
export function isActive(state: TransactionState): boolean {
  return state === "Ongoing" || state === "PrepareCommit" || state === "PrepareAbort";
}
