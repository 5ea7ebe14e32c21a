import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: { index: "src/index.ts", "testing/index": "src/testing/index.ts" },
    format: ["esm", "cjs"],
    target: "node20",
    dts: true,
    clean: true,
    sourcemap: true,
  },
  { entry: { "cli/main": "src/cli/main.ts" }, format: ["esm"], target: "node20", sourcemap: true },
]);
