/**
 * The package as npm packs it, with the one native module that this machine's Node has built, on every runtime that varve is for:
 * the same workload, natively and in TypeScript, and twenty workers that come and go.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prebuiltNames } from "../../src/native.ts";
import { installPackage, type Project } from "../package/installed.ts";
import { areHere, type Runtime, runOn, runtimes } from "./runtimes.ts";

const RECORDS = 5 * 2400;

let project: Project;
beforeAll(() => {
  project = installPackage();
  for (const name of ["workload.mjs", "workers.mjs"]) {
    copyFileSync(join(import.meta.dirname, name), join(project.folder, name));
  }
});
afterAll(() => project && rmSync(project.folder, { recursive: true, force: true }));

const isHere = ({ command }: Runtime) => existsSync(command[0]);
const freshFolder = () => mkdtempSync(join(project.folder, "data-"));

it("nothing is left out on a system that has binaries of them all", () => {
  if (areHere) expect(runtimes.filter((runtime) => !isHere(runtime))).toEqual([]);
  else console.warn("!!! NOT TESTED: test/runtimes/install has no runtimes for this system");
});

it("the tarball holds the module for this system", () => {
  const names = prebuiltNames().map((name) => `prebuilds/${name}/varve.node`);
  const held = project.files.map(({ path }) => path).filter((path) => names.includes(path));
  expect(held).toHaveLength(1);
});

describe.each(runtimes.filter(isHere))("$name", (runtime) => {
  it.each(["native", "ts"])("runs the workload, engine %s", (engine) => {
    const result = JSON.parse(runOn(runtime, project, ["workload.mjs", freshFolder(), engine]));
    const { left } = result;
    // Only a Node before 22.15 makes no zstd by itself.
    if (runtime.command[0] !== process.execPath) expect(left).toEqual([]);
    expect(result).toEqual({ engine, records: RECORDS - 2400 * left.length, left });
  });

  it("loads the module in twenty workers, one after the other and four at a time, and is left alone by their ends", () => {
    expect(runOn(runtime, project, ["workers.mjs", freshFolder()])).toBe("20 workers, 20 native\n");
  });
});
