/**
 * Who we are, and whether another process still is: what the lock is judged by.
 *
 * A pid alone proves little, since pids are used again. On Linux the start of a process (in clock ticks since boot) and the
 * boot id tell two processes of the same pid apart for certain. Elsewhere neither can be had without running a command:
 * - the start is unknown, so that any live process of that pid counts as the owner;
 * - the boot id is the time of boot, taken from the uptime and rounded to a minute. It moves when the wall clock is set,
 *   so it never makes a live pid count as dead (`isCertain` says so); it only says whether the page cache survived.
 */
import { readFileSync } from "node:fs";
import { hostname, uptime } from "node:os";

export interface Identity {
  readonly pid: number;
  readonly hostName: string;
  readonly bootId: string;
  /** Undefined when the process is gone or the system does not tell. */
  processStart(pid: number): string | undefined;
  isAlive(pid: number): boolean;
}

const ESTIMATED = "uptime-";
const ROUNDING_SECONDS = 60;

/** Whether two different boot ids of this kind are two boots. */
export function isCertain(bootId: string): boolean {
  return !bootId.startsWith(ESTIMATED);
}

export const systemIdentity: Identity = {
  pid: process.pid,
  hostName: hostname(),
  bootId: readLine("/proc/sys/kernel/random/boot_id") ?? estimatedBootId(),
  processStart: (pid) => readStat(pid)?.start,
  isAlive(pid) {
    const state = readStat(pid)?.state;
    // A zombie has ended; only its parent has not asked yet.
    if (state !== undefined) return state !== "Z" && state !== "X";
    return signalReaches(pid);
  },
};

/** Fields 3 and 22 of /proc/PID/stat, counted behind the name, which may hold blanks and brackets itself. */
function readStat(pid: number): { state: string; start: string } | undefined {
  const line = readLine(`/proc/${pid}/stat`);
  if (line === undefined) return undefined;
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], start: fields[19] };
}

/** Signal 0 is none: only its delivery is tried. EPERM means that somebody else's process has that pid. */
function signalReaches(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function estimatedBootId(): string {
  const bootSeconds = Date.now() / 1000 - uptime();
  return ESTIMATED + Math.round(bootSeconds / ROUNDING_SECONDS);
}

function readLine(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return undefined;
  }
}
