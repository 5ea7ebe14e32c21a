/**
 * The process that one subject of one question runs in: `host.js PATH SUBJECT SETTING`. It says "ready", runs a round whenever it
 * is told to, and ends when it is told to, or when whoever told it is gone.
 */
import { firstLine } from "./failure.ts";
import { bundled } from "./places.ts";
import { type Contest, type Figures, NotThere, type Question, type Setting } from "./question.ts";

export type Command = "round" | "end";

export type Reply =
  | { kind: "ready"; mode?: string }
  | { kind: "figures"; figures: Figures }
  /** The subject is not in what is measured; `failed` is anything else. */
  | { kind: "missing"; reason: string }
  | { kind: "failed"; reason: string };

const [path, subject, setting] = process.argv.slice(2);
let contest: Contest | undefined;

process.on("message", (command: Command) => void obey(command));
process.on("disconnect", () => process.exit(1));
await start();

async function start(): Promise<void> {
  try {
    const { default: asked }: { default: Question } = await import(bundled(`${path}.js`));
    contest = await asked.subjects[subject].start(JSON.parse(setting) as Setting);
    reply({ kind: "ready", mode: contest.mode });
  } catch (error) {
    fail(error);
  }
}

async function obey(command: Command): Promise<void> {
  try {
    if (command === "round") reply({ kind: "figures", figures: await contest!.round() });
    else {
      await contest!.end?.();
      process.exit(0);
    }
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  if (!(error instanceof NotThere)) console.error(`${path}, ${subject}:`, error);
  reply({ kind: error instanceof NotThere ? "missing" : "failed", reason: firstLine(error) });
}

function reply(message: Reply): void {
  process.send?.(message);
}
