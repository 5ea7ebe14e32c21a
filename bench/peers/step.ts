/** A step of preparation: a command that is run, and a line about it. */
import { spawnSync } from "node:child_process";
import { benchFolder } from "../places.ts";

/** One line of talk; what the command prints is part of the error when it fails. */
export function step(talk: string, command: string, args: string[]): void {
  const started = Date.now();
  process.stderr.write(`${talk} …`);
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: benchFolder, encoding: "utf8" });
  process.stderr.write(` ${status === 0 ? `${((Date.now() - started) / 1000).toFixed(1)} s` : "failed"}\n`);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${`${stdout}${stderr}`.trim()}`);
}
