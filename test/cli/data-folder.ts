/** A data directory on the disk for the tests of one file, with commands that run in it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Result, type RunOptions, varve } from "./running.ts";

export interface DataFolder {
  dir: string;
  run(...args: string[]): Promise<Result>;
  runWith(options: RunOptions, ...args: string[]): Promise<Result>;
}

const parents: string[] = [];

/** A new one; it goes when the file's tests are over. */
export function dataFolder(): DataFolder {
  const parent = mkdtempSync(join(tmpdir(), "varve-cli-"));
  parents.push(parent);
  const dir = join(parent, "data");
  const runWith = (options: RunOptions, ...args: string[]) => varve([...args, "--dir", dir], options);
  return { dir, runWith, run: (...args) => runWith({}, ...args) };
}

afterAll(() => {
  for (const parent of parents) rmSync(parent, { recursive: true, force: true });
});
