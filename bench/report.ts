/**
 * An answer as a table for people:
 *
 *   encode: a batch of 1000 records …
 *                          ns/record            against kafkajs
 *     bytes    varve           131.0   ± 3 %    11.1 × (10.8 – 11.3)
 *              kafkajs        1456.2   ± 2 %
 */
import type { Answer, Timing } from "./question.ts";
import { median, ratios, spread } from "./statistics.ts";

export function table(name: string, { title, unit, cases }: Answer): string {
  const caseWidth = Math.max(...cases.map((one) => one.name.length));
  const nameWidth = Math.max(...cases.flatMap(({ timings }) => timings.map((timing) => timing.contestant.length)));
  const indent = " ".repeat(caseWidth + nameWidth + 4);
  const lines = [`${name}: ${title}`, `${indent}${`ns/${unit}`.padStart(11)}`];
  for (const one of cases) {
    const baseline = one.timings[one.timings.length - 1];
    for (const timing of one.timings) {
      const label = timing === one.timings[0] ? one.name : "";
      const columns = [label.padEnd(caseWidth), timing.contestant.padEnd(nameWidth), numbers(timing)];
      if (timing !== baseline) columns.push(` ${comparison(timing, baseline)}`);
      lines.push(`  ${columns.join("  ")}`);
    }
  }
  return lines.join("\n");
}

function numbers({ rounds }: Timing): string {
  return `${median(rounds).toFixed(1).padStart(9)}  ± ${percent(spread(rounds)).padStart(4)}`;
}

function comparison(timing: Timing, baseline: Timing): string {
  const all = ratios(baseline.rounds, timing.rounds);
  const range = `${times(Math.min(...all))} – ${times(Math.max(...all))}`;
  return `${times(median(all)).padStart(5)} × as fast as ${baseline.contestant} (${range})`;
}

function times(ratio: number): string {
  return ratio.toFixed(ratio < 10 ? 2 : 1);
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
