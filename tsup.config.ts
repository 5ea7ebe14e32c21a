/**
 * What the package ships: ESM and CommonJS with types for both, and the command. Run it as `npm run build`, which empties
 * dist/ first.
 *
 * Within one format the entry points share their modules through chunks (`splitting`): a VarveError thrown by varve/testing
 * is an instance of the VarveError that varve exports. test/package/ holds that for both formats. `shims` gives
 * import.meta.url a meaning in CommonJS.
 */
import { defineConfig, type Options } from "tsup";

const library = { index: "src/index.ts", "testing/index": "src/testing/index.ts", "wire/index": "src/wire/index.ts" };
const shared: Options = { target: "node20", splitting: true, shims: true, sourcemap: true };

export default defineConfig([
  { ...shared, format: "esm", entry: { ...library, "cli/main": "src/cli/main.ts" }, dts: { entry: library } },
  { ...shared, format: "cjs", entry: library, dts: true },
]);
