/**
 * A question about a function, asked in one or more cases. A case is a fair contest: its contestants do the same work on the same
 * input, and the file asserts that they come to the same answer before anybody is timed. Here it becomes a question like the others.
 */
import { now } from "../clock.ts";
import { type Figures, perSecond, type Question, type Subject } from "../question.ts";
import { median } from "../statistics.ts";

export interface Contest {
  title: string;
  /** What is counted: "record" gives records/s. */
  unit: string;
  cases: Case[];
}

export interface Case {
  name: string;
  /** How many units one call does. */
  unitsPerCall: number;
  /** By name. A contestant that returns a promise is awaited. The last one is what the others are compared with. */
  contestants: Record<string, () => unknown>;
}

/** As long as a block of calls takes at least: the clock's own time vanishes in it. */
const BLOCK_MS = 1;

export function contest({ title, unit, cases }: Contest): Question {
  const question: Question = { title, subjects: {}, compare: [] };
  for (const { name, unitsPerCall, contestants } of cases) {
    const subjects = Object.keys(contestants).map((contestant) => `${contestant}, ${name}`);
    const yardstick = subjects[subjects.length - 1];
    for (const [index, work] of Object.values(contestants).entries()) {
      question.subjects[subjects[index]] = timed(name, work, unitsPerCall, `${unit}s`);
      if (subjects[index] !== yardstick) question.compare.push([subjects[index], yardstick]);
    }
  }
  return question;
}

function timed(mode: string, work: () => unknown, unitsPerCall: number, what: string): Subject {
  return {
    mode,
    start: async ({ seconds }) => ({
      round: () =>
        work() instanceof Promise
          ? timeEach(work, unitsPerCall, what, seconds)
          : time(work, unitsPerCall, what, seconds),
    }),
  };
}

/** The median over blocks of calls: a block that was interrupted does not count. */
function time(work: () => unknown, unitsPerCall: number, what: string, seconds: number): Figures {
  const block = (calls: number) => {
    const started = now();
    for (let call = 0; call < calls; call++) work();
    return now() - started;
  };
  let calls = 1;
  while (block(calls) < BLOCK_MS) calls *= 2;
  const blocks: number[] = [];
  const end = now() + seconds * 1000;
  do blocks.push(block(calls));
  while (now() < end);
  return perSecond(calls * unitsPerCall, what, median(blocks));
}

async function timeEach(work: () => unknown, unitsPerCall: number, what: string, seconds: number): Promise<Figures> {
  const calls: number[] = [];
  const end = now() + seconds * 1000;
  do {
    const started = now();
    await work();
    calls.push(now() - started);
  } while (now() < end);
  return perSecond(unitsPerCall, what, median(calls));
}
