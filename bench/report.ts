/**
 * An answer as text for people:
 *
 *   append: records appended in groups of 1000 …
 *     varve       6.31 M records/s  ± 3 %   await sendBatch, …
 *     lmdb        1.02 M records/s  ± 2 %   transactionSync …
 *
 *     varve : lmdb                  6.19 (6.01 – 6.30)   must 5.3, aim 9
 */
import type { Answer } from "./asking.ts";
import type { Ratio, Result } from "./results.ts";
import { spread } from "./statistics.ts";
import { type Target, targetOf, verdict } from "./targets.ts";

export function report(name: string, title: string, answer: Answer): string {
  const { results, ratios, missing, failed } = answer;
  const lines = [`${name}: ${title}`, ...columns(results.map((result, at) => resultRow(result, results[at - 1])))];
  if (ratios.length > 0) lines.push("", ...columns(ratios.map(ratioRow)));
  for (const [subject, reason] of Object.entries(missing)) lines.push(`  not there: ${subject} (${reason})`);
  for (const [subject, reason] of Object.entries(failed)) lines.push(`  failed: ${subject} (${reason})`);
  return lines.join("\n");
}

/** The mode is said once, with the first figure of a subject. */
function resultRow(result: Result, before: Result | undefined): string[] {
  const { subject, value, unit, samples, mode } = result;
  const target = targetOf(result);
  const notes = [...(mode === before?.mode ? [] : [mode]), ...(target ? [bounds(target, value)] : [])];
  return [subject, quantity(value, unit), `± ${Math.round(spread(samples) * 100)} %`, notes.join("; ")];
}

function ratioRow(one: Ratio): string[] {
  const { of, over, ratio, low, high } = one;
  const target = targetOf(one);
  const range = `${figure(ratio)} (${figure(low)} – ${figure(high)})`;
  return [`${of} : ${over}`, range, target ? bounds(target, ratio) : ""];
}

function bounds(target: Target, value: number): string {
  const says = { aim: "aim reached", must: "must reached", missed: "MISSED" }[verdict(target, value)];
  return `must ${figure(target.must)}, aim ${figure(target.aim)}: ${says}`;
}

export function quantity(value: number, unit: string): string {
  if (!unit.endsWith("/s")) return `${figure(value)} ${unit}`;
  if (value >= 1e6) return `${figure(value / 1e6)} M ${unit}`;
  return value >= 1e4 ? `${figure(value / 1e3)} k ${unit}` : `${figure(value)} ${unit}`;
}

/** Three digits that count. */
export function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function columns(rows: string[][]): string[] {
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at].length))) ?? [];
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at])).join("   ")}`.trimEnd());
}
