/**
 * Runs TypeScript in a process of its own, straight from the sources: Node 20 needs a loader for that, and the sources hold
 * nothing but types to strip.
 *
 *   const child = startChild(`import { open } from "${source("client/open.ts")}"; …; process.send(…)`);
 *   const said = await child.next();      // what it sent
 *   child.kill();                         // -9; resolves when it is gone
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const compiler = import.meta.resolve("typescript");
/** What one child has stripped the next one need not: most of a start is that. */
const stripped = mkdtempSync(join(tmpdir(), "varve-stripped-"));
process.once("exit", () => rmSync(stripped, { recursive: true, force: true }));

const hooks = `
  import { createHash } from "node:crypto";
  import { readFileSync, renameSync, writeFileSync } from "node:fs";
  import { join } from "node:path";
  import { fileURLToPath } from "node:url";
  const compilerOptions = { target: "es2022", module: "esnext", verbatimModuleSyntax: true };
  async function strip(text) {
    const { default: ts } = await import(${JSON.stringify(compiler)});
    return ts.transpileModule(text, { compilerOptions }).outputText;
  }
  export async function load(url, context, nextLoad) {
    if (!url.endsWith(".ts")) return nextLoad(url, context);
    const text = readFileSync(fileURLToPath(url), "utf8");
    const kept = join(${JSON.stringify(stripped)}, createHash("sha256").update(text).digest("hex"));
    let source;
    try {
      source = readFileSync(kept, "utf8");
    } catch {
      source = await strip(text);
      writeFileSync(kept + process.pid, source);
      renameSync(kept + process.pid, kept);
    }
    return { format: "module", shortCircuit: true, source };
  }
`;
const loader = `
  import { register } from "node:module";
  register(${JSON.stringify(dataUrl(hooks))});
`;

/** The address of a file in src/, to be imported by a child. */
export function source(path: string): string {
  return new URL(`../src/${path}`, import.meta.url).href;
}

export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** What it sends next. Rejects when it ends instead. */
  next<T = unknown>(): Promise<T>;
  /** Sends it the message. */
  send(message: object): void;
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
}

export function startChild(code: string, args: readonly string[] = []): Child {
  const folder = mkdtempSync(join(tmpdir(), "varve-child-"));
  const file = join(folder, "child.ts");
  writeFileSync(file, code);
  const child = fork(file, args, {
    execArgv: ["--import", dataUrl(loader)],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const said: unknown[] = [];
  const waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];
  const gone = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      rmSync(folder, { recursive: true, force: true });
      for (const { reject } of waiting) reject(new Error(`the child ended with ${signal ?? code}`));
      resolve();
    });
  });
  child.on("message", (message) => {
    const first = waiting.shift();
    if (first) first.resolve(message);
    else said.push(message);
  });
  return {
    process: child,
    pid: child.pid!,
    next<T>() {
      if (said.length > 0) return Promise.resolve(said.shift() as T);
      if (child.exitCode !== null || child.signalCode !== null) return Promise.reject(new Error("the child has ended"));
      return new Promise<T>((resolve, reject) =>
        waiting.push({ resolve: resolve as (value: unknown) => void, reject }),
      );
    },
    send: (message) => void child.send(message),
    kill() {
      child.kill("SIGKILL");
      return gone;
    },
  };
}

function dataUrl(code: string): string {
  return `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;
}
