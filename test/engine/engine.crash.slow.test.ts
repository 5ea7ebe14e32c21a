/** Many crashes of a whole data directory, of workloads that the seed draws. */
import { expect, test } from "vitest";
import { isFull, seed } from "../sampling.ts";
import { explore } from "../simulation/explore.ts";
import { crashedDirectory } from "./crashed-directory.ts";

const WORKLOADS = isFull ? 40 : 4;
const BUDGET = isFull ? 4000 : 1000;

test.each(Array.from({ length: WORKLOADS }, (_, index) => seed + index))("seed %i", async (seed) => {
  const { checked } = await explore({ ...crashedDirectory, seed, budget: BUDGET });
  expect(checked).toBeGreaterThan(0);
});
