/**
 * What every record of these tests holds: its value follows from where it stands, so that who reads it needs no list of what was
 * written, and a record in the wrong place is known at sight.
 */
const MOST_FILLER = 400;

export function valueAt(topic: string, partition: number, offset: number): string {
  const size = Math.imul(offset + 1, 2654435761) >>> 0;
  return `${topic}/${partition}/${offset} ${"x".repeat(size % MOST_FILLER)}`;
}

/** What a program says on its way. Before something is tried it says so, and again when it was promised. */
export type Said =
  | { type: "opened" | "waiting" | "copied" | "closed" }
  | { type: "creating" | "created" | "deleting" | "deleted"; topic: string; partitions: number }
  /** Everything before `end` is stored. */
  | { type: "acked"; topic: string; partition: number; end: number }
  | { type: "cutting" | "cut"; topic: string; partition: number; start: number }
  | { type: "committing" | "committed"; topic: string; partition: number; offset: number }
  | { type: "error"; during: string; topic?: string; code: string; message: string }
  | { type: "read"; topic: string; partition: number; start: number; end: number; wrong: number }
  | { type: "health"; poisoned: string[]; failed: string[] }
  /** How long the event loop stood still, at the most. */
  | { type: "blocked"; ms: number }
  | { type: "slowest"; ms: number; fastest: number }
  | { type: "took"; what: string; ms: number; cpuMs: number }
  /** What a partition takes while nothing is done with it. */
  | { type: "idle"; bytes: number; bytesAfterRead: number };

/** The name of the one group. */
export const GROUP = "readers";
