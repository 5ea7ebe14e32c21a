/** What a partition does with batches of an idempotent producer: stores each once, also after the log was reopened. */
import { describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { BatchBuilder, type SealedBatch } from "../../src/format/batch-builder.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, openEngine, reopenEngine, valuesOf } from "./engines.ts";

function batch(baseSequence: number, values: readonly string[], producerEpoch = 0, producerId = 7): SealedBatch {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(null, value, undefined, 1);
  return builder.seal({ producerId, producerEpoch, baseSequence });
}

async function opened(files: MemoryFiles | FaultyFiles = new MemoryFiles()) {
  const engine = await openEngine({ files });
  await engine.createTopic("t");
  return { files, engine, ...(await partitionOf(engine)) };
}

async function partitionOf(engine: Engine) {
  const partition = engine.topic("t").partition(0);
  await partition.ready();
  return { partition };
}

describe("a batch that comes again", () => {
  it("is answered with the offset of the first, and stored once", async () => {
    const { engine, partition } = await opened();
    expect(partition.append(batch(0, ["a", "b"]))).toBe(0);
    expect(partition.append(batch(2, ["c"]))).toBe(2);
    expect(partition.append(batch(0, ["a", "b"]))).toBe(0);
    expect(partition.append(batch(2, ["c"]))).toBe(2);
    expect(valuesOf(partition)).toEqual(["a", "b", "c"]);
    expect(engine.stats()).toMatchObject({ appendedRecords: 3, appendedBatches: 2 });
    await engine.close();
  });

  it("is known after the log was closed, and after the process was killed", async () => {
    const { files, engine, partition } = await opened();
    partition.append(batch(0, ["a"]));
    await engine.close();
    const second = await openEngine({ files });
    const reopened = (await partitionOf(second)).partition;
    expect(reopened.append(batch(0, ["a"]))).toBe(0);
    expect(reopened.append(batch(1, ["b"]))).toBe(1);
    // Not closed: the next owner finds it as the death of the process leaves it.
    const third = await reopenEngine({ files });
    const recovered = (await partitionOf(third)).partition;
    expect(recovered.append(batch(1, ["b"]))).toBe(1);
    expect(recovered.append(batch(2, ["c"]))).toBe(2);
    expect(valuesOf(recovered)).toEqual(["a", "b", "c"]);
    await third.close();
  });
});

describe("a batch that is not the next", () => {
  it("is refused: a gap, an older epoch, a newer one that does not begin at 0", async () => {
    const { engine, partition } = await opened();
    partition.append(batch(0, ["a"]));
    const gap = expect.objectContaining({ code: "VARVE_OUT_OF_SEQUENCE", topic: "t", partition: 0 });
    expect(() => partition.append(batch(2, ["c"]))).toThrow(gap);
    expect(() => partition.append(batch(1, ["b"], 1))).toThrow(gap);
    expect(partition.append(batch(0, ["b"], 1))).toBe(1);
    expect(() => partition.append(batch(1, ["c"], 0))).toThrow(expect.objectContaining({ code: "VARVE_FENCED" }));
    expect(partition.append(batch(0, ["x"], 0, 8))).toBe(2);
    expect(valuesOf(partition)).toEqual(["a", "b", "x"]);
    await engine.close();
  });

  it("a batch that failed does not count", async () => {
    const files = new FaultyFiles(new MemoryFiles());
    const { engine, partition } = await opened(files);
    files.fail({ on: "write", path: /\.log$/, code: "VARVE_NO_SPACE" });
    expect(() => partition.append(batch(0, ["a"]))).toThrow(expect.objectContaining({ code: "VARVE_NO_SPACE" }));
    expect(partition.append(batch(0, ["b"]))).toBe(0);
    expect(valuesOf(partition)).toEqual(["b"]);
    await engine.close();
  });
});

it("what coordinators write is stored as it comes: two commits of one producer both count", async () => {
  const { files, engine } = await opened();
  engine
    .topic("t")
    .partition(0)
    .append(batchOf(["a", "b"]));
  const producer = await engine.transactions.initProducerId("id", 60_000);
  for (const offset of [1, 2]) {
    await engine.transactions.addOffsets("id", producer, "group");
    await engine.offsets.commitInTransaction("group", producer, [{ topic: "t", partition: 0, offset }]);
    await engine.transactions.end("id", producer, "commit");
  }
  await engine.close();
  const again = await openEngine({ files });
  await again.offsets.ready();
  expect(again.offsets.committed("group", "t", 0)).toMatchObject({ offset: 2 });
  await again.close();
});
