import { expect, test } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { append, errorOf, openEngine, reopenEngine } from "./engines.ts";

const VALUE = "x".repeat(1000);

test("appends that would pass maxBytes are refused; deleted records give their room back", async () => {
  const files = new MemoryFiles();
  const maxBytes = 20_000;
  const engine = await openEngine({ files, maxBytes });
  const topic = await engine.createTopic("orders", { segmentBytes: 3000 });
  const partition = topic.partition(0);
  let appended = 0;
  const error = await errorOf(() => {
    for (;;) {
      append(partition, VALUE);
      appended++;
    }
  });
  expect(error).toMatchObject({ code: "VARVE_NO_SPACE", retriable: true });
  expect(error.message).toContain(`maxBytes, ${maxBytes}`);
  expect(appended).toBeGreaterThan(15);
  expect(engine.stats().usedBytes).toBeLessThanOrEqual(maxBytes);
  expect(files.usedBytes).toBeLessThanOrEqual(maxBytes);

  await partition.deleteRecordsBefore(10);
  expect(append(partition, VALUE)).toBe(appended);
  await engine.deleteTopic("orders");
  expect(engine.stats()).toMatchObject({ sizeInBytes: 0, topicCount: 0 });
  await engine.close();
});

test("what was there before the open counts, and is counted without opening it", async () => {
  const files = new MemoryFiles();
  const first = await openEngine({ files });
  for (const name of ["a", "b"]) append((await first.createTopic(name)).partition(0), VALUE);
  await first.close();
  const engine = await reopenEngine({ files, maxBytes: 4000 });
  const partition = engine.topic("a").partition(0);
  expect([partition.isReady, engine.stats().usedBytes > 2000]).toEqual([false, true]);
  await partition.ready();
  append(partition, "a little");
  expect(await errorOf(() => append(partition, VALUE))).toMatchObject({ code: "VARVE_NO_SPACE" });
  await engine.close();
});
