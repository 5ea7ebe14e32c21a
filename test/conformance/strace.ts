/** System calls of a program, counted, and made to kill it or to fail, by strace (root is not needed, ptrace is). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, run } from "./running.ts";

/** Those that a log makes. Writes are pwrite64; folders are synced by fsync, files by fdatasync. */
export const CALLS = ["openat", "pwrite64", "ftruncate", "fdatasync", "fsync", "link", "rename", "unlink"] as const;
export type Call = (typeof CALLS)[number];

/** `expression` is what strace's `inject` takes: "fdatasync:signal=KILL:when=3". */
export function injecting(expression: string): string[] {
  const [call] = expression.split(":");
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", `inject=${expression}`];
}

/**
 * The numbers that the program's calls about its data have, among all of that kind in their thread: strace counts by thread, and
 * Node itself opens many files before the program begins.
 */
export async function countCalls(program: string, args: Record<string, unknown> = {}): Promise<Map<Call, number[]>> {
  const folder = makeFolder();
  const trace = join(folder.path, "trace");
  const data = join(folder.path, "data");
  const under = ["strace", "-f", "-qq", "-y", "-o", trace, "-e", `trace=${CALLS.join(",")}`];
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
