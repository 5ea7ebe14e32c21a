/**
 * What a file of questions/ exports: one question, and who is asked. Each subject answers in a process of its own, so that one's
 * garbage, page faults and compiled code are not another's; they take turns, round by round, on the same input.
 */
import type { Need } from "./peers/needs.ts";

export interface Question {
  title: string;
  /** By name, as the results have them. */
  subjects: Record<string, Subject>;
  /** Which figures are set against each other: `of` divided by `over`, round by round. A name may end in a metric: "varve p99". */
  compare: [of: string, over: string][];
  /** Rounds that are not counted, before the first: 1 where it is not said. */
  warmUpRounds?: number;
}

export interface Subject {
  /** The call, the codec and the types. `start` may say more. */
  mode: string;
  /** What must be there before it starts. */
  needs?: readonly Need[];
  /** It waits for others, or is timed by another program: by the wall, also when processor time is counted for the rest. */
  waits?: true;
  start(setting: Setting): Promise<Contest>;
}

export interface Setting {
  /** An empty folder, removed afterwards. */
  folder: string;
  isQuick: boolean;
  /** How long to measure in each round, where that is a matter of choice. */
  seconds: number;
  /** Where a real Kafka listens, if the subject needs one. */
  kafka?: string;
}

export interface Contest {
  /** Said only once it runs: the engine, the version. */
  mode?: string;
  round(): Figures | Promise<Figures>;
  end?(): void | Promise<void>;
}

/** By metric: "p99" makes the figure "varve p99"; that of "" is called as the subject. */
export type Figures = Record<string, Figure>;

export interface Figure {
  value: number;
  unit: string;
}

/** Thrown where the version that is measured does not have what the subject is about. */
export class NotThere extends Error {}

export function perSecond(count: number, what: string, milliseconds: number): Figures {
  return { "": { value: (count / milliseconds) * 1000, unit: `${what}/s` } };
}
