/**
 * The package as its user has it: packed by npm, unpacked into node_modules/varve of an empty project, its dependencies beside
 * it. Works offline: they are links to our own node_modules.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

export interface Project {
  folder: string;
  /** What the tarball holds. */
  files: { path: string; mode: number; size: number }[];
}

/** Makes the project; expects dist/ to be built, as `npm test` does. */
export function installPackage(): Project {
  const { tarball, files } = pack();
  const folder = mkdtempSync(join(tmpdir(), "varve-package-"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "varve"), { recursive: true });
  run("tar", ["-xzf", tarball, "--strip-components=1", "-C", join(modules, "varve")], folder);
  for (const name of [...Object.keys(manifest.dependencies), "@types/node"]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name), "junction");
  }
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  return { folder, files };
}

let packed: { tarball: string; files: Project["files"] } | undefined;

/** Once for a file of tests: npm takes its time. */
function pack(): NonNullable<typeof packed> {
  if (packed) return packed;
  const folder = mkdtempSync(join(tmpdir(), "varve-tarball-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const printed = run("npm", ["pack", "--json", "--loglevel=error", "--pack-destination", folder], root);
  const [{ filename, files }] = JSON.parse(printed);
  packed = { tarball: join(folder, filename), files };
  return packed;
}

/** Writes a file of the project and runs it with Node; returns what it printed. */
export function runScript(project: Project, name: string, text: string): string {
  writeFileSync(join(project.folder, name), text);
  return run(process.execPath, [name], project.folder);
}

/** Type-checks files of the project, and varve's own declarations with them; returns the complaints. */
export function typeCheck(project: Project, names: readonly string[], resolution: "nodenext" | "bundler"): string {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const modules = ["--module", resolution === "nodenext" ? "nodenext" : "esnext", "--moduleResolution", resolution];
  const options = [
    "--noEmit",
    "--strict",
    "--skipDefaultLibCheck",
    "--target",
    "es2022",
    "--types",
    "node",
    ...modules,
  ];
  try {
    return run(process.execPath, [compiler, ...options, ...names], project.folder);
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

function run(command: string, args: string[], cwd: string): string {
  const shell = process.platform === "win32" && command === "npm";
  return execFileSync(command, args, { cwd, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
