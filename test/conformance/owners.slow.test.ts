/** One directory, several processes of the built package: one owner at a time, whatever becomes of it. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { randomFor, seed } from "../sampling.ts";
import type { Said } from "./programs/content.ts";
import { makeFolder, type Run, run } from "./running.ts";
import { verify } from "./verifying.ts";

let folder: ReturnType<typeof makeFolder>;
const running: Run[] = [];
beforeEach(() => {
  folder = makeFolder();
});
afterEach(async () => {
  for (const one of running.splice(0)) {
    one.process.kill("SIGKILL");
    await one.ended;
  }
  folder.remove();
});

function start(args: { seed: number }): Run {
  const writer = run("writer", folder.path, { args });
  running.push(writer);
  return writer;
}

const ROUNDS = 6;
const RACERS = 4;

it(`of ${RACERS} that race for it one wins, the others are told its pid; when it is killed the next race is as good`, async () => {
  const random = randomFor("owners");
  const said: Said[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const racers = Array.from({ length: RACERS }, () => start({ seed: Math.floor(random() * 2 ** 31) }));
    const losers: Promise<Run>[] = racers.map(async (racer) => {
      await racer.ended;
      return racer;
    });
    await Promise.any(racers.map((racer) => racer.until("opened")));
    const [owner, ...others] = racers.filter((racer) => racer.said().some(({ type }) => type === "opened"));
    expect(others, `round ${round}, seed ${seed}`).toEqual([]);
    for (const [at, racer] of racers.entries()) {
      if (racer === owner) continue;
      const { code, stderr } = await (await losers[at]).ended;
      expect(code).toBe(1);
      expect(stderr).toContain("VARVE_LOCKED");
      expect(stderr).toContain(`process ${owner.process.pid}`);
    }
    owner.process.kill("SIGKILL");
    await owner.ended;
    said.push(...owner.said());
    await verify(folder.path, said, { readOnly: true, isDisorderly: true });
  }
  await verify(folder.path, said, { isDisorderly: true });
});

it("an owner that sleeps is an owner still, and goes on when it wakes", async () => {
  const owner = start({ seed });
  await owner.until("committed");
  owner.process.kill("SIGSTOP");
  const second = start({ seed: seed + 1 });
  const { stderr } = await second.ended;
  expect(stderr).toContain("VARVE_LOCKED");

  const before = owner.said().length;
  owner.process.kill("SIGCONT");
  while (owner.said().length < before + 10) await new Promise((resolve) => setImmediate(resolve));
  owner.process.kill("SIGKILL");
  await owner.ended;
  await verify(folder.path, owner.said());
});
