/** Copies of Kafka's golden directory in memory, to be damaged and verified at no cost. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Problem } from "../../src/cli/problem.ts";
import { type Tally, Verification } from "../../src/cli/verification.ts";
import { verifyDirectory } from "../../src/cli/verify-directory.ts";
import { systemIdentity } from "../../src/engine/identity.ts";
import type { Files } from "../../src/storage/files.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";

export const GOLDEN = fileURLToPath(new URL("../fixtures/golden", import.meta.url));
/** Where a copy lies. */
export const DATA = "/data";

export const goldenPartitions = readdirSync(GOLDEN).filter((name) => /-\d+$/.test(name));

/** The small files of the directory and these partition folders, all of them when none is named. */
export function copyGolden(...partitions: string[]): MemoryFiles {
  const files = new MemoryFiles();
  files.makeFolder(DATA);
  for (const entry of readdirSync(GOLDEN, { withFileTypes: true })) {
    if (entry.isFile() && !/\.(json|md)$/.test(entry.name)) put(files, entry.name);
  }
  for (const partition of partitions.length === 0 ? goldenPartitions : partitions) {
    files.makeFolder(`${DATA}/${partition}`);
    for (const name of readdirSync(join(GOLDEN, partition))) {
      if (!name.endsWith(".txt")) put(files, `${partition}/${name}`);
    }
  }
  return files;
}

function put(files: MemoryFiles, path: string): void {
  const bytes = readFileSync(join(GOLDEN, path));
  const file = files.open(`${DATA}/${path}`, "create");
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}

export async function verifyIn(files: Files, folder = DATA): Promise<{ problems: Problem[]; tally: Tally }> {
  const problems: Problem[] = [];
  const verification = new Verification(files, folder, folder, {
    problem: (problem) => problems.push(problem),
    pause: async () => true,
  });
  await verifyDirectory(verification, folder, systemIdentity);
  return { problems, tally: verification.tally };
}

/** Flips a bit, or flips it back. */
export function flip(files: Files, path: string, bit: number): void {
  const file = files.open(path, "write");
  const byte = new Uint8Array(1);
  file.read(byte, 0, 1, bit >>> 3);
  byte[0] ^= 1 << (bit & 7);
  file.write(byte, 0, 1, bit >>> 3);
  file.close();
}

/**
 * The flips that nothing in the files contradicts: a base offset that moves inside the gap that compaction left around its
 * batch.
 */
export function isUndetectable(path: string, bit: number): boolean {
  return path.endsWith("g-compact-0/00000000000000000140.log") && bit >>> 3 === 7 && [1, 3].includes(bit & 7);
}
