/**
 * A process that consumes, transforms and produces in transactions is killed, at a random moment or at its n-th write, again and again.
 * Each time its outputs hold exactly what stands before its committed offsets: nothing twice, nothing missing, nothing too early.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, expect, it } from "vitest";
import { open, type VarveLog } from "../../src/index.ts";
import { isFull, randomFor, seed } from "../sampling.ts";
import { makeFolder, run } from "./running.ts";
import { countCalls, injecting, NO_ROOM } from "./strace.ts";

const KILLS = isFull ? 200 : 15;
const RECORDS = isFull ? 20_000 : 1500;
/** It has so many commits behind it at the most, and then a moment more. */
const MOST_COMMITS = 20;
const LONGEST_MOMENT_MS = 20;
const SAMPLE = 12;
const FEW = { records: 6, seed: 3 };

const folder = makeFolder();
afterAll(folder.remove);

it.each(["process", "power"] as const)(
  `at "%s", killed ${KILLS} times, it copies each record once`,
  async (durability) => {
    const random = randomFor(durability);
    const data = join(folder.path, durability);
    const args = () => ({ records: RECORDS, seed: Math.floor(random() * 2 ** 31), durability });
    const seen = new Set<number>();
    for (let kill = 0; kill < KILLS; kill++) {
      const copier = run("copier", data, { args: args() });
      await copier.until("copied", 1 + Math.floor(random() * MOST_COMMITS));
      await setTimeout(random() * LONGEST_MOMENT_MS);
      copier.process.kill("SIGKILL");
      await copier.ended;
      seen.add(await check(data, kill));
    }
    console.log(`seed ${seed}: stopped at ${[...seen].join(", ")} of ${2 * RECORDS}`);
    expect(seen.size).toBe(KILLS);
    const { code, stderr } = await run("copier", data, { args: args() }).ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(await check(data, KILLS)).toBe(2 * RECORDS);
  },
);

it("killed at any write of its own, it copies each record once", async () => {
  const all = (await countCalls("copier", { ...FEW, durability: "process" }, [NO_ROOM])).get("pwrite64")!;
  expect(all.length).toBeGreaterThan(20);
  const random = randomFor("writes");
  const wanted = isFull ? all : Array.from({ length: SAMPLE }, () => all[Math.floor(random() * all.length)]);
  let killed = 0;
  for (const n of wanted) {
    const data = join(folder.path, `write-${n}`);
    const args = { ...FEW, durability: "process" };
    const under = injecting(NO_ROOM, `pwrite64:signal=KILL:when=${n}`);
    const first = await run("copier", data, { under, args }).ended;
    killed += Number(first.code !== 0);
    const again = await run("copier", data, { args }).ended;
    expect([again.code, again.stderr], `after a kill at write ${n}`).toEqual([0, ""]);
    expect(await check(data, n)).toBe(2 * FEW.records);
    rmSync(data, { recursive: true, force: true });
  }
  expect(killed).toBeGreaterThan(wanted.length / 2);
});

/** Throws unless both outputs hold the records before the committed offsets, each once. Returns how many these are. */
async function check(data: string, kill: number): Promise<number> {
  const log = await open(data);
  try {
    // The next one of that id ends what this one has left open.
    await (await log.producer({ transactionalId: "copier" }).begin()).abort();
    const committed = await log.group("copiers").lag();
    const expected = committed.flatMap(({ partition, committed: end = 0 }) => {
      return Array.from({ length: end }, (_, offset) => `${partition}/${offset}`);
    });
    for (const output of ["copy-a", "copy-b"]) {
      expect((await valuesIn(log, output)).sort(), `${output} after kill ${kill}, seed ${seed}`).toEqual(
        expected.sort(),
      );
    }
    return expected.length;
  } finally {
    await log.close();
  }
}

async function valuesIn(log: VarveLog, topic: string): Promise<string[]> {
  return (await log.topic<string>(topic).all()).map(({ value }) => value!);
}
