/** The loader: where it looks, what it takes, and what it says when it cannot. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { open } from "../src/index.ts";
import { candidates, loadNative, prebuiltNames, unpacked } from "../src/native.ts";
import { chooseEngine } from "../src/storage/engine-choice.ts";

const { native } = loadNative();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-native-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the module", () => {
  it("is looked for beside the file, and in the folders above it", () => {
    const from = join(folder, "app", "out", "bundle.js");
    const [name] = prebuiltNames();
    const paths = candidates(from);
    for (const place of ["app/out", "app", "."]) {
      expect(paths).toContain(join(folder, place, "prebuilds", name, "varve.node"));
    }
    expect(candidates()).toContain(resolve(import.meta.dirname, "..", "prebuilds", name, "varve.node"));
  });

  it("is named after the system, on Linux also after its C library", () => {
    expect(prebuiltNames("darwin", "arm64")).toEqual(["darwin-arm64"]);
    expect(prebuiltNames("win32", "x64")).toEqual(["win32-x64"]);
    expect(prebuiltNames("linux", "x64")).toEqual(["linux-x64-gnu", "linux-x64-musl"]);
  });

  it("lies beside an Electron archive, not in it", () => {
    expect(unpacked("/opt/App/resources/app.asar/node_modules/varve/prebuilds/x/varve.node")).toBe(
      "/opt/App/resources/app.asar.unpacked/node_modules/varve/prebuilds/x/varve.node",
    );
    expect(unpacked("C:\\App\\app.asar\\varve.node")).toBe("C:\\App\\app.asar.unpacked\\varve.node");
    for (const path of ["/a/app.asar.unpacked/b", "/a/app.asar", "/my.asars/b"]) expect(unpacked(path)).toBe(path);
    const from = join(folder, "app.asar", "index.js");
    expect(candidates(from)[0]).toContain(join("app.asar.unpacked", "prebuilds"));
  });

  it.each([
    ["a path where nothing is", () => join(folder, "nothing.node"), /cannot be loaded/],
    ["a file that is no library", () => notALibrary(), /cannot be loaded/],
    ["an object without the functions", () => ({}), /is no module of varve/],
    ["one built from other sources", () => ({ abi: () => 999 }), /another version \(999 instead of \d+\)/],
  ])("%s is refused with the reason", async (_, make, message) => {
    const nativeBinding = make();
    const expected = { code: "VARVE_ENGINE_UNAVAILABLE", message: expect.stringMatching(message) };
    expect(loadNative(nativeBinding)).toMatchObject({ native: undefined, error: expected });
    await expect(open(":memory:", { engine: "native", nativeBinding })).rejects.toMatchObject(expected);
    const log = await open(":memory:", { engine: "auto", nativeBinding });
    expect(log.engine).toBe("ts");
    expect(log.engineError).toMatchObject(expected);
    await log.close();
  });

  it("is missed aloud, but once", async () => {
    const warnings: string[] = [];
    const logger = { warn: (message: string) => void warnings.push(message) };
    for (let i = 0; i < 2; i++) {
      const log = await open(":memory:", { engine: "auto", nativeBinding: join(folder, "none.node"), logger });
      await log.close();
    }
    expect(warnings).toEqual([expect.stringMatching(/TypeScript alone.*none\.node/)]);
  });

  it.runIf(native)("is taken from its path, and as it is", async () => {
    const path = candidates().find((candidate) => loadNative(candidate).native)!;
    for (const nativeBinding of [path, native!]) {
      const log = await open(":memory:", { engine: "native", nativeBinding });
      expect(log.engine).toBe("native");
      expect(log.engineError).toBeUndefined();
      await log.close();
    }
  });

  it.runIf(process.env.VARVE_ENGINE === "native")("is there when the environment insists on it", () => {
    expect(native).toBeDefined();
  });
});

describe("the choice", () => {
  it("is the caller's, else the environment's", () => {
    expect(chooseEngine("ts", undefined, "native")).toEqual({ native: undefined, error: undefined });
    expect(chooseEngine(undefined, undefined, "ts")).toEqual({ native: undefined, error: undefined });
    expect(chooseEngine("auto", undefined, "ts").native).toBe(native);
    expect(chooseEngine(undefined, undefined, "").native).toBe(native);
    const missing = join(folder, "missing.node");
    expect(() => chooseEngine(undefined, missing, "native")).toThrow(/missing\.node/);
    expect(chooseEngine("auto", missing, "native").error).toMatchObject({ code: "VARVE_ENGINE_UNAVAILABLE" });
  });

  it("of the environment must be one of the three", () => {
    expect(() => chooseEngine(undefined, undefined, "rust")).toThrow(
      expect.objectContaining({ code: "VARVE_INVALID_OPTION", option: "VARVE_ENGINE" }),
    );
  });
});

function notALibrary(): string {
  const path = join(folder, "text.node");
  writeFileSync(path, "no library");
  return path;
}
