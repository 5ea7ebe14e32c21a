/** Compaction against a plain list of what was written: keys, tombstones, codecs, sequences, transactions, reopens, in any order. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { holdsAsync } from "../property.ts";
import { COMPACT, DAY, expectCompacted, leftoversIn, SETTINGS } from "./compacting.ts";
import { batchOf, committedOf, markerOf, openLog, readAll } from "./partition.ts";

type Step =
  | { do: "append"; keys: number[]; producer: number; gzip: boolean; size: number }
  | { do: "end"; producer: number; commits: boolean }
  | { do: "roll" | "wait" | "reopen" | "kill" }
  | { do: "compact"; mostKeys: number; segmentBytes: number };

const producers = [0, 1, 2];
/** −1: the record has no key. A tombstone is every fifth. */
const keys = fc.array(fc.integer({ min: -1, max: 12 }), { minLength: 1, maxLength: 5 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      keys,
      producer: fc.constantFrom(-1, ...producers),
      gzip: fc.boolean(),
      size: fc.nat(120),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      producer: fc.constantFrom(...producers),
      commits: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("roll" as const, "wait" as const, "reopen" as const, "kill" as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("compact" as const),
      mostKeys: fc.constantFrom(1, 3, 1000),
      segmentBytes: fc.constantFrom(200, 700, 5000),
    }),
  },
);

async function run(plan: readonly Step[]): Promise<void> {
  const files = new MemoryFiles();
  const clock = new TestClock();
  const sequences = [0, 0, 0];
  let config = { ...COMPACT, segmentBytes: 700 };
  let count = 0;
  let { log } = await openLog(files, { clock, config });
  for (const step of plan) {
    if (step.do === "append") {
      const records = step.keys.map((key) => ({
        key: key < 0 ? null : `key ${key}`,
        value: ++count % 5 === 0 ? null : `${count}`.padEnd(step.size),
        timestamp: clock.now() + (count % 7),
      }));
      const compression = step.gzip ? "gzip" : "none";
      const { producer } = step;
      const baseSequence = sequences[producer];
      if (producer >= 0) sequences[producer] += records.length;
      const from = { producerId: producer, producerEpoch: 0, baseSequence, isTransactional: true };
      log.append(batchOf(records, producer < 0 ? { compression } : { compression, ...from }));
    } else if (step.do === "end") {
      log.append(markerOf(step.commits ? "commit" : "abort", step.producer, 0, clock.now()));
    } else if (step.do === "roll") {
      log.roll();
    } else if (step.do === "wait") {
      clock.advance(DAY);
    } else if (step.do === "compact") {
      const { records } = readAll(log);
      const before = committedOf(log);
      config = { ...config, segmentBytes: step.segmentBytes };
      log.updateConfig({ ...log.config, ...config });
      await log.compact({ ...SETTINGS, mostKeys: step.mostKeys });
      expectCompacted(log, before, records);
      expect(leftoversIn(files)).toEqual([]);
    } else {
      const before = committedOf(log);
      const { cleanedOffset, endOffset } = log;
      if (step.do === "reopen") await log.close();
      else log.closeNow();
      const lastClose = step.do === "reopen" ? "clean" : "process";
      const opened = await openLog(files, { clock, config, lastClose, cleanedOffset, recoveryPoint: 0 });
      log = opened.log;
      expect(opened.events.filter(({ kind }) => kind === "corrupt")).toEqual([]);
      expect([committedOf(log), log.endOffset, readAll(log).damage]).toEqual([before, endOffset, []]);
    }
  }
  log.closeNow();
}

it("what stays is what must, and no more", { timeout: 60_000 }, async () => {
  await holdsAsync(fc.asyncProperty(fc.array(steps, { maxLength: 60, size: "max" }), run), 60);
});
