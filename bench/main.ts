/**
 * The command: `npm run bench -- [QUESTION…] [--rounds N] [--json FILE]`. Without names every question is asked. Results go to
 * stdout, talk to stderr.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Answer } from "./question.ts";
import { table } from "./report.ts";

export async function main(questions: string[], args: string[]): Promise<number> {
  const { names, roundCount, json } = readArguments(questions, args);
  if (names === undefined) {
    console.error(`usage: npm run bench -- [${questions.join(" | ")}]… [--rounds N] [--json FILE]`);
    return 2;
  }
  const machine = describeMachine();
  console.log(`${machine.cpu} × ${machine.cores}, ${machine.memoryGiB} GiB, ${machine.platform}, Node ${machine.node}`);
  console.log(
    `load average ${machine.loadAverage.toFixed(1)} before the start: above ${machine.cores}, trust only the ratios`,
  );
  console.log(`medians of ${roundCount} interleaved rounds; ± half the distance from the best to the worst round`);
  const answers: Record<string, Answer> = {};
  for (const name of names) {
    if (process.stderr.isTTY) process.stderr.write(`${name} …\r`);
    answers[name] = await ask(name, roundCount);
    console.log(`\n${table(name, answers[name])}`);
  }
  if (json) writeFileSync(json, `${JSON.stringify({ date: new Date(), machine, roundCount, answers }, null, 2)}\n`);
  return 0;
}

function readArguments(questions: string[], args: string[]) {
  const options = { rounds: { type: "string", default: "5" }, json: { type: "string" } } as const;
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const roundCount = Number(values.rounds);
    const names = positionals.length > 0 ? positionals : questions;
    const isRight = names.every((name) => questions.includes(name)) && Number.isInteger(roundCount) && roundCount > 0;
    return { names: isRight ? names : undefined, roundCount, json: values.json };
  } catch {
    return { names: undefined, roundCount: 0, json: undefined };
  }
}

function ask(name: string, roundCount: number): Promise<Answer> {
  const measure = fileURLToPath(new URL("./measure.js", import.meta.url));
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined;
    fork(measure, [name, String(roundCount)], { execArgv: process.execArgv })
      .on("message", (message) => {
        answer = message as Answer;
      })
      .on("error", reject)
      .on("exit", (code) =>
        answer ? resolve(answer) : reject(new Error(`${name} ended with ${code}, without an answer`)),
      );
  });
}

function describeMachine() {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    loadAverage: loadavg()[0],
  };
}
