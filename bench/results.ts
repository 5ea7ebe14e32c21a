/** What `--json` writes, and all that is shown is made from. The names are a promise to whoever reads the file. */
import type { Clock } from "./clock.ts";

export interface Results {
  machine: Machine;
  /** Of what was measured; for what could not be, why. */
  versions: Record<string, string>;
  results: Result[];
  ratios: Ratio[];
}

export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  memoryGiB: number;
  platform: string;
  kernel: string;
  fileSystem: string;
  /** Of the last minute, before the first question and after the last. */
  loadAverage: [before: number, after: number];
  rounds: number;
  quick: boolean;
  /** Time on the wall, or on the processors. */
  clock: Clock;
}

export interface Result {
  question: string;
  /** Who, and which of its figures: "varve", "varve p99". */
  subject: string;
  mode: string;
  /** The median of the samples, one of each round. */
  value: number;
  unit: string;
  samples: number[];
}

/** `of` divided by `over` within each round: the median, the least and the greatest. */
export interface Ratio {
  question: string;
  of: string;
  over: string;
  ratio: number;
  low: number;
  high: number;
}
