/**
 * The command: `npm run bench -- [QUESTION…] [--quick] [--rounds N] [--clock wall|cpu] [--json FILE]`. Without names
 * every question is asked. Results go to stdout, talk to stderr.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { type Answer, ask } from "./asking.ts";
import type { Clock } from "./clock.ts";
import { describeMachine, versions } from "./machine.ts";
import { Needs } from "./peers/needs.ts";
import { bundled } from "./places.ts";
import type { Question } from "./question.ts";
import { report } from "./report.ts";
import type { Machine, Results } from "./results.ts";

const ROUNDS = 5;
const QUICK_ROUNDS = 2;

interface Wishes {
  names: string[];
  rounds: number;
  isQuick: boolean;
  clock: Clock;
  json: string | undefined;
}

/** The questions are given as paths below bench/, without their ending. */
export async function main(paths: string[], args: string[]): Promise<number> {
  const questions = new Map(paths.map((path) => [basename(path), path]));
  const wishes = readArguments([...questions.keys()], args);
  if (wishes === undefined) {
    const names = [...questions.keys()].join(" | ");
    console.error(`usage: npm run bench -- [${names}]… [--quick] [--rounds N] [--clock wall|cpu] [--json FILE]`);
    return 2;
  }
  const machine = describeMachine(wishes);
  console.log(describe(machine));
  const answers = await askAll(wishes, questions);
  machine.loadAverage[1] = loadavg()[0];
  const all = [...answers.values()];
  const absent = [...answers].map(([name, answer]) => absences(name, answer));
  const known = { ...versions(), ...Object.assign({}, ...absent) };
  const results = all.flatMap((answer) => answer.results);
  const ratios = all.flatMap((answer) => answer.ratios);
  if (wishes.json)
    writeFileSync(
      wishes.json,
      `${JSON.stringify({ machine, versions: known, results, ratios } satisfies Results, null, 1)}\n`,
    );
  return all.some((answer) => Object.keys(answer.failed).length > 0) ? 1 : 0;
}

async function askAll(
  { names, rounds, isQuick, clock }: Wishes,
  questions: Map<string, string>,
): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  const needs = new Needs();
  const interrupted = () => void needs.end().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    for (const name of names) {
      const path = questions.get(name)!;
      const { default: question }: { default: Question } = await import(bundled(`${path}.js`));
      const answer = await ask(path, question, { rounds, isQuick, clock, needs, tell });
      tell("");
      answers.set(name, answer);
      console.log(`\n${report(name, question.title, answer)}`);
    }
  } finally {
    await needs.end();
  }
  return answers;
}

function readArguments(questions: string[], args: string[]): Wishes | undefined {
  const options = {
    rounds: { type: "string" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    clock: { type: "string", default: "wall" },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const rounds = values.rounds === undefined ? (values.quick ? QUICK_ROUNDS : ROUNDS) : Number(values.rounds);
    const names = positionals.length > 0 ? positionals : questions;
    const isRight =
      names.every((name) => questions.includes(name)) &&
      Number.isInteger(rounds) &&
      rounds > 0 &&
      ["wall", "cpu"].includes(values.clock);
    return isRight
      ? { names, rounds, isQuick: values.quick, clock: values.clock as Clock, json: values.json }
      : undefined;
  } catch {
    return undefined;
  }
}

function describe(machine: Machine): string {
  const { cpu, cores, memoryGiB, platform, kernel, fileSystem, loadAverage, rounds, quick, clock } = machine;
  const known = Object.entries(versions()).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu} × ${cores}, ${memoryGiB} GiB, ${platform}, kernel ${kernel}, ${fileSystem}`,
    known.join(", "),
    `load average ${loadAverage[0].toFixed(1)} before the start: ${clock === "cpu" ? "processor time is counted, not the time on the wall" : "above 0.5, trust only the ratios"}`,
    `medians of ${rounds} interleaved rounds; ± half the distance from the best to the worst round`,
    ...(quick ? ["--quick: short rounds and small stores, to see that all works. Don't quote these figures"] : []),
  ].join("\n");
}

/** Who was not measured, by question, and why. */
function absences(question: string, { missing, failed }: Answer): Record<string, string> {
  const reasons = (of: Record<string, string>, what: string) =>
    Object.entries(of).map(([subject, reason]) => [`${question}: ${subject}`, `${what}: ${reason}`]);
  return Object.fromEntries([...reasons(missing, "not there"), ...reasons(failed, "failed")]);
}

/** What is going on, in one line that is written over, for those who watch. */
function tell(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}
