/**
 * kill -9 for real: a process that writes with all its might, at both levels, with a group and with topics that come and go, is
 * killed at a random moment, again and again on the same directory; after each time everything that it was promised is there.
 */
import { setTimeout } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { isFull, randomFor, seed } from "../sampling.ts";
import type { Said } from "./programs/content.ts";
import { makeFolder, run } from "./running.ts";
import { verify } from "./verifying.ts";

const CYCLES = isFull ? 500 : 60;
/** After "opened", or, in one cycle of six, after the start of the process. */
const LONGEST_LIFE_MS = 400;
const LONGEST_START_MS = 250;

const folder = makeFolder();
afterAll(folder.remove);

it(`a writer that is killed ${CYCLES} times loses nothing that it was promised`, async () => {
  const random = randomFor("kill");
  const said: Said[] = [];
  const total = { acks: 0, commits: 0, recoveriesByTheWriter: 0, records: 0 };
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const writer = run("writer", folder.path, { args: { seed: Math.floor(random() * 2 ** 31) } });
    if (random() < 1 / 6) {
      await setTimeout(random() * LONGEST_START_MS);
    } else {
      await writer.until("opened");
      await setTimeout(random() * LONGEST_LIFE_MS);
    }
    writer.process.kill("SIGKILL");
    expect(await writer.ended, `the writer of cycle ${cycle}, seed ${seed}`).toMatchObject({ signal: "SIGKILL" });
    said.push(...writer.said());
    const readOnly = random() < 1 / 2;
    const { records } = await verify(folder.path, said, { readOnly, isDisorderly: true }).catch((error) => {
      throw new Error(`after kill ${cycle}, seed ${seed}: ${error.message}`, { cause: error });
    });
    total.records = records;
    if (readOnly) total.recoveriesByTheWriter++;
  }
  for (const { type } of said) {
    if (type === "acked") total.acks++;
    if (type === "committed") total.commits++;
  }
  console.log(`seed ${seed}: ${CYCLES} kills, ${JSON.stringify(total)}`);
  expect(total.acks).toBeGreaterThan(CYCLES);
  expect(total.commits).toBeGreaterThan(CYCLES);
});
