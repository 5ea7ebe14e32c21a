#!/usr/bin/env node
/** Where the command starts: the process's streams and signals go in, the exit code comes out. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "./program.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const ending = new AbortController();
// The first one asks the command to end in order; a second one finds the system's own handling and ends the process.
process.once("SIGINT", () => ending.abort());
process.once("SIGTERM", () => ending.abort());

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: ending.signal,
  self: [process.execPath, fileURLToPath(import.meta.url)],
  version,
});
// A command that ended before its input did must not wait for the rest.
process.stdin.destroy();
