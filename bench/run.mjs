/**
 * `npm run bench`: bundles the questions as the package itself is bundled, so that what is timed is what ships, and hands
 * over to main.ts. Plain JavaScript, because nothing is built yet when it runs.
 */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";

const here = dirname(fileURLToPath(import.meta.url));
const questions = readdirSync(here).filter((name) => name.endsWith(".bench.ts"));

await build({
  config: false,
  silent: true,
  entry: [...questions, "main.ts", "measure.ts"].map((name) => `${here}/${name}`),
  outDir: `${here}/dist`,
  clean: true,
  format: "esm",
  target: "node20",
  splitting: true,
  sourcemap: true,
  skipNodeModulesBundle: true,
});
const { main } = await import("./dist/main.js");
process.exitCode = await main(
  questions.map((name) => name.replace(".bench.ts", "")),
  process.argv.slice(2),
);
