/**
 * Makes a checkout ready to run: installs the packages, builds dist/ and the native module, each only when that is due. Runs before `npm start`,
 * `npm test` and `npm run check`, so that a fresh clone needs no command of its own; it imports nothing but Node.
 *
 * These questions are answered by content, not by date, because a clone, a checkout and a cache restored by CI all write files
 * in an order of their own:
 *   packages are missing   when a version in package-lock.json is not the one that npm noted in node_modules/.package-lock.json
 *   dist/ is stale         when dist/.built-from, the digest of everything that a build reads, is missing or another one
 *   the module is stale    the same with prebuilds/<system>/.built-from. Where there is no cargo, or it fails, varve goes on
 *                          without the module: one line says so
 *
 *   node .ci/prepare.mjs           what is missing or stale
 *   node .ci/prepare.mjs --build   the build in any case
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const stamp = "dist/.built-from";

requireNode(20, 19);
if (!isInstalled()) {
  step("installing packages (npm ci)", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}
if (process.argv.includes("--build") || !isBuilt()) {
  rmSync("dist", { recursive: true, force: true });
  step("building dist/", process.execPath, ["node_modules/tsup/dist/cli-default.js", "--silent"]);
  writeFileSync(stamp, digestOfInputs());
}
if (existsSync("native")) buildNative();

/** By cargo alone, for this system. CARGO_TARGET_DIR is cargo's own: checkouts may share one. */
function buildNative() {
  const folder = `prebuilds/${nativeSystem()}`;
  const module = `${folder}/varve.node`;
  const built = `${folder}/.built-from`;
  const digest = digestOf(["native/Cargo.toml", "native/Cargo.lock", "native/build.rs", ...filesIn("native/src")]);
  const isBuilt = existsSync(module) && existsSync(built) && readFileSync(built, "utf8") === digest;
  if (isBuilt && !process.argv.includes("--build")) return;
  const { status: hasCargo } = spawnSync("cargo", ["--version"], { stdio: "ignore" });
  if (hasCargo !== 0) {
    console.error("no cargo here: going on without the native module, in TypeScript");
    return;
  }
  const target = process.env.CARGO_TARGET_DIR ?? "native/target";
  const args = [
    "build",
    "--release",
    "--locked",
    "--quiet",
    "--manifest-path",
    "native/Cargo.toml",
    "--target-dir",
    target,
  ];
  if (!tryStep("building the native module (cargo build)", "cargo", args, ": going on without it, in TypeScript"))
    return;
  const [prefix, suffix] = { win32: ["", "dll"], darwin: ["lib", "dylib"] }[process.platform] ?? ["lib", "so"];
  mkdirSync(folder, { recursive: true });
  // A process that has the old one loaded keeps it: the new one takes its name, not its bytes.
  copyFileSync(join(target, "release", `${prefix}varve_native.${suffix}`), `${module}.tmp`);
  renameSync(`${module}.tmp`, module);
  writeFileSync(built, digest);
}

/** As src/native.ts looks for it. */
function nativeSystem() {
  const name = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") return name;
  process.report.excludeNetwork = true;
  return `${name}-${process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl"}`;
}

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  console.error(`varve needs Node ${major}.${minor} or later; this is ${process.version} (${process.execPath})`);
  process.exit(1);
}

function isInstalled() {
  const installed = readJson("node_modules/.package-lock.json")?.packages;
  if (!installed) return false;
  // npm leaves out optional packages for other systems, and only those; the entry "" is the project itself.
  return Object.entries(readJson("package-lock.json").packages).every(
    ([path, { version, optional }]) => path === "" || optional || installed[path]?.version === version,
  );
}

function isBuilt() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === digestOfInputs();
}

function digestOfInputs() {
  return digestOf(["package.json", "package-lock.json", "tsconfig.json", "tsup.config.ts", ...filesIn("src")]);
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function digestOf(paths) {
  const digest = createHash("sha256");
  for (const path of paths) digest.update(`${path}\n`).update(readFileSync(path));
  return digest.digest("hex");
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

/** A step that all the rest needs. */
function step(talk, command, args) {
  const status = runStep(talk, command, args, "");
  if (status !== 0) process.exit(status);
}

/** A step that can be gone on without. Whether it succeeded. */
function tryStep(talk, command, args, consequence) {
  return runStep(talk, command, args, consequence) === 0;
}

/** One line of talk; what the command prints is shown only when it fails. Returns its exit code. */
function runStep(talk, command, args, consequence) {
  const started = Date.now();
  process.stderr.write(`${talk} …`);
  // npm is a .cmd on Windows, which only a shell can start.
  const shell = command === "npm" && process.platform === "win32";
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    shell,
  });
  if (status === 0) {
    process.stderr.write(` ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
    return 0;
  }
  process.stderr.write(` failed${consequence}\n${stdout ?? ""}${stderr ?? ""}${error ? `${error.message}\n` : ""}`);
  return status ?? 1;
}
