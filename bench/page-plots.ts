/** The plots of the page, as SVG within it. */
import { escaped } from "./page-text.ts";
import { figure, quantity } from "./report.ts";
import type { Ratio, Result, Results } from "./results.ts";
import { targetOf, verdict } from "./targets.ts";

const WIDTH = 980;
const ROW = 26;
const LABEL = 330;
const FIGURES = 150;

/** A position for each value between two bounds, by their logarithms. */
function logarithmic(low: number, high: number, from: number, to: number): (value: number) => number {
  const [least, most] = [Math.log10(low), Math.log10(high)];
  return (value) => from + ((Math.log10(Math.min(Math.max(value, low), high)) - least) / (most - least)) * (to - from);
}

/** One bar for each ratio that has a target, by question, then the others. */
export function barsOfRatios({ ratios }: Results): string {
  const shown = [...ratios.filter((one) => targetOf(one)), ...ratios.filter((one) => !targetOf(one))];
  if (shown.length === 0) return "";
  const values = shown
    .flatMap((one) => [one.low, one.high, targetOf(one)?.aim ?? one.high])
    .filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values)));
  const x = logarithmic(low, high, LABEL, WIDTH - FIGURES);
  const height = shown.length * ROW + 24;
  const ticks = decades(low, high).map(
    (value) => `<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="0" y2="${height - 20}"/>
<text class="faint" text-anchor="middle" x="${x(value)}" y="${height - 6}">${value < 1 ? value : figure(value).replace(/\.0+$/, "")}</text>`,
  );
  return svg(WIDTH, height, [...ticks, ...shown.map((one, at) => bar(one, at * ROW, x))]);
}

function bar(one: Ratio, top: number, x: (value: number) => number): string {
  const { question, of, over, ratio, low, high } = one;
  const target = targetOf(one);
  const middle = top + ROW / 2;
  const [from, to] = [x(1), x(ratio)].sort((a, b) => a - b);
  const mark = (value: number, kind: string) =>
    `<line class="${kind}" x1="${x(value)}" x2="${x(value)}" y1="${top + 3}" y2="${top + ROW - 3}"/>`;
  return `<text x="0" y="${middle + 4}"><tspan class="faint">${question}</tspan> ${escaped(of)} : ${escaped(over)}</text>
<rect class="${target ? verdict(target, ratio) : "none"}" x="${from}" width="${Math.max(1, to - from)}" y="${top + 6}" height="${ROW - 12}" rx="2"/>
<line class="whisker" x1="${x(low)}" x2="${x(high)}" y1="${middle}" y2="${middle}"/>
${target ? mark(target.aim, "wish") + mark(target.must, "bound") : ""}
<text x="${WIDTH - FIGURES + 12}" y="${middle + 4}">${figure(ratio)} × <tspan class="faint">${target ? `must ${target.must}` : ""}</tspan></text>`;
}

/** Percentiles that a subject has, along 1 / (1 − p): each nine takes as much room as the one before. */
export function curvesOfLatency({ results }: Results): string {
  const curves = series(results, "latency", /^((?:(?! from the call).)*) p([\d.]+)$/);
  if (curves.length === 0) return "";
  const points = curves.flatMap((curve) => curve.points);
  const high = 10 ** Math.ceil(Math.log10(Math.max(...points.map(([, value]) => value))));
  const low = 10 ** Math.floor(Math.log10(Math.min(...points.map(([, value]) => value))));
  const x = logarithmic(2, 10_000, 70, WIDTH - 230);
  const place = (percentile: number) => x(1 / (1 - percentile / 100));
  const xTicks = [50, 90, 99, 99.9, 99.99].map((one): [number, string] => [place(one), `p${one}`]);
  const yTicks = decades(low, high).map((one): [number, string] => [
    one,
    one >= 1000 ? `${one / 1000} ms` : `${one} µs`,
  ]);
  return chart(
    curves,
    (one) => place(one),
    logarithmic(low, high, 330, 14),
    xTicks,
    yTicks,
    (value) => `${figure(value)} µs`,
  );
}

