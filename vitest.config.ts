/**
 * Two projects, told apart by the file's name alone:
 *   unit          *.test.ts        `npm test`: everything that ends within seconds
 *   conformance   *.slow.test.ts   `npm run test:conformance`: Kafka's tools, brokers, crash states by the ten thousand, kill -9
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const everyTest = "test/**/*.test.ts";
const slowTests = "test/**/*.slow.test.ts";
const minute = 60_000;
/** A file for the counts, which .ci/run sums. */
const report = process.env.VARVE_REPORT;

export default defineConfig({
  test: {
    pool: "forks",
    // vitest leaves one processor out, which of two is half the machine.
    maxWorkers: availableParallelism(),
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    projects: [
      {
        extends: true,
        test: { name: "unit", include: [everyTest], exclude: [slowTests], testTimeout: 2 * minute },
      },
      {
        extends: true,
        test: {
          name: "conformance",
          include: [slowTests],
          testTimeout: process.env.VARVE_FULL ? 60 * minute : 10 * minute,
          hookTimeout: 2 * minute,
        },
      },
    ],
  },
});
