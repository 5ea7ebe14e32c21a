/** The workload's ledger, held against what the engine says while it runs: it must leave open what a compaction may take. */
import { expect, it, vi } from "vitest";
import { Partition } from "../../src/engine/partition.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { type Fact, Ledger } from "./ledger.ts";
import { Random } from "./random.ts";
import { RecordingFiles } from "./recorder.ts";
import { runWorkload } from "./workload.ts";

interface Run {
  name: string;
  cleanedOffset: number;
  /** Records before it may be gone, by the facts that were noted until the compaction had ended. */
  expected: number;
}

const SEEDS = [1, 2, 3, 4, 5, 6];

/** Of what a workload may do it draws little but appends and compactions. */
class Busy extends Random {
  override below(bound: number): number {
    const drawn = super.below(bound);
    return bound === 100 && drawn < 90 ? 22 + (drawn % 14) : drawn;
  }
}

it("no compaction goes further than the ledger knows, however long it had to wait for its turn", async () => {
  const runs: Run[] = [];
  for (const seed of SEEDS) runs.push(...(await compactionsOf(seed)));
  expect(runs.filter(({ cleanedOffset }) => cleanedOffset > 0).length).toBeGreaterThan(10);
  expect(runs.filter(({ cleanedOffset, expected }) => cleanedOffset > expected)).toEqual([]);
});

async function compactionsOf(seed: number): Promise<Run[]> {
  const clock = new TestClock();
  const facts: Fact[] = [];
  const runs: Run[] = [];
  const { compact } = Partition.prototype;
  const spy = vi.spyOn(Partition.prototype, "compact").mockImplementation(async function (this: Partition, wish) {
    const compacted = await compact.call(this, wish);
    const { name } = this.topic;
    const expected = new Ledger(facts).named(name)?.partition(this.index).compacted ?? 0;
    runs.push({ name: `${name}/${this.index} of seed ${seed}`, cleanedOffset: compacted.cleanedOffset, expected });
    return compacted;
  });
  const world = {
    files: new RecordingFiles({ clock }),
    clock,
    random: new Busy(seed),
    ack: (fact: Fact) => facts.push(fact),
  };
  await runWorkload(world, { steps: 100, bootId: "boot", durability: "power" });
  spy.mockRestore();
  return runs;
}