export function linesOfGrowth({ results }: Results): string {
  const curves = series(results, "grow", /^(.*) append at ([\d.]+ [MG]B)$/);
  if (curves.length === 0) return "";
  const points = curves.flatMap((curve) => curve.points);
  const x = logarithmic(0.1, Math.max(1, ...points.map(([size]) => size)), 70, WIDTH - 230);
  const most = Math.max(...points.map(([, value]) => value)) * 1.15;
  const xTicks = [...new Set(points.map(([size]) => size))].map((size): [number, string] => [x(size), `${size} GB`]);
  const yTicks = [0, 0.25, 0.5, 0.75, 1].map((share): [number, string] => [
    share * most,
    `${figure((share * most) / 1e6)} M/s`,
  ]);
  return chart(
    curves,
    x,
    (value) => 330 - (value / most) * 316,
    xTicks,
    yTicks,
    (value) => quantity(value, "/s"),
  );
}

interface Curve {
  name: string;
  points: [at: number, value: number][];
}

/** The figures of a question whose names end in a number: those of each subject are a curve. */
function series(results: Result[], question: string, pattern: RegExp): Curve[] {
  const curves = new Map<string, Curve>();
  for (const { subject, value, question: asked } of results) {
    const found = asked === question ? pattern.exec(subject) : null;
    if (found === null) continue;
    const [, name, at] = found;
    const curve = curves.get(name) ?? { name, points: [] };
    curve.points.push([at.endsWith("MB") ? Number.parseFloat(at) / 1000 : Number.parseFloat(at), value]);
    curves.set(name, curve);
  }
  return [...curves.values()];
}

type Ticks = [position: number, label: string][];

/** The x of a tick is a position already, its y a value. */
function chart(
  curves: Curve[],
  x: (at: number) => number,
  y: (value: number) => number,
  xTicks: Ticks,
  yTicks: Ticks,
  say: (value: number) => string,
): string {
  const right = WIDTH - 230;
  const grid = yTicks.map(
    ([value, label]) => `<line class="grid" x1="70" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>
<text class="faint" text-anchor="end" x="62" y="${y(value) + 4}">${label}</text>`,
  );
  const along = xTicks.map(
    ([at, label]) => `<text class="faint" text-anchor="middle" x="${at}" y="352">${label}</text>`,
  );
  const places = spreadOut(curves.map(({ points }) => y(points[points.length - 1][1])));
  const lines = curves.map(({ name, points }, at) => {
    const color = `var(--c${at % 6})`;
    const path = points.map(([one, value]) => `${x(one).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    const dots = points.map(
      ([one, value]) =>
        `<circle cx="${x(one).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" style="fill:${color}"><title>${escaped(name)}: ${say(value)}</title></circle>`,
    );
    return `<polyline class="curve" style="stroke:${color}" points="${path}"/>${dots.join("")}<text style="fill:${color}" x="${right + 12}" y="${places[at] + 4}">${escaped(name)}</text>`;
  });
  return svg(WIDTH, 360, [...grid, ...along, ...lines]);
}

/** The same places, moved so far down that no two labels lie on each other. */
function spreadOut(places: number[]): number[] {
  const moved = [...places];
  let last = Number.NEGATIVE_INFINITY;
  for (const at of places.map((_, index) => index).sort((a, b) => places[a] - places[b])) {
    moved[at] = Math.max(places[at], last + 16);
    last = moved[at];
  }
  return moved;
}

function decades(low: number, high: number): number[] {
  const count = Math.round(Math.log10(high / low));
  return Array.from({ length: count + 1 }, (_, at) => Number((low * 10 ** at).toPrecision(3)));
}

function svg(width: number, height: number, parts: string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${parts.join("\n")}</svg>`;
}
