/** What is made of the figures: medians, ratios within rounds, and verdicts; and that each target names figures that a question has. */
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { pageOf } from "../../bench/page.ts";
import { figure, quantity } from "../../bench/report.ts";
import type { Results } from "../../bench/results.ts";
import { median, quotients, spread } from "../../bench/statistics.ts";
import { TARGETS, targetOf, verdict } from "../../bench/targets.ts";

it("takes ratios within a round", () => {
  expect(quotients([10, 40], [5, 10])).toEqual([2, 4]);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(spread([8, 10, 12])).toBe(0.2);
});

it.each([
  [{ must: 2, aim: 4 }, 4, "aim"],
  [{ must: 2, aim: 4 }, 2, "must"],
  [{ must: 2, aim: 4 }, 1.9, "missed"],
  [{ must: 30, aim: 10, less: true as const }, 10, "aim"],
  [{ must: 30, aim: 10, less: true as const }, 31, "missed"],
])("%j: %d is %s", (bounds, value, expected) => {
  expect(verdict({ question: "any", of: "varve", ...bounds }, value)).toBe(expected);
});

it.each([
  [0.456, "0.46"],
  [12.34, "12.3"],
  [123.4, "123"],
  [4711.2, "4,711"],
])("%d reads %s", (value, expected) => {
  expect(figure(value)).toBe(expected);
});

it("says large rates in millions", () => {
  expect(quantity(6_310_000, "records/s")).toBe("6.31 M records/s");
  expect(quantity(127, "B/record")).toBe("127 B/record");
});

describe("targets", () => {
  const names = readdirSync(resolve(import.meta.dirname, "../../bench/questions")).map((name) =>
    name.replace(".ts", ""),
  );

  it("are about questions that are asked", () => {
    expect(TARGETS.filter(({ question }) => !names.includes(question))).toEqual([]);
  });

  it.each(names)("of %s name subjects that it has, and ratios that it makes", async (name) => {
    const { default: question } = await import(`../../bench/questions/${name}.ts`);
    const subjects = Object.keys(question.subjects);
    const compared = question.compare.map((pair: [string, string]) => pair.join(" : "));
    for (const { of, over } of TARGETS.filter((target) => target.question === name)) {
      for (const one of over === undefined ? [of] : [of, over]) {
        expect(
          subjects.some((subject) => one === subject || one.startsWith(`${subject} `)),
          one,
        ).toBe(true);
      }
      if (over !== undefined) expect(compared).toContain(`${of} : ${over}`);
    }
  });
});

describe("the page", () => {
  const results: Results = {
    machine: {
      date: "2026-11-21T12:00:00.000Z",
      cpu: "a <processor>",
      cores: 2,
      memoryGiB: 24,
      platform: "linux x64",
      kernel: "6.18",
      fileSystem: "ext4",
      loadAverage: [0, 0],
      rounds: 1,
      quick: false,
      clock: "wall",
    },
    versions: { node: "20" },
    results: [
      { question: "latency", subject: "varve p50", mode: "send", value: 2, unit: "µs", samples: [2] },
      { question: "latency", subject: "varve p99", mode: "send", value: 20, unit: "µs", samples: [20] },
      {
        question: "grow",
        subject: "varve append at 100 MB",
        mode: "send",
        value: 5e6,
        unit: "records/s",
        samples: [5e6],
      },
    ],
    ratios: [{ question: "append", of: "varve", over: "lmdb", ratio: 6, low: 5, high: 7 }],
  };

  it("has a plot for what was measured, and nothing from outside", () => {
    const page = pageOf(results);
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).toContain("must 5.3");
    expect(page).toContain("a &lt;processor>".replace(">", "&gt;"));
    expect(page).not.toMatch(/https?:|NaN|undefined|src=|@import/);
  });

  it("leaves out the plots that it has no figures for", () => {
    expect(pageOf({ ...results, results: [], ratios: [] })).not.toContain("<svg");
  });

  it("finds a target for a ratio and for a figure", () => {
    expect(targetOf(results.ratios[0])?.must).toBe(5.3);
    expect(targetOf(results.results[1])?.must).toBe(30);
    expect(targetOf(results.results[2])).toBeUndefined();
  });
});
