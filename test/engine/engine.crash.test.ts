/** A handful of the crashes of a whole data directory; engine.crash.slow.test.ts does more of them. */
import { expect, test } from "vitest";
import { explore } from "../simulation/explore.ts";
import { crashedDirectory } from "./crashed-directory.ts";

test.each([1, 2])("nothing acknowledged is missing, nothing half done is left (seed %i)", async (seed) => {
  const { checked, points } = await explore({ ...crashedDirectory, seed, budget: 400 });
  expect(checked).toBe(400);
  expect(points).toBeGreaterThan(200);
});
