/** System calls of a program, counted, and made to kill it or to fail, by strace (root is not needed, ptrace is). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, run } from "./running.ts";

/**
 * Those that a log makes. Writes are pwrite64, but small ones, where fallocate has made room, are copies to a map;
 * folders are synced by fsync, files by fdatasync.
 */
export const CALLS = [
  "openat",
  "pwrite64",
  "fallocate",
  "ftruncate",
  "fdatasync",
  "fsync",
  "link",
  "rename",
  "unlink",
] as const;
export type Call = (typeof CALLS)[number];

/** An expression is what strace's `inject` takes: "fdatasync:signal=KILL:when=3". */
export function injecting(...expressions: string[]): string[] {
  const calls = expressions.map((expression) => expression.split(":")[0]);
  const injections = expressions.flatMap((expression) => ["-e", `inject=${expression}`]);
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${calls.join(",")}`, ...injections];
}

/** Where no room can be had in advance every batch is written by a call. */
export const NO_ROOM = "fallocate:error=ENOSPC";

/**
 * The numbers that the program's calls about its data have, among all of that kind in their thread: strace counts by thread, and
 * Node itself opens many files before the program begins.
 */
export async function countCalls(
  program: string,
  args: Record<string, unknown> = {},
  injections: readonly string[] = [],
): Promise<Map<Call, number[]>> {
  const folder = makeFolder();
  const trace = join(folder.path, "trace");
  const data = join(folder.path, "data");
  const injected = injections.flatMap((expression) => ["-e", `inject=${expression}`]);
  const under = ["strace", "-f", "-qq", "-y", "-o", trace, "-e", `trace=${CALLS.join(",")}`, ...injected];
  const { code, stderr } = await run(program, data, { under, args }).ended;
  if (code !== 0) throw new Error(`${program} failed under strace: ${stderr}`);
  const numbers = numbersIn(readFileSync(trace, "utf8"), data);
  folder.remove();
  return numbers;
}

/** A line is "PID CALL(ARGUMENTS…"; `-y` shows the path of a descriptor. A call that is resumed is counted where it began. */
function numbersIn(trace: string, data: string): Map<Call, number[]> {
  const seen = new Map<string, number>();
  const numbers = new Map<Call, Set<number>>(CALLS.map((call) => [call, new Set()]));
  for (const line of trace.split("\n")) {
    const match = /^(\d+)\s+(\w+)\(/.exec(line);
    if (!match) continue;
    const [, thread, call] = match;
    const number = (seen.get(`${thread} ${call}`) ?? 0) + 1;
    seen.set(`${thread} ${call}`, number);
    if (line.includes(data)) numbers.get(call as Call)?.add(number);
  }
  return new Map([...numbers].map(([call, set]) => [call, [...set].sort((a, b) => a - b)]));
}
