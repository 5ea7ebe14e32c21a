/** A reader without the lock, beside the owner of a log that is compacted meanwhile: it goes on with what it has found. */
import { expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { COMPACT, SETTINGS } from "./compacting.ts";
import { batchOf, openLog, readAll } from "./partition.ts";

const config = { ...COMPACT, segmentBytes: 400 };

it.each([0, 1])("which was compacted %i times before it came", async (times) => {
  const files = new MemoryFiles();
  const { log: owner } = await openLog(files, { config });
  const fill = async () => {
    for (let i = 0; i < 40; i++) owner.append(batchOf([{ key: `k${i % 7}`, value: `${owner.endOffset}` }]));
    owner.roll();
    await owner.flush();
  };
  await fill();
  for (let i = 0; i < times; i++) {
    await owner.compact(SETTINGS);
    await fill();
  }
  const choices = { config, readOnly: true, lastClose: "process", recoveryPoint: owner.endOffset } as const;
  const expected = readAll(owner).records;
  const { log: reader, events } = await openLog(files, choices);

  await owner.compact(SETTINGS);
  expect(readAll(owner).records.length).toBeLessThan(expected.length);
  expect(readAll(reader).records).toEqual(expected);
  expect(events.filter(({ kind }) => kind === "corrupt")).toEqual([]);

  const { log: later } = await openLog(files, choices);
  expect(readAll(later).records).toEqual(readAll(owner).records);
  for (const log of [reader, later, owner]) await log.close();
});
