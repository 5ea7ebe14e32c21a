/** The documents tell the truth: every block of code in README.md runs, those of docs/ marked `run` do, and print what is said. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackage, type Project, root } from "../package/installed.ts";
import { type CodeBlock, codeBlocks, isAsWritten } from "./code-blocks.ts";
import { checkTypes, prepareCommands, runBlock } from "./run-page.ts";

interface Page {
  name: string;
  blocks: CodeBlock[];
}

const pages: Page[] = [
  { name: "README.md", blocks: blocksOf("README.md") },
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => ({
      name: `docs/${name}`,
      blocks: blocksOf(`docs/${name}`).filter(({ words }) => words.includes("run")),
    })),
];

it("README.md has code", () => expect(pages[0].blocks.length).toBeGreaterThan(2));

it("the documents link to files that exist", () => {
  const dead = pages.flatMap(({ name }) => {
    const links = readFileSync(join(root, name), "utf8").matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g);
    return [...links].map(([, target]) => target).filter((target) => !existsSync(join(root, name, "..", target)));
  });
  expect(dead).toEqual([]);
});

it("the TypeScript of all pages compiles", () => {
  const project = installPackage();
  try {
    expect(checkTypes(project, pages)).toBe("");
  } finally {
    rmSync(project.folder, { recursive: true });
  }
}, 60_000);

describe.each(pages.filter(({ blocks }) => blocks.length > 0))("$name", ({ blocks }) => {
  let project: Project;
  beforeAll(() => {
    project = installPackage();
    prepareCommands(project);
  }, 60_000);
  afterAll(() => project && rmSync(project.folder, { recursive: true }));

  // In the order of the page, and each in the folder that those before it left.
  it.each(blocks)("line $line ($language) runs", { timeout: 90_000 }, (block) => {
    const printed = runBlock(project, block);
    if (block.output !== undefined) expect(isAsWritten(printed, block.output), `printed:\n${printed}`).toBe(true);
  });
});

function blocksOf(name: string): CodeBlock[] {
  return codeBlocks(readFileSync(join(root, name), "utf8"));
}
