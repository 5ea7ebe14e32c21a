/** The runtimes that `install` has put in place, and how each runs a script. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Project } from "../package/installed.ts";

const home = join(process.env.VARVE_RUNTIMES ?? join(homedir(), ".cache/varve-runtimes"), "node_modules");

/** There are binaries for this system: `install` takes those for Linux on x64. */
export const areHere = existsSync(home);

export interface Runtime {
  name: string;
  command: readonly string[];
}

const nodeOf = (major: number): Runtime => ({ name: `Node ${major}`, command: [join(home, `node-${major}/bin/node`)] });

export const runtimes: readonly Runtime[] = [
  { name: "the Node of these tests", command: [process.execPath] },
  nodeOf(22),
  nodeOf(24),
  nodeOf(26),
  { name: "Bun", command: [join(home, "@oven/bun-linux-x64/bin/bun")] },
  {
    name: "Deno",
    command: [join(home, "@deno/linux-x64-glibc/deno"), "run", "--allow-all", "--quiet", "--node-modules-dir=manual"],
  },
];

const MINUTE = 60_000;

/** Runs a file of the project to its end, and returns what it printed. Throws with all that it said when it fails. */
export function runOn(
  { name, command }: Runtime,
  project: Project,
  args: readonly string[],
  env: Record<string, string> = {},
): string {
  const [file, ...first] = command;
  const { status, signal, stdout, stderr, error } = spawnSync(file, [...first, ...args], {
    cwd: project.folder,
    encoding: "utf8",
    timeout: 5 * MINUTE,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: "1", ...env },
  });
  if (status === 0) return stdout;
  throw new Error(`${name} ended with ${error?.message ?? signal ?? status}:\n${stdout}${stderr}`);
}
