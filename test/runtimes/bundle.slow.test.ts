/**
 * An application that was bundled, and one in an Electron archive: the native module is found where it lies beside them, and
 * without it they run in TypeScript and say why.
 */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackage, manifest, type Project, root } from "../package/installed.ts";
import { runOn, runtimes } from "./runtimes.ts";

const [node] = runtimes;
const APP = `
  import { open } from "varve";
  (async () => {
    const log = await open(":memory:", { nativeBinding: process.argv[2] });
    const topic = await log.createTopic("t");
    await topic.send({ key: "k", value: { n: 1 } });
    const [record] = await topic.all();
    console.log(JSON.stringify({ engine: log.engine, error: log.engineError?.code ?? null, value: record.value }));
    await log.close();
  })();
`;
const native = { engine: "native", error: null, value: { n: 1 } };
const typeScript = { engine: "ts", error: "VARVE_ENGINE_UNAVAILABLE", value: { n: 1 } };

let project: Project;
const folders: string[] = [];
beforeAll(() => {
  project = installPackage();
  folders.push(project.folder);
  writeFileSync(join(project.folder, "app.mjs"), APP);
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-bundle-"));
  folders.push(folder);
  return folder;
}

const run = (folder: string, ...args: string[]) => JSON.parse(runOn(node, { folder, files: [] }, args));
const prebuilds = () => join(project.folder, "node_modules/varve/prebuilds");
const binding = () => {
  const file = project.files.find(({ path }) => path.endsWith("/varve.node"))!;
  return join(project.folder, "node_modules/varve", file.path);
};

describe.each<[string, BuildOptions & { outfile: string }]>([
  ["ESM", { format: "esm", outfile: "out/app.mjs", banner: { js: requireForModules() } }],
  ["CommonJS", { format: "cjs", outfile: "out/app.cjs" }],
])("a bundle as %s", (_, { outfile, ...options }) => {
  async function bundleIn(folder: string): Promise<string> {
    const entryPoints = [join(project.folder, "app.mjs")];
    const path = join(folder, outfile);
    const { warnings } = await build({
      ...options,
      entryPoints,
      outfile: path,
      bundle: true,
      platform: "node",
      target: "node20",
    });
    expect(warnings.filter(({ text }) => !text.includes("import.meta"))).toEqual([]);
    return path;
  }

  it("runs in TypeScript where there is no module, and says why", async () => {
    const folder = freshFolder();
    expect(run(folder, await bundleIn(folder))).toEqual(typeScript);
  });

  it("finds the module in prebuilds/ beside it or above it", async () => {
    for (const place of ["out", "."]) {
      const folder = freshFolder();
      const path = await bundleIn(folder);
      cpSync(prebuilds(), join(folder, place, "prebuilds"), { recursive: true });
      expect(run(folder, path), place).toEqual(native);
    }
  });

  it("takes the module that it is given", async () => {
    const folder = freshFolder();
    expect(run(folder, await bundleIn(folder), binding())).toEqual(native);
  });
});

describe("an Electron archive", () => {
  /** The app as it is packed: what cannot be loaded from an archive lies beside it. A folder of that name does for an archive. */
  function packApp(isUnpacked: boolean): string {
    const folder = freshFolder();
    const app = join(folder, "resources/app.asar");
    mkdirSync(app, { recursive: true });
    cpSync(join(project.folder, "node_modules/varve"), join(app, "node_modules/varve"), { recursive: true });
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(dirname(join(app, "node_modules", name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(app, "node_modules", name), "junction");
    }
    writeFileSync(join(app, "app.mjs"), APP);
    const inside = join(app, "node_modules/varve/prebuilds");
    const beside = inside.replace("app.asar", "app.asar.unpacked");
    mkdirSync(dirname(beside), { recursive: true });
    if (isUnpacked) renameSync(inside, beside);
    return app;
  }

  it("has the module beside it", () => {
    const app = packApp(true);
    expect(run(app, "app.mjs")).toEqual(native);
    const given = binding().replace(project.folder, app);
    expect(given).toContain("app.asar");
    expect(run(app, "app.mjs", given)).toEqual(native);
  });

  it("is not looked into: what lies there the system cannot open", () => {
    expect(run(packApp(false), "app.mjs")).toEqual(typeScript);
  });
});

/** A dependency that is CommonJS asks for Node's modules by `require`, which an ESM bundle must be given. */
function requireForModules(): string {
  return 'import { createRequire as requireFor } from "node:module"; const require = requireFor(import.meta.url);';
}
