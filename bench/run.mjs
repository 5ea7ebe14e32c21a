/**
 * `node bench/run.mjs measure | page | table`: bundles the harness as the package itself is bundled, and hands over. Plain JavaScript, because
 * nothing is built yet when it runs. varve itself is measured as it ships: dist/, which is built before.
 */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(dirname(here));
/** Files of micro/ that are no question. */
const support = ["contest.ts", "kafkajs.ts"];
const questions = ["questions", "micro"].flatMap((folder) =>
  readdirSync(join(here, folder))
    .filter((name) => !support.includes(name))
    .map((name) => `${folder}/${name.replace(".ts", "")}`),
);
const [command, ...args] = process.argv.slice(2);
const commands = {
  measure: [[...questions, "main", "host", "reopening"], async ({ main }) => main(questions, args), "main"],
  page: [["page"], ({ writePage }) => writePage(args), "page"],
  table: [["readme"], ({ writeTable }) => writeTable(), "readme"],
};
const [files, run, first] = commands[command];

await build({
  config: false,
  silent: true,
  entry: Object.fromEntries(files.map((path) => [path, join(here, `${path}.ts`)])),
  outDir: join(here, "dist", command),
  clean: true,
  format: "esm",
  target: "node20",
  splitting: true,
  sourcemap: true,
  skipNodeModulesBundle: true,
});
process.exitCode = (await run(await import(`./dist/${command}/${first}.js`))) ?? 0;
