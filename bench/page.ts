/**
 * `npm run bench:report -- [FILE] [--out FILE]`: one page of HTML from a file that `--json` wrote, with nothing from
 * outside: bars of ratios against what they must be, latency as percentile curves, throughput against the size of the
 * log, and all figures below.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { barsOfRatios, curvesOfLatency, linesOfGrowth } from "./page-plots.ts";
import { STYLE } from "./page-style.ts";
import { escaped } from "./page-text.ts";
import { benchFolder } from "./places.ts";
import { figure, quantity } from "./report.ts";
import type { Result, Results } from "./results.ts";
import { latestResults } from "./results-file.ts";
import { spread } from "./statistics.ts";
import { targetOf, verdict } from "./targets.ts";

export function writePage(args: string[]): void {
  const options = { out: { type: "string", default: join(benchFolder, "dist", "report.html") } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const file = positionals[0] ?? latestResults();
  const results: Results = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(values.out, pageOf(results));
  console.log(values.out);
}

export function pageOf(results: Results): string {
  const { machine, versions } = results;
  const { date, cpu, cores, memoryGiB, platform, kernel, fileSystem, loadAverage, rounds, quick, clock } = machine;
  const software = Object.entries(versions).map(
    ([name, version]) => `<span><b>${escaped(name)}</b> ${escaped(version)}</span>`,
  );
  const warnings = [
    ...(quick ? ["Measured with --quick: short rounds and small stores. Not to be quoted."] : []),
    ...(clock === "cpu" ? ["Processor time, not time on the wall: the machine was busy with other things."] : []),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>varve: benchmarks of ${date.slice(0, 10)}</title><style>${STYLE}</style></head><body>
<header><h1>varve <small>beside what you might pick instead</small></h1>
<p>${escaped(cpu)} × ${cores}, ${memoryGiB} GiB, ${platform}, kernel ${escaped(kernel)}, ${escaped(fileSystem)} · ${date.slice(0, 10)} ·
${rounds} interleaved rounds, medians · load average ${loadAverage.map((load) => load.toFixed(1)).join(" before, ")} after</p>
${warnings.map((warning) => `<p class="warning">${warning}</p>`).join("")}
<p class="versions">${software.join("")}</p></header>
<main>
${section("How many times as fast", "The bar is the median ratio of the rounds, the whisker the least and the greatest. The dark mark is what it must be, the light one the aim.", barsOfRatios(results))}
${section("Latency", "From when a record was due until the waiting consumer had it. Both axes are logarithmic.", curvesOfLatency(results))}
${section("As the log grows", "Records appended per second, by the size of the log.", linesOfGrowth(results))}
${section("All figures", "", tables(results))}
</main></body></html>
`;
}

function section(title: string, legend: string, body: string): string {
  return body === "" ? "" : `<section><h2>${title}</h2>${legend && `<p>${legend}</p>`}${body}</section>`;
}

function tables({ results }: Results): string {
  const questions = [...new Set(results.map(({ question }) => question))];
  const rows = (question: string) => results.filter((result) => result.question === question).map(row);
  return questions.map((question) => `<h3>${question}</h3><table>${rows(question).join("")}</table>`).join("");
}

function row(result: Result, at: number, all: Result[]): string {
  const { subject, value, unit, samples, mode } = result;
  const target = targetOf(result);
  const judged = target ? ` <span class="${verdict(target, value)}">must ${figure(target.must)}</span>` : "";
  const said = mode === all[at - 1]?.mode ? "" : escaped(mode);
  return `<tr><th>${escaped(subject)}</th><td class="number">${quantity(value, unit)}</td><td class="number">± ${Math.round(spread(samples) * 100)} %</td><td>${said}${judged}</td></tr>`;
}
