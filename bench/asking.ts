/**
 * Asks one question: starts its subjects, each in a process of its own, and has them take turns (a b c, a b c, …). A machine that is
 * busy for some seconds slows all subjects of that round, and the ratio within a round stays true.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { CLOCK_VARIABLE, type Clock, ON_THE_WALL } from "./clock.ts";
import type { Command, Reply } from "./host.ts";
import type { Needs } from "./peers/needs.ts";
import { benchFolder, stage } from "./places.ts";
import type { Question, Setting } from "./question.ts";
import type { Ratio, Result } from "./results.ts";
import { median, quotients } from "./statistics.ts";

export interface Answer {
  results: Result[];
  ratios: Ratio[];
  /** Who could not be asked, and why. */
  missing: Record<string, string>;
  /** Whose answer was an error. */
  failed: Record<string, string>;
}

export interface Manner {
  rounds: number;
  isQuick: boolean;
  clock: Clock;
  needs: Needs;
  /** Called before each round: what is going on. */
  tell(what: string): void;
}

const ROUND_SECONDS = 0.5;
const QUICK_ROUND_SECONDS = 0.15;
/** Neither a start nor a round may take longer. */
const PATIENCE_MS = 15 * 60_000;

/** The question is given with the path of its file, whose last part is its name. */
export async function ask(path: string, question: Question, manner: Manner): Promise<Answer> {
  const name = basename(path);
  const answer: Answer = { results: [], ratios: [], missing: {}, failed: {} };
  const folder = mkdtempSync(join(stage, "varve-bench-"));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", clean);
  const hosts: Host[] = [];
  try {
    for (const subject of Object.keys(question.subjects)) {
      manner.tell(`${name}: ${subject}`);
      const host = await start(path, question, subject, folder, manner, answer);
      if (host) hosts.push(host);
    }
    await takeTurns(name, question, hosts, manner, answer);
  } finally {
    await Promise.all(hosts.map((host) => host.end()));
    process.off("exit", clean);
    clean();
  }
  answer.results = hosts.flatMap((host) => host.results(name));
  for (const clock of ["wall", "cpu"]) {
    const comparable = hosts.filter((host) => host.clock === clock).flatMap((host) => host.results(name));
    answer.ratios.push(...question.compare.flatMap(([of, over]) => ratio(name, comparable, of, over) ?? []));
  }
  return answer;
}

async function start(
  path: string,
  question: Question,
  subject: string,
  parent: string,
  { isQuick, clock, needs }: Manner,
  answer: Answer,
): Promise<Host | undefined> {
  const { mode, needs: wanted = [], waits = false } = question.subjects[subject];
  const isAlone = waits && clock === "cpu" && !meetsAnotherThatWaits(subject, question);
  const reason = isAlone ? "it is timed by the wall: nothing to compare it with" : await needs.missing(wanted);
  if (reason !== undefined) {
    answer.missing[subject] = reason;
    return undefined;
  }
  const folder = join(parent, subject.replaceAll(/[^\w.-]/g, "-"));
  mkdirSync(folder);
  const seconds = isQuick ? QUICK_ROUND_SECONDS : ROUND_SECONDS;
  const timed = waits ? "wall" : clock;
  const host = new Host(subject, timed, path, { folder, isQuick, seconds, kafka: needs.kafka });
  const reply = await host.reply();
  if (reply.kind === "ready") {
    host.mode = `${reply.mode ?? mode}${timed === clock ? "" : ON_THE_WALL}`;
    return host;
  }
  if (reply.kind === "missing") answer.missing[subject] = reply.reason;
  else if (reply.kind === "failed") answer.failed[subject] = reply.reason;
  await host.end();
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

/** Whether the subject is compared with another that is timed by the wall, too; or all are, so that nobody is left out. */
function meetsAnotherThatWaits(subject: string, { subjects, compare }: Question): boolean {
  const waiting = Object.keys(subjects).filter((name) => subjects[name].waits);
  if (waiting.length === Object.keys(subjects).length) return true;
  const belongsTo = (name: string) => (figure: string) => figure === name || figure.startsWith(`${name} `);
  return compare.some(
    (pair) => pair.some(belongsTo(subject)) && pair.every((figure) => waiting.some((name) => belongsTo(name)(figure))),
  );
}

async function takeTurns(
  name: string,
  question: Question,
  hosts: Host[],
  manner: Manner,
  answer: Answer,
): Promise<void> {
  for (let round = -(question.warmUpRounds ?? 1); round < manner.rounds; round++) {
    for (const host of hosts) {
      if (host.subject in answer.failed || host.subject in answer.missing) continue;
      manner.tell(`${name}: ${round < 0 ? "warming up" : `round ${round + 1} of ${manner.rounds}`}, ${host.subject}`);
      host.tell("round");
      const reply = await host.reply();
      if (reply.kind === "missing") answer.missing[host.subject] = reply.reason;
      else if (reply.kind === "failed") answer.failed[host.subject] = reply.reason;
      else if (reply.kind === "figures" && round >= 0) host.note(reply.figures);
    }
  }
}

/** Undefined where one of the two has no answer for each round. */
function ratio(question: string, results: Result[], of: string, over: string): Ratio | undefined {
  const [ours, theirs] = [of, over].map((subject) => results.find((result) => result.subject === subject)?.samples);
  if (ours === undefined || theirs === undefined || ours.length !== theirs.length) return undefined;
  const all = quotients(ours, theirs);
  return { question, of, over, ratio: median(all), low: Math.min(...all), high: Math.max(...all) };
}

class Host {
  readonly subject: string;
  readonly clock: Clock;
  mode = "";
  readonly #process: ChildProcess;
  readonly #figures = new Map<string, { unit: string; samples: number[] }>();
  readonly #exited: Promise<void>;

  constructor(subject: string, clock: Clock, path: string, setting: Setting) {
    this.subject = subject;
    this.clock = clock;
    const script = join(benchFolder, "dist/measure/host.js");
    this.#process = fork(script, [path, subject, JSON.stringify(setting)], {
      env: { ...process.env, [CLOCK_VARIABLE]: clock },
    });
    this.#exited = new Promise((resolve) => this.#process.once("exit", () => resolve()));
  }

  tell(command: Command): void {
    this.#process.send(command);
  }

  /** The next word of the process; its death is one, too. */
  reply(): Promise<Reply> {
    return new Promise((resolve) => {
      const settle = (reply: Reply) => {
        clearTimeout(timer);
        this.#process.off("message", settle);
        this.#process.off("exit", died);
        resolve(reply);
      };
      const died = (code: number | null) => settle({ kind: "failed", reason: `its process ended with ${code}` });
      const timer = setTimeout(() => settle({ kind: "failed", reason: "no answer in time" }), PATIENCE_MS);
      this.#process.once("message", settle);
      this.#process.once("exit", died);
    });
  }

  note(figures: Record<string, { value: number; unit: string }>): void {
    for (const [metric, { value, unit }] of Object.entries(figures)) {
      const known = this.#figures.get(metric) ?? { unit, samples: [] };
      known.samples.push(value);
      this.#figures.set(metric, known);
    }
  }

  results(question: string): Result[] {
    return [...this.#figures].map(([metric, { unit, samples }]) => {
      const subject = metric === "" ? this.subject : `${this.subject} ${metric}`;
      return { question, subject, mode: this.mode, value: median(samples), unit, samples };
    });
  }

  /** Asks it to end, and makes it. */
  async end(): Promise<void> {
    if (this.#process.connected && this.#process.exitCode === null) this.#process.send("end");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    await this.#exited;
    clearTimeout(timer);
  }
}
