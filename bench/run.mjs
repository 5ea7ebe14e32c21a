/**
 * `npm run bench`: bundles the harness as the package itself is bundled, and hands over to main.ts. Plain JavaScript, because nothing
 * is built yet when it runs. varve itself is measured as it ships: dist/, which is built before.
 */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(dirname(here));
/** Files of micro/ that are no question. */
const support = ["contest.ts", "kafkajs.ts"];
const questions = ["questions", "micro"].flatMap((folder) =>
  readdirSync(`${here}/${folder}`)
    .filter((name) => !support.includes(name))
    .map((name) => `${folder}/${name.replace(".ts", "")}`),
);

await build({
  config: false,
  silent: true,
  entry: Object.fromEntries([...questions, "main", "host"].map((path) => [path, `${here}/${path}.ts`])),
  outDir: `${here}/dist`,
  clean: true,
  format: "esm",
  target: "node20",
  splitting: true,
  sourcemap: true,
  skipNodeModulesBundle: true,
});
const { main } = await import("./dist/main.js");
process.exitCode = await main(questions, process.argv.slice(2));
