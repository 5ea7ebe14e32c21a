/** Where things lie. `npm run bench` works from the project's folder, and so do the processes that it starts. */
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const root = process.cwd();
export const benchFolder = join(root, "bench");
/** Where stores are made while they are measured. */
export const stage = process.env.VARVE_BENCH_DIR ?? tmpdir();
/** What is fetched once and is no npm package. */
export const cache = process.env.VARVE_BENCH_CACHE ?? join(homedir(), ".cache", "varve-bench");

/** What import() takes, for a file of the bundle. */
export function bundled(path: string): string {
  return pathToFileURL(join(benchFolder, "dist/measure", path)).href;
}
