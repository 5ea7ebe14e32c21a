/** What users import says in one place what it is: editors show that where it is used. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "../../src");

/** [name, file] of each name that an entry point passes on. */
function exportsOf(entry: string): [string, string][] {
  const source = readFileSync(join(SRC, entry), "utf8");
  return [...source.matchAll(/export (?:type )?\{([^}]+)\} from "([^"]+)"/g)].flatMap(([, names, from]) =>
    names
      .split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type /, "")
          .replace(/ as .*/, ""),
      )
      .filter((name) => name !== "")
      .map((name): [string, string] => [name, join(dirname(entry), from)]),
  );
}

/** Where it is declared: a file may pass on what is declared in another one. */
function isDocumented(name: string, file: string): boolean {
  const source = readFileSync(join(SRC, file), "utf8");
  const declared = new RegExp(`(.*)\\nexport (?:async )?(?:class|interface|type|const|function) ${name}\\b`).exec(
    source,
  );
  if (declared) return declared[1].trimEnd().endsWith("*/");
  const [, from] = exportsOf(file).find(([other]) => other === name) ?? [];
  return from !== undefined && isDocumented(name, from);
}

describe.each(["index.ts", "testing/index.ts", "wire/index.ts"])("what %s exports", (entry) => {
  it("is documented where it is declared", () => {
    const all = exportsOf(entry);
    expect(all.length).toBeGreaterThan(1);
    expect(all.filter(([name, file]) => !isDocumented(name, file))).toEqual([]);
  });
});
