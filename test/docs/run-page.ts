/**
 * Runs the code of a page as a reader would: block by block, in one folder where the package is installed.
 *
 * TypeScript is checked against the package's types, then run. In the shell `varve` is the installed command; npm is not run,
 * for it would fetch what is not published yet and start this very test again: that its script exists must do.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import ts from "typescript";
import { manifest, type Project, typeCheck } from "../package/installed.ts";
import type { CodeBlock } from "./code-blocks.ts";

const npm = `#!/bin/sh
case "$1 $2" in
  "install varve" | "i varve") exit 0 ;;
  ${["start", "test"].map((name) => `"${name} "`).join(" | ")}) exit 0 ;;
  ${Object.keys(manifest.scripts)
    .map((name) => `"run ${name}"`)
    .join(" | ")}) exit 0 ;;
esac
echo "the documents must not tell to run: npm $*" >&2
exit 1
`;

/** Puts the commands that a page may call in the project's way. */
export function prepareCommands(project: Project): void {
  const folder = join(project.folder, "node_modules/.bin");
  mkdirSync(folder, { recursive: true });
  symlinkSync(join("..", "varve", manifest.bin.varve), join(folder, "varve"));
  writeFileSync(join(folder, "npm"), npm);
  chmodSync(join(folder, "npm"), 0o755);
}

/** What the compiler has against the TypeScript of the pages, with the page and the line of the block as the file's name. */
export function checkTypes(project: Project, pages: readonly { name: string; blocks: CodeBlock[] }[]): string {
  const names = pages.flatMap(({ name, blocks }) =>
    blocks
      .filter(({ language }) => language === "ts")
      .map(({ line, code }) => {
        const file = `${name.replace(/\W+/g, "-")}-line-${line}.mts`;
        writeFileSync(join(project.folder, file), code);
        return file;
      }),
  );
  return names.length === 0 ? "" : typeCheck(project, names, "nodenext");
}

/** What the block prints to stdout; throws when it ends with another code than 0. */
export function runBlock(project: Project, { language, line, code }: CodeBlock): string {
  if (language === "sh") return run(project, "bash", ["-euo", "pipefail", "-c", code]);
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
  const javaScript = language === "ts" ? ts.transpileModule(code, { compilerOptions }).outputText : code;
  writeFileSync(join(project.folder, `line-${line}.mjs`), javaScript);
  return run(project, process.execPath, [`line-${line}.mjs`]);
}

function run(project: Project, command: string, args: string[]): string {
  const PATH = join(project.folder, "node_modules/.bin") + delimiter + process.env.PATH;
  const result = spawnSync(command, args, {
    cwd: project.folder,
    env: { ...process.env, PATH, NO_COLOR: "1" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  if (result.status !== 0) {
    throw new Error(`exit code ${result.status ?? result.signal}\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}
