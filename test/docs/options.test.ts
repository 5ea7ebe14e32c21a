/** docs/options.md has every option, and the defaults that the code has. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { checkRunOptions } from "../../src/client/group-options.ts";
import { checkConsumerOptions, checkProducerOptions } from "../../src/client/options.ts";
import { TOPIC_OPTIONS } from "../../src/engine/config.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { resolveEngineOptions } from "../../src/engine/engine-options.ts";
import { resolveListenOptions } from "../../src/wire/listen-options.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../docs/options.md"), "utf8");
const sections = new Map(page.split(/^## /m).map((section) => [section.split(":")[0], section]));

/** The cells of the rows of a section, by option. */
function rowsOf(section: string): Map<string, string[]> {
  const rows = [...sections.get(section)!.matchAll(/^\| (`.*) \|$/gm)].map((match) => match[1].split(/ \|(?: |$)/));
  return new Map(
    rows.flatMap(([names, ...cells]) => names.split(", ").map((name) => [name.replaceAll("`", ""), cells])),
  );
}

describe("docs/options.md", () => {
  it("has each option of a topic, with its dotted name and default", () => {
    const rows = rowsOf("Topics");
    for (const [name, { dotted, default: value }] of Object.entries(TOPIC_OPTIONS)) {
      expect(rows.get(name)?.slice(0, 2), name).toEqual([`\`${dotted}\``, String(value ?? "that of the log")]);
    }
    expect([...rows.keys()].sort()).toEqual([...Object.keys(TOPIC_OPTIONS), "partitions"].sort());
  });

  it.each([
    ["The log", resolveEngineOptions({})],
    ["Producers", checkProducerOptions({})],
    ["Consumers", checkConsumerOptions({ topics: ["orders"] })],
    ["Runs of a group", checkRunOptions({ topics: ["orders"], each: () => {} })],
    ["The listener", resolveListenOptions({}, { options: {} } as Engine)],
  ] as const)("has the defaults of %s", (section, defaults) => {
    const rows = rowsOf(section);
    const documented = Object.entries(defaults).filter(
      ([name, value]) => rows.has(name) && isPlain(value) && !name.endsWith("odec"),
    );
    expect(documented.length).toBeGreaterThan(2);
    for (const [name, value] of documented) expect(rows.get(name)![0], name).toBe(String(value));
  });
});

const isPlain = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
