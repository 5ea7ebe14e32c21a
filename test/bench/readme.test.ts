/** The figures in README.md are those of the latest file in bench/results/. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { tableOf, withTable } from "../../bench/readme.ts";
import type { Results } from "../../bench/results.ts";
import { latestResults } from "../../bench/results-file.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../README.md"), "utf8");
const results: Results = JSON.parse(readFileSync(latestResults(), "utf8"));

it("has the table that `npm run bench:table` makes", () => {
  expect(withTable(page, results)).toBe(page);
});

it("would not have it if a figure were another", () => {
  const [ratio] = results.ratios.filter(
    ({ question, of, over }) => [question, of, over].join() === "append,varve,lmdb",
  );
  const changed = { ...results, ratios: results.ratios.with(results.ratios.indexOf(ratio), { ...ratio, ratio: 4711 }) };
  expect(withTable(page, changed)).not.toBe(page);
});

it("says what was measured where, and nothing that was not measured", () => {
  const { machine } = results;
  const table = tableOf({ ...results, results: results.results.filter(({ question }) => question === "append") });
  expect(table).toContain(`${machine.date.slice(0, 10)}, ${machine.cpu} × ${machine.cores}`);
  expect(table).toContain("sendBatch");
  expect(table).not.toContain("by its offset");
});
