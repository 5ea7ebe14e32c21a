/** Deletion under power cuts: whatever it has taken, what is left has no hole, and its end never moves back. */
import { expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import type { Files } from "../../src/storage/files.ts";
import type { TestClock } from "../../src/testing/clock.ts";
import { explore } from "../simulation/explore.ts";
import { append, FOLDER, identity } from "./engines.ts";

const open = (files: Files, clock: TestClock, who: number, bootId: string) =>
  Engine.open(FOLDER, { files, clock, identity: identity(who, { bootId }), chance: (count) => new Uint8Array(count) });

async function expectWhole(engine: Engine, end: number): Promise<number> {
  const partition = engine.topic("t").partition(0);
  await partition.ready();
  expect(engine.openReport.corrupt).toEqual([]);
  expect(partition.endOffset).toBeGreaterThanOrEqual(end);
  for (let offset = partition.startOffset; offset < partition.endOffset; offset++) {
    expect(partition.read(offset, 1, partition.endOffset)[0].baseOffset).toBe(offset);
  }
  return partition.startOffset;
}

it.each([
  ["too much", { retentionBytes: 150 }],
  ["too old, the active segment as well", { retentionMs: 1000 }],
])("retention of what is %s", async (_, retention) => {
  const { checked } = await explore<number>({
    seed: 1,
    budget: 1000,
    replay: {},
    workload: async ({ files, clock, ack }) => {
      const engine = await open(files, clock, 1, "boot-1");
      const topic = await engine.createTopic("t", { segmentBytes: 100, ...retention });
      const partition = topic.partition(0);
      for (let i = 0; i < 6; i++) {
        append(partition, `value ${i}`);
        if (i === 3) {
          await engine.flush();
          ack(partition.endOffset);
        }
      }
      clock.advance(2000);
      expect(await engine.retain()).toBeGreaterThan(2);
    },
    check: async ({ files, clock }, ends, kind) => {
      const engine = await open(files, clock, 2, kind === "machine" ? "boot-2" : "boot-1");
      if (ends.length === 0) return;
      await expectWhole(engine, ends[0]);
    },
  });
  expect(checked).toBeGreaterThan(400);
});

it.each(["deleteRecordsBefore", "truncate"] as const)("%s, and what is appended then", async (call) => {
  const { checked } = await explore<number>({
    seed: 1,
    budget: 1000,
    replay: {},
    workload: async ({ files, clock, ack }) => {
      const engine = await open(files, clock, 1, "boot-1");
      const partition = (await engine.createTopic("t", { segmentBytes: 100 })).partition(0);
      append(partition, "before");
      await partition[call](partition.endOffset);
      ack(partition.startOffset);
      for (let i = 0; i < 3; i++) append(partition, `value ${i}`);
    },
    check: async ({ files, clock }, starts, kind) => {
      const engine = await open(files, clock, 2, kind === "machine" ? "boot-2" : "boot-1");
      if (starts.length > 0) expect(await expectWhole(engine, starts[0])).toBe(starts[0]);
    },
  });
  expect(checked).toBeGreaterThan(400);
});
