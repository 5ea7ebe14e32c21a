/** The ends of transactions: which of them a log takes, and what it knows of their producers then. */
import { expect, it } from "vitest";
import { Batch } from "../../src/format/batch.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { batchOf, markerOf, openLog } from "./partition.ts";

const ID = 7;
const written = (producerEpoch: number, baseSequence: number) =>
  batchOf(["v"], { producerId: ID, producerEpoch, baseSequence, isTransactional: true });

async function begun(producerEpoch: number) {
  const { log } = await openLog(new MemoryFiles());
  log.append(written(producerEpoch, 0));
  return log;
}

it("one of an epoch that is over is refused, and the transaction stays open", async () => {
  const log = await begun(3);
  for (const epoch of [0, 2])
    expect(() => log.appendMarker(markerOf("commit", ID, epoch))).toThrow(/is over: 3 is known/);
  expect([log.endOffset, log.lastStableOffset]).toEqual([1, 0]);
  await log.close();
});

it.each([3, 4])("one of the same epoch, or of a newer one, ends it: %i", async (epoch) => {
  const log = await begun(3);
  expect(log.appendMarker(markerOf("abort", ID, epoch))).toBe(1);
  expect([log.lastStableOffset, log.openTransactions]).toEqual([2, []]);
  const { bytes, start } = written(3, 1);
  const verdict = log.judgeSequence(new Batch(bytes, start));
  expect(verdict).toEqual(epoch === 3 ? { kind: "next" } : { kind: "fenced", epoch: 4 });
  await log.close();
});
