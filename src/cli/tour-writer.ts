/**
 * A writer that dies in the middle of its work: `varve produce --json` in a process of its own, killed with -9 while it has
 * more to write. What it had acknowledged by then was printed to a pipe, which outlives it.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { RecordMetadata } from "../index.ts";
import { linesOf } from "./lines.ts";
import { Failure } from "./terminal.ts";

export interface Victim {
  /** The n-th one is of the n-th line that was written. */
  acknowledged: RecordMetadata[];
  /** How many lines it was given. */
  lineCount: number;
  signal: NodeJS.Signals | null;
}

/** How long it may go on after it has acknowledged enough: the moment of its death is a matter of chance. */
const MOST_GRACE_MS = 150;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Lets a child write `lineAt(0)`, `lineAt(1)` … and kills it some time after `enough` acknowledgements. */
export async function killInMidWrite(
  command: readonly string[],
  lineAt: (index: number) => string,
  enough: number,
  signal: AbortSignal,
): Promise<Victim> {
  const [program, ...args] = command;
  const child: Child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  // Its streams break when it dies: that is the point of it.
  child.stdin.on("error", () => {});
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints += text;
  });
  const exited = once(child, "exit");
  const feeding = feed(child, lineAt);
  const acknowledged: RecordMetadata[] = [];
  let isDoomed = false;
  for await (const lines of linesOf(child.stdout)) {
    for (const line of lines) readAcknowledgement(line, acknowledged);
    if (isDoomed || acknowledged.length < enough) continue;
    isDoomed = true;
    setTimeout(kill, Math.random() * MOST_GRACE_MS);
  }
  await exited;
  signal.removeEventListener("abort", kill);
  const lineCount = await feeding;
  if (!isDoomed && !signal.aborted) throw new Failure(`the child process ended by itself: ${complaints.trim()}`);
  return { acknowledged, lineCount, signal: child.signalCode };
}

/** Writes as fast as the child reads, until it is gone. Returns how many lines that were. */
async function feed(child: Child, lineAt: (index: number) => string): Promise<number> {
  const LINES_AT_ONCE = 200;
  const gone = once(child, "exit");
  let count = 0;
  while (child.exitCode === null && child.signalCode === null) {
    let text = "";
    for (let i = 0; i < LINES_AT_ONCE; i++) text += `${lineAt(count++)}\n`;
    if (!child.stdin.write(text)) await Promise.race([once(child.stdin, "drain"), gone]).catch(() => {});
  }
  return count;
}

/** A last line may have been cut by the kill: it is no acknowledgement then. */
function readAcknowledgement(line: Uint8Array, into: RecordMetadata[]): void {
  try {
    into.push(JSON.parse(Buffer.from(line).toString("utf8")));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
}
