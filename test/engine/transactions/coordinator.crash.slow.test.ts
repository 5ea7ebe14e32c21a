/** Many crashes of transactions, of workloads that the seed draws. */
import { expect, test } from "vitest";
import { isFull, seed } from "../../sampling.ts";
import { explore } from "../../simulation/explore.ts";
import { crashedTransactions } from "./crashed-transactions.ts";

const WORKLOADS = isFull ? 20 : 3;
const BUDGET = isFull ? 4000 : 400;

const runs = Array.from({ length: WORKLOADS }, (_, index) => seed + index).flatMap((seed) => [
  { seed, durability: "process" as const },
  { seed, durability: "power" as const },
]);

test.each(runs)("seed $seed at $durability", async ({ seed, durability }) => {
  const { checked } = await explore({ ...crashedTransactions(durability, 40), seed, budget: BUDGET });
  expect(checked).toBeGreaterThan(0);
});
