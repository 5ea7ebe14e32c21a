/**
 * Measures one question, in a process of its own, because what V8 learns from one question would slow the next one down.
 *
 * Rounds are interleaved (a b c, a b c, …): a machine that is busy for some seconds slows all contestants of that round, and
 * the ratio within a round stays true.
 */
import { createRequire } from "node:module";
import type { Answer, Case, Question, Timing } from "./question.ts";
import { median } from "./statistics.ts";

interface Deferred {
  resolve(): void;
}

interface Run {
  stats: { sample: number[] };
  error?: Error;
}

type Benchmark = new (options: Record<string, unknown>) => { run(): Run };

const Benchmark: Benchmark = createRequire(import.meta.url)("benchmark");

/** Seconds of sampling per contestant and round: about as much again goes into finding out how often to call it. */
const SAMPLING_SECONDS = 0.4;
const WARM_UP_SECONDS = 0.2;

const [name, roundCount] = process.argv.slice(2);
const file = new URL(`./${name}.bench.js`, import.meta.url);
const { default: question }: { default: Question } = await import(file.href);
process.send?.(await measure(question, Number(roundCount)));
process.disconnect?.();

async function measure({ title, unit, cases }: Question, roundCount: number): Promise<Answer> {
  const answer: Answer = { title, unit, cases: cases.map((one) => ({ name: one.name, timings: timingsOf(one) })) };
  for (let round = -1; round < roundCount; round++) {
    for (const [index, { contestants, unitsPerCall }] of cases.entries()) {
      for (const { contestant, rounds } of answer.cases[index].timings) {
        const seconds = await time(contestants[contestant], round < 0 ? WARM_UP_SECONDS : SAMPLING_SECONDS);
        if (round >= 0) rounds.push((seconds * 1e9) / unitsPerCall);
      }
    }
  }
  return answer;
}

function timingsOf({ contestants }: Case): Timing[] {
  return Object.keys(contestants).map((contestant) => ({ contestant, rounds: [] }));
}

/** The median of the samples, in seconds per call. */
function time(work: () => unknown, maxTime: number): Promise<number> {
  const defer = work() instanceof Promise;
  const fn = defer ? (deferred: Deferred) => (work() as Promise<unknown>).then(() => deferred.resolve()) : work;
  return new Promise((resolve, reject) => {
    function onComplete(this: Run) {
      if (this.error) reject(this.error);
      else resolve(median(this.stats.sample));
    }
    new Benchmark({ fn, defer, maxTime, minSamples: 5, onComplete }).run();
  });
}
