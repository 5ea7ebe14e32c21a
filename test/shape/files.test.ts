/** The look of the files: names that say something, a comment first, small, and a test beside every source in the mirror. */
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { filesUnder, readSources, root, walk } from "./source-files.ts";

/** What small codebases that are a pleasure to read keep to: half of the files and nine in ten functions are below this. */
const medianFileLines = 180;
const ninthDecileFunctionLines = 42;
const longestFileLines = 450;

/** Words for a file that has no subject of its own. */
const emptyNames = /(^|[-.])(utils?|helpers?|common|misc|shared|stuff|v\d+)([-.]|$)/i;

/** Folders of test/ that mirror a folder of src/: foo.test.ts, foo.bar.test.ts and foo.slow.test.ts are about foo.ts. */
const mirrored = ["format", "storage", "engine", "client", "testing", "cli"];

/** Tests in the mirror whose subject is more than one file. */
const subjectsOfTheirOwn: Record<string, string> = {
  "disk-faults": "disk-files, disk-file and descriptors when the system fails",
};

const sources = readSources();

describe("every source file", () => {
  it("opens with a comment", () => {
    const bare = sources.filter(({ text }) => !/^(#!.*\n)?\/[*/]/.test(text));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it(`has at most ${longestFileLines} lines, half of them at most ${medianFileLines}`, () => {
    const lengths = sources.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    expect(lengths.filter(({ lines }) => lines > longestFileLines)).toEqual([]);
    expect(
      quantile(
        lengths.map(({ lines }) => lines),
        0.5,
      ),
    ).toBeLessThanOrEqual(medianFileLines);
  });

  it(`has short functions, nine in ten of at most ${ninthDecileFunctionLines} lines`, () => {
    const lengths: number[] = [];
    for (const { tree } of sources) {
      walk(tree, (node) => {
        if (!isFunction(node)) return;
        const line = (position: number) => tree.getLineAndCharacterOfPosition(position).line;
        lengths.push(line(node.end) - line(node.getStart()) + 1);
      });
    }
    expect(lengths.length).toBeGreaterThan(100);
    expect(quantile(lengths, 0.9)).toBeLessThanOrEqual(ninthDecileFunctionLines);
  });
});

describe("file names", () => {
  it.each(["src", "test"])("under %s say what is in them", (folder) => {
    const names = filesUnder(folder).filter((path) => !path.startsWith("fixtures/"));
    expect(names.filter((path) => path.split("/").some((part) => emptyNames.test(part)))).toEqual([]);
    expect(names.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.ts$/.test(basename(path)))).toEqual([]);
  });

  it("the words that say nothing are found, and only they", () => {
    const judged = [
      "utils.ts",
      "log-helpers.ts",
      "v2.ts",
      "api-v2.test.ts",
      "value.ts",
      "commons.ts",
      "helper-threads.ts",
    ];
    expect(judged.filter((name) => emptyNames.test(name))).toEqual([
      "utils.ts",
      "log-helpers.ts",
      "v2.ts",
      "api-v2.test.ts",
      "helper-threads.ts",
    ]);
  });
});

describe("tests", () => {
  const paths = new Set(sources.map(({ path }) => path));
  const tests = filesUnder("test").filter((path) => path.endsWith(".test.ts"));

  it.each(mirrored)("in test/%s mirror src", (folder) => {
    const strangers = tests
      .filter((path) => path.startsWith(`${folder}/`))
      .filter(
        (path) => !paths.has(path.replace(/\..*$/, ".ts")) && !(basename(path).split(".")[0] in subjectsOfTheirOwn),
      );
    expect(strangers).toEqual([]);
  });

  it("assert something, each file", () => {
    const idle = tests.filter(
      (path) => !/\b(expect|assert|testClient)\b/.test(readFileSync(resolve(root, "test", path), "utf8")),
    );
    expect(idle).toEqual([]);
  });
});

function isFunction(node: ts.Node): boolean {
  return (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) || ts.isArrowFunction(node);
}

function quantile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)];
}
