/**
 * What a benchmark file exports: one question, asked in one or more cases. A case is a fair contest: its contestants do the
 * same work on the same input, and the file asserts that they come to the same answer before anybody is timed.
 */
export interface Question {
  title: string;
  /** What one number counts: "record" gives ns per record. */
  unit: string;
  cases: Case[];
}

export interface Case {
  name: string;
  /** How many units one call does. */
  unitsPerCall: number;
  /** By name. A contestant that returns a promise is awaited. The last one is what the others are compared with. */
  contestants: Record<string, () => unknown>;
}

export interface Answer {
  title: string;
  unit: string;
  cases: { name: string; timings: Timing[] }[];
}

export interface Timing {
  contestant: string;
  /** One median per round, in nanoseconds per unit. */
  rounds: number[];
}
