/** The package that npm would publish: what is in it, and that it loads, as ESM and as CommonJS, with its types. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackage, manifest, type Project, root, runScript, typeCheck } from "./installed.ts";

let project: Project;
beforeAll(() => {
  project = installPackage();
}, 60_000);
afterAll(() => project && rmSync(project.folder, { recursive: true }));

describe("the tarball", () => {
  it("holds what is built, the documents, and nothing else", () => {
    // prebuilds/ is there where cargo was.
    const places = new Set(project.files.map(({ path }) => path.split("/")[0]).filter((name) => name !== "prebuilds"));
    expect([...places].sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "dist", "docs", "package.json"]);
    const sources = project.files.filter(({ path }) =>
      /(\.test\.|(?<!\.d)\.c?ts$|(?<!^prebuilds\/[a-z0-9-]+\/varve)\.node$|\.rs$|binding\.gyp|\/\.)/.test(path),
    );
    expect(sources).toEqual([]);
  });

  it("runs nothing when it is installed", () => {
    const scripts = Object.keys(manifest.scripts);
    expect(scripts.filter((name) => /^(pre|post)?(install|prepare|publish|pack)/.test(name))).toEqual([]);
    expect(manifest).not.toHaveProperty("gypfile");
  });

  it("has a command that the system can start", () => {
    const main = project.files.find(({ path }) => `./${path}` === manifest.bin.varve)!;
    expect(main.mode & 0o111).toBe(0o111);
    const path = join(project.folder, "node_modules/varve", main.path);
    expect(readFileSync(path, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(execFileSync(process.execPath, [path, "--version"], { encoding: "utf8" }).trim()).toBe(manifest.version);
  });
});

/** One program in both forms: it prints what it finds to be so. */
const program = (load: (name: string) => string) => `
  (async () => {
    const varve = ${load("varve")};
    const testing = ${load("varve/testing")};
    const log = await testing.createTestLog();
    let error;
    try {
      await log.topic("nowhere");
    } catch (thrown) {
      error = thrown;
    }
    await log.close();
    const isSameClass = error instanceof varve.VarveError;
    const { version } = ${load("varve/package.json")};
    console.log(JSON.stringify({ open: typeof varve.open, version, code: error.code, isSameClass }));
  })();
`;
const facts = { open: "function", version: manifest.version, code: "VARVE_UNKNOWN_TOPIC", isSameClass: true };

describe("loaded", () => {
  it("as ESM, varve and varve/testing share their classes", () => {
    const require = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
    const load = (name: string) => (name.endsWith(".json") ? `require("${name}")` : `await import("${name}")`);
    expect(JSON.parse(runScript(project, "esm.mjs", require + program(load)))).toEqual(facts);
  });

  it("as CommonJS, varve and varve/testing share their classes", () => {
    expect(
      JSON.parse(
        runScript(
          project,
          "cjs.cjs",
          program((name) => `require("${name}")`),
        ),
      ),
    ).toEqual(facts);
  });

  it("both at once, without harm", () => {
    const text =
      'const cjs = require("varve"); import("varve").then((esm) => console.log(typeof cjs.open, typeof esm.open));';
    expect(runScript(project, "both.cjs", text)).toBe("function function\n");
  });
});

describe("the types", () => {
  const uses = `
    export async function run(): Promise<number> {
      const log = await open(":memory:");
      const orders = await log.createTopic<{ n: number }>("orders");
      const producer = log.producer();
      const { offset } = await producer.send(orders, { key: "a", value: { n: 1 } });
      for await (const record of log.consumer<{ n: number }>({ topics: [orders], until: "end" })) {
        const n: number = record.value!.n;
        // @ts-expect-error: it is a number
        const wrong: string = record.value!.n;
        void [n, wrong];
      }
      const testLog = await createTestLog();
      const error: VarveError = new VarveError("VARVE_CLOSED", "closed");
      await testLog.close();
      void error;
      return offset;
    }
  `;
  const imports = 'import { open, VarveError } from "varve"; import { createTestLog } from "varve/testing";';

  it.each([
    ["Node, from ESM and from CommonJS", ["user.mts", "user.cts"], "nodenext"],
    ["a bundler", ["user.ts"], "bundler"],
  ] as const)("are whole for %s", (_, names, resolution) => {
    for (const name of names) writeFileSync(join(project.folder, name), `${imports}${uses}`);
    expect(typeCheck(project, names, resolution)).toBe("");
  });
});

describe("the lockfile", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));

  it("names no registry", () => {
    expect(Object.values<{ resolved?: string }>(packages).filter(({ resolved }) => resolved)).toEqual([]);
  });

  it("has a version of every optional package of every system, or npm ci refuses it", () => {
    const paths = Object.entries<{ optionalDependencies?: Record<string, string> }>(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).map((name) => [
        `${path}/node_modules/${name}`,
        `node_modules/${name}`,
      ]),
    );
    expect(paths.filter(([nested, hoisted]) => !(packages[nested] ?? packages[hoisted])?.version)).toEqual([]);
    expect(paths.length).toBeGreaterThan(20);
  });
});
