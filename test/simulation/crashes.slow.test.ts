/**
 * The crash explorer at length: drawn workloads over the whole engine, each crashed everywhere, and every disk that may be
 * left opened and checked; some of them are crashed again in their recovery. As many workloads at a time as there are processors.
 *
 *   VARVE_SEED=123 npm run test:conformance -- test/simulation                     another run
 *   VARVE_SEED=456 VARVE_POINT="57 drop:3" npm run test:conformance -- …           one disk, as a failure names it
 */
import { availableParallelism } from "node:os";
import { afterAll, expect, it } from "vitest";
import { type Child, startChild } from "../child.ts";
import { isFull, seed } from "../sampling.ts";
import { crashEverywhere } from "./crashes.ts";
import { replayFromEnvironment } from "./explore.ts";
import { Random } from "./random.ts";

const STATES = isFull ? 1_000_000 : 50_000;
const RUN = { steps: 40, budget: 500, againOneIn: 50 };

const { point, variant } = replayFromEnvironment(process.env);

const children: Child[] = [];
afterAll(() => Promise.all(children.map((child) => child.kill())));

it.runIf(point === undefined)(`${STATES} disks that a crash may leave, none of which breaks a promise`, async () => {
  const started = Date.now();
  const random = new Random(seed);
  const total = { workloads: 0, points: 0, images: 0, states: 0, ofRecoveries: 0 };
  const explore = async () => {
    const child = startChild(CHILD);
    children.push(child);
    while (total.states < STATES) {
      child.send({ ...RUN, seed: random.below(2 ** 31) });
      const { failure, points, images, checked, checkedAgain } = await child.next<Answer>();
      if (failure !== undefined) throw new Error(failure);
      total.workloads++;
      total.points += points;
      total.images += images;
      total.states += checked + checkedAgain;
      total.ofRecoveries += checkedAgain;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, explore));
  console.log(`seed ${seed}: ${JSON.stringify(total)} in ${Math.round((Date.now() - started) / 1000)} s`);
  expect(total.ofRecoveries).toBeGreaterThan(0);
});

it.runIf(point !== undefined)("one disk again", async () => {
  await crashEverywhere({ ...RUN, seed, replay: { point, variant } });
});

type Answer = Awaited<ReturnType<typeof crashEverywhere>> & { failure?: string };

const CHILD = `
  import { crashEverywhere } from ${JSON.stringify(new URL("./crashes.ts", import.meta.url).href)};
  process.on("message", (run) => {
    crashEverywhere(run).then(
      (explored) => process.send(explored),
      (error) => process.send({ failure: error.message }),
    );
  });
`;
