/**
 * Runs the programs of these tests: in a process of its own each, on the built package, told what to do by arguments, heard by
 * the lines that it writes to a file of its parent. What it said before it was killed stays said.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import type { Said } from "./programs/content.ts";

const built = new URL("../../dist/index.js", import.meta.url).href;
const sources = join(import.meta.dirname, "programs");

let compiled: string | undefined;

/** A folder for a test, and how to be rid of it. */
export function makeFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "varve-conformance-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface RunOptions {
  /** What stands before `node`: strace, a shell that sets a limit. */
  under?: string[];
  args?: Record<string, unknown>;
}

export interface Run {
  readonly process: ChildProcess;
  /** What it has said so far. */
  said(): Said[];
  /** Resolves when it has said that, so many times; rejects when it ends before. */
  until(type: Said["type"], times?: number): Promise<void>;
  /** When it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

const LOOK_MS = 5;

/** One thread of the pool, so that the syncs of a run come in one order. */
export function run(program: string, data: string, { under = [], args = {} }: RunOptions = {}): Run {
  const file = join(compile(), `${program}-${process.pid}-${Math.random().toString(36).slice(2)}.said`);
  const heard = openSync(file, "a");
  const [command, ...rest] = [...under, process.execPath, join(compile(), `${program}.js`)];
  const child = spawn(command, [...rest, JSON.stringify({ varve: built, data, ...args })], {
    stdio: ["pipe", "inherit", "pipe", heard],
    env: { ...process.env, UV_THREADPOOL_SIZE: "1", NODE_OPTIONS: "" },
  });
  closeSync(heard);
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let isOver = false;
  const ended = new Promise<Awaited<Run["ended"]>>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      isOver = true;
      resolve({ code, signal, stderr });
    });
  });
  const said = () => parse(readFileSync(file, "utf8"));
  const until = async (type: Said["type"], times = 1) => {
    while (said().filter((one) => one.type === type).length < times) {
      if (isOver) throw new Error(`${program} ended before it was ${type}: ${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  return { process: child, said, until, ended };
}

/** The last line may be cut short. */
function parse(lines: string): Said[] {
  const whole = lines.slice(0, lines.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** The programs as JavaScript, once for a process of the tests. */
function compile(): string {
  if (compiled) return compiled;
  const folder = mkdtempSync(join(tmpdir(), "varve-programs-"));
  compiled = folder;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const name of readdirSync(sources)) {
    const text = readFileSync(join(sources, name), "utf8");
    const { outputText } = ts.transpileModule(text, { compilerOptions, fileName: name });
    writeFileSync(join(folder, name.replace(/\.ts$/, ".js")), outputText);
  }
  return folder;
}
