/** The files in bench/results/, which are kept with the project. Their names begin with the date. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { benchFolder } from "./places.ts";

export function latestResults(): string {
  const folder = join(benchFolder, "results");
  const name = readdirSync(folder)
    .filter((one) => one.endsWith(".json"))
    .sort()
    .at(-1);
  if (name === undefined) throw new Error(`there is no file in ${folder}: npm run bench -- --json FILE writes one`);
  return join(folder, name);
}
