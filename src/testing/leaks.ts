/** What an application left open when a log of varve/testing was closed. */
import type { TestClock } from "./clock.ts";
import type { FaultyFiles } from "./faults.ts";

/** What was left open. */
export interface LeakReport {
  /** Whether that is nothing. */
  isClean: boolean;
  /** "a consumer of orders in the group billing": what the application had not closed when the log was closed. */
  clients: readonly string[];
  /** How many timers still wait on a clock of the test, and which files are open, after the log was closed: 0 and none, always. */
  timers: number;
  files: readonly string[];
  /** All of it in a sentence. */
  text: string;
}

export function reportLeaks(clients: readonly string[], faults: FaultyFiles, clock?: TestClock): LeakReport {
  const timers = clock?.pending ?? 0;
  const files = faults.openPaths;
  const isClean = clients.length === 0 && timers === 0 && files.length === 0;
  const parts = [...clients, ...(timers === 0 ? [] : [`${timers} timers`]), ...files.map((path) => `the file ${path}`)];
  const text = isClean ? "nothing was left open" : `left open: ${parts.join("; ")}`;
  return { isClean, clients, timers, files, text };
}
