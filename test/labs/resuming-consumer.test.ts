/** A lab: a producer and a consumer of one topic in files at the same time; after a restart the consumer goes on at its offset. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { open } from "../../src/index.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-lab-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Produces `from` to `to`, while a consumer of the group reads until it has as many. Returns what that one has read. */
async function run(from: number, to: number): Promise<{ values: number[]; offsets: number[] }> {
  const log = await open(folder);
  const topic = await log.createTopic<number>("ticks", { ifNotExists: true });
  const values: number[] = [];
  const offsets: number[] = [];
  const consume = async () => {
    for await (const { value, offset } of log.consumer<number>({ topics: [topic], group: "reader" })) {
      values.push(value!);
      offsets.push(offset);
      if (values.length < to - from) continue;
      await producing;
      await log.close();
    }
  };
  const produce = async () => {
    for (let number = from; number < to; number++) {
      await topic.send({ value: number });
      // Half of them are read before the rest is sent.
      if (number === from + (to - from) / 2) await expect.poll(() => values.length).toBe(number - from + 1);
    }
  };
  const producing = produce();
  await Promise.all([producing, consume()]);
  return { values, offsets };
}

it("reads while it is written, and goes on where it stopped", async () => {
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  expect(await run(0, 100)).toEqual({ values: range(0, 100), offsets: range(0, 100) });
  // The record in hand when the log was closed was not processed, and comes again.
  const { values, offsets } = await run(100, 199);
  expect(values).toEqual(range(99, 198));
  expect(offsets).toEqual(range(99, 198));
});
