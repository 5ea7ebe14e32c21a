/** docs/errors.md has the table of src/errors.ts, row by row. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { ERRORS } from "../../src/errors.ts";

it("documents every code as the table has it", () => {
  const page = readFileSync(resolve(import.meta.dirname, "../../docs/errors.md"), "utf8");
  const documented = [...page.matchAll(/^\| `(VARVE_\w+)` \| (yes|no) \| (.*) \|$/gm)].map((row) => row.slice(1));
  const rows = Object.entries(ERRORS).map(([code, [retriable, meaning]]) => [code, retriable ? "yes" : "no", meaning]);
  expect(documented).toEqual(rows);
});
