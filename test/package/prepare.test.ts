/** .ci/prepare.mjs installs and builds what is due and nothing else: tried on a project of a few files, with a false npm and tsup. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "./installed.ts";

const locked = {
  packages: { "": {}, "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0", optional: true } },
};
const installed = { packages: { "node_modules/a": { version: "1.0.0" } } };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-prepare-"));
  mkdirSync(join(folder, ".ci"));
  cpSync(join(root, ".ci/prepare.mjs"), join(folder, ".ci/prepare.mjs"));
  for (const name of ["package.json", "tsconfig.json", "tsup.config.ts", "src/index.ts", "src/format/varint.ts"])
    write(name, "");
  write("package-lock.json", JSON.stringify(locked));
  write("node_modules/.package-lock.json", JSON.stringify(installed));
  write(
    "node_modules/tsup/dist/cli-default.js",
    'const fs = require("node:fs"); fs.appendFileSync("steps", "build\\n"); fs.mkdirSync("dist");',
  );
  write("node_modules/tsup/package.json", "{}");
  script("npm", 'echo "$1" >> steps');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.skipIf(process.platform === "win32")("prepare", () => {
  it("builds a fresh clone, and then has nothing to do", () => {
    expect(prepare()).toEqual({ code: 0, steps: ["build"], lines: 1 });
    expect(prepare()).toEqual({ code: 0, steps: [], lines: 0 });
  });

  it.each([
    "src/format/varint.ts",
    "src/new.ts",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsup.config.ts",
  ])("builds again after a change of %s", (name) => {
    prepare();
    write(name, `${existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : ""} `);
    expect(prepare().steps).toEqual(["build"]);
  });

  it("builds again after a source went away, or dist did, and when told to", () => {
    prepare();
    rmSync(join(folder, "src/format/varint.ts"));
    expect(prepare().steps).toEqual(["build"]);
    rmSync(join(folder, "dist"), { recursive: true });
    expect(prepare().steps).toEqual(["build"]);
    expect(prepare("--build").steps).toEqual(["build"]);
  });

  it("does not go by dates", () => {
    prepare();
    utimesSync(join(folder, "src/index.ts"), new Date(), new Date(Date.now() + 86_400_000));
    utimesSync(join(folder, "package-lock.json"), new Date(), new Date(Date.now() + 86_400_000));
    expect(prepare().steps).toEqual([]);
  });

  it("installs when nothing is installed, or another version", () => {
    rmSync(join(folder, "node_modules/.package-lock.json"));
    expect(prepare().steps).toEqual(["ci", "build"]);
    write("node_modules/.package-lock.json", JSON.stringify({ packages: { "node_modules/a": { version: "1.0.1" } } }));
    expect(prepare().steps).toEqual(["ci"]);
  });

  describe("with a native module to build", () => {
    const module = () => readdirSync(join(folder, "prebuilds")).map((name) => join("prebuilds", name, "varve.node"))[0];

    beforeEach(() => {
      for (const name of ["native/Cargo.toml", "native/Cargo.lock", "native/build.rs", "native/src/lib.rs"])
        write(name, "");
      // A cargo that knows --version, and takes the library's name from nowhere: all three are written.
      script(
        "cargo",
        '[ "$1" = --version ] && exit; echo cargo >> steps; mkdir -p native/target/release; cd native/target/release; ' +
          "echo built | tee libvarve_native.so libvarve_native.dylib >/dev/null",
      );
      rmSync(join(folder, "prebuilds"), { recursive: true, force: true });
    });

    it("builds it, and again after a change of its sources only", () => {
      expect(prepare()).toEqual({ code: 0, steps: ["build", "cargo"], lines: 2 });
      expect(readFileSync(join(folder, module()), "utf8")).toBe("built\n");
      expect(prepare().steps).toEqual([]);
      write("native/src/lib.rs", "// more");
      expect(prepare().steps).toEqual(["cargo"]);
      rmSync(join(folder, module()));
      expect(prepare().steps).toEqual(["cargo"]);
    });

    it("goes on without it, in one line, where there is no cargo", () => {
      script("cargo", "exit 127");
      expect(prepare()).toEqual({ code: 0, steps: ["build"], lines: 2 });
      expect(prepare()).toEqual({ code: 0, steps: [], lines: 1 });
      expect(existsSync(join(folder, "prebuilds"))).toBe(false);
    });

    it("goes on without it, and says why, where cargo fails", () => {
      script("cargo", '[ "$1" = --version ] || { echo "error: no linker" >&2; exit 101; }');
      prepare();
      const { status, stderr } = spawnSync(process.execPath, [".ci/prepare.mjs"], {
        cwd: folder,
        encoding: "utf8",
        env: environment(),
      });
      expect(status).toBe(0);
      expect(stderr).toBe(
        "building the native module (cargo build) … failed: going on without it, in TypeScript\nerror: no linker\n",
      );
    });
  });

  it("says why a step failed, passes on its exit code, and leaves nothing that looks built", () => {
    write("node_modules/tsup/dist/cli-default.js", 'console.error("no such entry"); process.exit(3);');
    const { status, stderr } = spawnSync(process.execPath, [".ci/prepare.mjs"], { cwd: folder, encoding: "utf8" });
    expect(status).toBe(3);
    expect(stderr).toBe("building dist/ … failed\nno such entry\n");
    expect(existsSync(join(folder, "dist/.built-from"))).toBe(false);
  });
});

/** Runs it from another folder, without stdin; gives the steps that it took and how many lines it talked. */
function prepare(...args: string[]): { code: number | null; steps: string[]; lines: number } {
  rmSync(join(folder, "steps"), { force: true });
  const env = environment();
  const run = spawnSync(process.execPath, [join(folder, ".ci/prepare.mjs"), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
  });
  const steps = existsSync(join(folder, "steps")) ? readFileSync(join(folder, "steps"), "utf8").trim().split("\n") : [];
  expect(run.stdout).toBe("");
  return { code: run.status, steps, lines: run.stderr.split("\n").length - 1 };
}

/** A command that is found first. */
function script(name: string, text: string): void {
  write(`bin/${name}`, `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, "bin", name), 0o755);
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, CARGO_TARGET_DIR: undefined, PATH: join(folder, "bin") + delimiter + process.env.PATH };
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}
