/** What the figures were measured on, and with which versions. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { benchFolder, root, stage } from "./places.ts";
import type { Machine } from "./results.ts";

export function describeMachine({
  rounds,
  isQuick,
  clock,
}: {
  rounds: number;
  isQuick: boolean;
  clock: Clock;
}): Machine {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    fileSystem: fileSystem(stage),
    loadAverage: [loadavg()[0], loadavg()[0]],
    rounds,
    quick: isQuick,
    clock,
  };
}

/** Of varve and of the peers that are here; those for Java are named by what installs them. */
export function versions(): Record<string, string> {
  const known: Record<string, string> = { node: process.versions.node, varve: varveVersion() };
  const { dependencies } = JSON.parse(readFileSync(join(benchFolder, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    const manifest = join(benchFolder, "node_modules", name, "package.json");
    if (existsSync(manifest)) known[name] = JSON.parse(readFileSync(manifest, "utf8")).version;
  }
  const java = javaVersion();
  if (java) Object.assign(known, { java, kafka: "4.1.1", "chronicle-queue": "5.27ea11" });
  return known;
}

function varveVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const commit = output("git", ["-C", root, "describe", "--always", "--dirty", "--exclude=*"]);
  return commit ? `${version} (${commit})` : version;
}

/** The kind of file system, where the system tells. */
function fileSystem(folder: string): string {
  return output("stat", ["-f", "-c", "%T", folder]) || "unknown";
}

function javaVersion(): string | undefined {
  return /version "([^"]+)"/.exec(output("java", ["-version"]))?.[1];
}

/** What a command says, on whichever stream; nothing if it fails. */
function output(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? `${stdout}${stderr}`.trim() : "";
}
