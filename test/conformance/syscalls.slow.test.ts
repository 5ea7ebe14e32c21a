/**
 * A process that dies at its n-th system call, for every n of: first creation, open, append, roll, commit, deletion of records
 * and of topics, truncation, close, open again. What it had been promised until then is there, twice: for a reader that looks
 * on, and for the next owner. .ci/run takes a sample of the n, .ci/full all.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isFull, randomFor, seed } from "../sampling.ts";
import { makeFolder, run } from "./running.ts";
import { CALLS, type Call, countCalls, injecting } from "./strace.ts";
import { verify } from "./verifying.ts";

const SAMPLE = 12;
/** Everything takes long enough to be done two at a time. */
const TOGETHER = 2;

const folder = makeFolder();
let numbers: Map<Call, number[]>;
beforeAll(async () => {
  numbers = await countCalls("scenario");
  const counts = [...numbers].map(([call, all]) => `${call} ${all.length}`);
  console.log(`seed ${seed}: ${counts.join(", ")}${isFull ? "" : `; ${SAMPLE} of each`}`);
});
afterAll(folder.remove);

/** In TypeScript no room is made. */
const calls = CALLS.filter((call) => call !== "fallocate" || process.env.VARVE_ENGINE !== "ts");

it.each(calls)("killed at any %s, a process loses nothing that it was promised", async (call) => {
  const all = numbers.get(call)!;
  expect(all.length).toBeGreaterThan(0);
  const wanted = isFull ? all : sample(call, all);
  let killed = 0;
  const next = async () => {
    for (let n = wanted.pop(); n !== undefined; n = wanted.pop()) {
      const wasKilled = await killAt(call, n);
      killed += Number(wasKilled);
    }
  };
  const { length } = wanted;
  await Promise.all(Array.from({ length: TOGETHER }, next));
  // The order of two threads may differ by a call or two from one run to the next.
  expect(killed).toBeGreaterThan(length * 0.8);
});

/** Whether it was killed. */
async function killAt(call: Call, n: number): Promise<boolean> {
  const data = join(folder.path, `${call}-${n}`);
  const scenario = run("scenario", data, { under: injecting(`${call}:signal=KILL:when=${n}`) });
  const { code, stderr } = await scenario.ended;
  const said = scenario.said();
  const isDone = said.some(({ type }) => type === "closed");
  try {
    if (code === 0 ? !isDone : stderr !== "") throw new Error(`it ended with ${code}: ${stderr}`);
    await verify(data, said, { readOnly: true });
    const { ends } = await verify(data, said);
    // And once more, now that all is closed.
    expect((await verify(data, said)).ends).toEqual(ends);
  } catch (error) {
    throw new Error(`killed at ${call} ${n}: ${(error as Error).message}`, { cause: error });
  }
  rmSync(data, { recursive: true, force: true });
  return code !== 0;
}

function sample(call: Call, all: readonly number[]): number[] {
  const random = randomFor(call);
  const left = [...all];
  return Array.from({ length: Math.min(SAMPLE, all.length) }, () => {
    const [chosen] = left.splice(Math.floor(random() * left.length), 1);
    return chosen;
  });
}
