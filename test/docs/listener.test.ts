/** docs/listener.md has every API that is answered, with its key and versions. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { APIS } from "../../src/wire/apis.ts";

it("documents every API as the code has it", () => {
  const page = readFileSync(resolve(import.meta.dirname, "../../docs/listener.md"), "utf8");
  const documented = [...page.matchAll(/^\| (\w+) \| (\d+) \| ([\d–]+) \|/gm)].map((row) => row.slice(1));
  const rows = APIS.map(({ name, key, versions: [first, last] }) => [
    name,
    String(key),
    first === last ? String(first) : `${first}–${last}`,
  ]);
  expect(documented).toEqual(rows);
});
