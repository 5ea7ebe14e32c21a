/**
 * Makes a checkout ready to run: installs the packages and builds dist/, each only when that is due. Runs before `npm start`,
 * `npm test` and `npm run check`, so that a fresh clone needs no command of its own; it imports nothing but Node.
 *
 * Both questions are answered by content, not by date, because a clone, a checkout and a cache restored by CI all write files
 * in an order of their own:
 *   packages are missing   when a version in package-lock.json is not the one that npm noted in node_modules/.package-lock.json
 *   dist/ is stale         when dist/.built-from, the digest of everything that a build reads, is missing or another one
 *
 *   node .ci/prepare.mjs           what is missing or stale
 *   node .ci/prepare.mjs --build   the build in any case
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const sources = readdirSync("src", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const digest = createHash("sha256");
  for (const path of ["package.json", "package-lock.json", "tsconfig.json", "tsup.config.ts", ...sources]) {
    digest.update(`${path}\n`).update(readFileSync(path));
  }
  return digest.digest("hex");
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

/** One line of talk; what the command prints is shown only when it fails, and then its exit code is ours. */
function step(talk, command, args) {
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
    return;
  }
  process.stderr.write(` failed\n${stdout ?? ""}${stderr ?? ""}${error ? `${error.message}\n` : ""}`);
  process.exit(status ?? 1);
}
