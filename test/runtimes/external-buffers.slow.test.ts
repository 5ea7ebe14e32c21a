/**
 * The native module where external buffers are forbidden, as in Electron: it never asks for one. Electron itself is not needed for
 * that: a preloaded library refuses them in a plain Node, and counts.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackage, type Project } from "../package/installed.ts";
import { runOn, runtimes } from "./runtimes.ts";

const NO_EXTERNAL_BUFFERS_ALLOWED = 22;
const [node] = runtimes;

let project: Project;
beforeAll(() => {
  project = installPackage();
  copyFileSync(join(import.meta.dirname, "workload.mjs"), join(project.folder, "workload.mjs"));
  for (const name of ["no-external-buffers", "external-buffer"]) {
    const source = join(import.meta.dirname, `${name}.c`);
    execFileSync("cc", [
      "-O1",
      "-Wall",
      "-Werror",
      "-shared",
      "-fPIC",
      "-o",
      join(project.folder, `${name}.so`),
      source,
      "-ldl",
    ]);
  }
});
afterAll(() => project && rmSync(project.folder, { recursive: true, force: true }));

/** Runs it where they are forbidden. Returns what it printed and what the library has counted. */
function runForbidden(args: readonly string[]): { printed: string; lookUps: number; refusals: number } {
  const log = join(mkdtempSync(join(project.folder, "log-")), "log");
  const env = { LD_PRELOAD: join(project.folder, "no-external-buffers.so"), EXTERNAL_BUFFERS_LOG: log };
  const printed = runOn(node, project, args, env);
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  const count = (what: string) => lines.filter((line) => line.startsWith(what)).length;
  return { printed, lookUps: count("looked up"), refusals: count("refused") };
}

describe.runIf(process.platform === "linux")("with external buffers forbidden", () => {
  it("a module that asks for one is refused, and counted", () => {
    const script = `
      const loaded = { exports: {} };
      process.dlopen(loaded, process.argv[2]);
      console.log(loaded.exports.status);
    `;
    writeFileSync(join(project.folder, "load.cjs"), script);
    const asking = join(project.folder, "external-buffer.so");
    expect(Number(runOn(node, project, ["load.cjs", asking]))).toBe(0);
    const { printed, refusals } = runForbidden(["load.cjs", asking]);
    expect(Number(printed)).toBe(NO_EXTERNAL_BUFFERS_ALLOWED);
    expect(refusals).toBe(1);
  });

  it("the workload runs natively, and nothing was refused", () => {
    const folder = mkdtempSync(join(project.folder, "data-"));
    const { printed, lookUps, refusals } = runForbidden(["workload.mjs", folder, "native"]);
    expect(JSON.parse(printed)).toMatchObject({ engine: "native" });
    // It was the library that the module has asked for its functions.
    expect(lookUps).toBeGreaterThan(20);
    expect(refusals).toBe(0);
  });
});
