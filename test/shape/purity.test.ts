/** Time, chance, files and the terminal come in as arguments: each is touched in the few places named here, and nowhere else. */
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { readSources, type SourceFile, walk } from "./source-files.ts";

interface Rule {
  what: string;
  /** Whether the node is a use of it. */
  uses(node: ts.Node): boolean;
  /** File, or folder with a slash at its end → why it may. Each must exist and use it, or the row is stale. */
  allowed: Record<string, string>;
}

const theCommand = "the command is a program of its own";

const rules: Rule[] = [
  {
    what: "the clock (Date.now, new Date(), performance, hrtime)",
    uses: (node) =>
      isMember(node, "Date", "now") ||
      isMember(node, "process", "hrtime") ||
      isMember(node, "process", "uptime") ||
      isGlobal(node, "performance") ||
      (ts.isNewExpression(node) && node.expression.getText() === "Date" && !node.arguments?.length),
    allowed: {
      "storage/clock.ts": "the one place that reads it",
      "engine/identity.ts": "estimates the time of boot where the system does not tell the boot id",
      "cli/": theCommand,
    },
  },
  {
    what: "timers (setTimeout, setInterval)",
    uses: (node) => isGlobal(node, "setTimeout", "setInterval") || imports(node, "node:timers", "node:timers/promises"),
    allowed: {
      "storage/clock.ts": "schedules, unref'd",
      "client/keep-alive.ts": "its timer never fires in earnest; it only holds the process",
      "cli/": theCommand,
    },
  },
  {
    what: "chance (Math.random, node:crypto's random…)",
    uses: (node) =>
      isMember(node, "Math", "random") ||
      isGlobal(node, "crypto") ||
      (ts.isIdentifier(node) && /^(random(Bytes|UUID|Int|Fill\w*)|getRandomValues|webcrypto)$/.test(node.text)),
    allowed: { "storage/clock.ts": "the one place that draws", "cli/": theCommand },
  },
  {
    what: "the file system (node:fs)",
    uses: (node) => imports(node, "node:fs", "node:fs/promises"),
    allowed: {
      "storage/disk-files.ts": "the seam's implementation on a disk",
      "storage/disk-file.ts": "its open file",
      "storage/descriptors.ts": "its descriptors",
      "storage/removals.ts": "how it removes large files",
      "wire/stale-socket.ts": "a socket's file, which is no part of a data directory either",
      "engine/identity.ts": "reads /proc, which is no part of a data directory",
      "native.ts": "looks for the module, which is no part of a data directory either",
      "cli/": theCommand,
    },
  },
  {
    what: "the terminal and the process's end (console, process.stdout, process.exit)",
    uses: (node) =>
      isGlobal(node, "console") ||
      ["stdout", "stderr", "stdin", "exit", "on"].some((name) => isMember(node, "process", name)),
    allowed: { "cli/": theCommand },
  },
];

const sources = readSources();

describe.each(rules)("$what", ({ uses, allowed }) => {
  const users = sources.filter((source) => linesUsing(source, uses).length > 0);

  it("is touched only where it may be", () => {
    const strangers = users.filter((source) => !Object.keys(allowed).some((place) => covers(place, source.path)));
    expect(strangers.flatMap((source) => linesUsing(source, uses).map((line) => `src/${source.path}:${line}`))).toEqual(
      [],
    );
  });

  it("has no exception that nobody needs", () => {
    const needed = Object.keys(allowed).filter((place) => place !== "cli/");
    expect(needed.filter((place) => !users.some((source) => covers(place, source.path)))).toEqual([]);
  });
});

it("a comment, a property of the same name and a type are no uses", () => {
  const text =
    "// Date.now()\nlog.console; type T = typeof performance; new Date(5); options.setTimeout();\nconsole.log(1)";
  const tree = ts.createSourceFile("a.ts", text, ts.ScriptTarget.ES2022, true);
  const found = rules.flatMap(({ uses }) => linesUsing({ path: "a.ts", text, tree, imports: [] }, uses));
  expect(found).toEqual([3]);
});

function covers(place: string, path: string): boolean {
  return place.endsWith("/") ? path.startsWith(place) : path === place;
}

function linesUsing({ tree }: SourceFile, uses: Rule["uses"]): number[] {
  const lines: number[] = [];
  walk(tree, (node) => {
    if (uses(node)) lines.push(tree.getLineAndCharacterOfPosition(node.getStart()).line + 1);
  });
  return lines;
}

function isMember(node: ts.Node, object: string, name: string): boolean {
  return ts.isPropertyAccessExpression(node) && node.expression.getText() === object && node.name.text === name;
}

/** An identifier that stands for itself: not a property, not a declaration, not a type. */
function isGlobal(node: ts.Node, ...names: string[]): boolean {
  if (!ts.isIdentifier(node) || !names.includes(node.text)) return false;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return false;
  return (
    ts.isExpression(parent) ||
    ts.isStatement(parent) ||
    (ts.isVariableDeclaration(parent) && parent.initializer === node)
  );
}

function imports(node: ts.Node, ...modules: string[]): boolean {
  return (
    ts.isImportDeclaration(node) &&
    modules.includes((node.moduleSpecifier as ts.StringLiteral).text) &&
    !node.importClause?.isTypeOnly
  );
}
