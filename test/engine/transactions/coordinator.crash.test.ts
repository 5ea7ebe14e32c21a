/** A handful of the crashes of transactions; coordinator.crash.slow.test.ts does more of them. */
import { expect, test } from "vitest";
import { explore } from "../../simulation/explore.ts";
import { crashedTransactions } from "./crashed-transactions.ts";

test.each(["process", "power"] as const)("are all there or not at all, at %s", async (durability) => {
  const { checked, points } = await explore({ ...crashedTransactions(durability, 24), seed: 1, budget: 30 });
  expect(checked).toBe(30);
  expect(points).toBeGreaterThan(100);
});
