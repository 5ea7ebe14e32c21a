/** One run of `varve verify`: what it reads from, what it has seen so far, and where problems go. */
import { systemClock } from "../storage/clock.ts";
import type { Files } from "../storage/files.ts";
import { Pacer } from "../storage/pacer.ts";
import { type Problem, problemOf } from "./problem.ts";
import { readSmallFile } from "./small-files.ts";

export interface Tally {
  files: number;
  batches: number;
  records: number;
  /** Of `.log` files. */
  bytes: number;
  problems: number;
}

/** Where problems go: resolves when there is room for more, to false when nobody wants them any longer. */
export type Reporter = (problem: Problem) => void;

export interface Listener {
  problem: Reporter;
  /** Called before each partition, and now and then between two batches. False ends the run. */
  pause(tally: Tally): Promise<boolean>;
}

/** Thrown to end a run whose listener has left. */
export class Left extends Error {}

export class Verification {
  readonly files: Files;
  readonly tally: Tally = { files: 0, batches: 0, records: 0, bytes: 0, problems: 0 };
  readonly #listener: Listener;
  readonly #pacer = new Pacer(systemClock);
  /** The folder that is verified, and what its user calls it. */
  readonly #root: string;
  readonly #shownRoot: string;

  constructor(files: Files, root: string, shownRoot: string, listener: Listener) {
    this.files = files;
    this.#root = root;
    this.#shownRoot = shownRoot;
    this.#listener = listener;
  }

  report(path: string, position: number, error: string): void {
    this.#tell({ file: this.shown(path), position, error, code: "VARVE_CORRUPT" });
  }

  reportError(path: string, error: unknown, position = 0): void {
    this.#tell(problemOf(error, this.shown(path), position));
  }

  /** A path as its user would write it. */
  shown(path: string): string {
    return this.#shownRoot + path.slice(this.#root.length);
  }

  /** Runs a check; what it throws is reported against the file, and the answer is undefined. */
  try<T>(path: string, check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      this.reportError(path, error);
      return undefined;
    }
  }

  /** A small file whole, counted; undefined when it is missing or cannot be read, which is reported. */
  read(path: string): Uint8Array | undefined {
    const bytes = this.try(path, () => readSmallFile(this.files, path));
    if (bytes !== undefined) this.tally.files++;
    return bytes;
  }

  /** Lets others run when it is time. */
  async rest(): Promise<void> {
    if (!this.#pacer.isDue) return;
    await this.#pacer.rest();
    await this.pause();
  }

  /** Shows how far it is, and ends the run when nobody wants the rest: before each partition, and between its batches by `rest`. */
  async pause(): Promise<void> {
    if (!(await this.#listener.pause(this.tally))) throw new Left();
  }

  #tell(problem: Problem): void {
    this.tally.problems++;
    this.#listener.problem(problem);
  }
}
