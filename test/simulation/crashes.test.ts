/** A sample of what crashes.slow.test.ts does at length: the whole engine, crashed everywhere, recovered and checked. */
import { expect, it } from "vitest";
import { crashEverywhere } from "./crashes.ts";

it.each([1, 2, 3, 4, 5, 6])("every disk that a crash leaves is recovered, seed %i", async (seed) => {
  const { points, images, checked } = await crashEverywhere({ seed, steps: 30, budget: 300 });
  expect(points).toBeGreaterThan(200);
  expect(images).toBeGreaterThan(checked);
  expect(checked).toBe(300);
});

it("a crash in the middle of a recovery is survived", async () => {
  const { checkedAgain } = await crashEverywhere({ seed: 11, steps: 30, budget: 16, againOneIn: 2 });
  expect(checkedAgain).toBeGreaterThan(200);
});

it("draws the same for the same seed", async () => {
  const run = { seed: 8, steps: 15, budget: 1 };
  expect(await crashEverywhere(run)).toEqual(await crashEverywhere(run));
});
