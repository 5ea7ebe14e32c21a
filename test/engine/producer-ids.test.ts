/** Producer ids: never twice, also across a reopen, and few writes for many. */
import { expect, it } from "vitest";
import { PRODUCER_ID_BLOCK } from "../../src/engine/catalogue.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ProducerIds } from "../../src/engine/producer-ids.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";

it("come from one block as long as it lasts, also when many ask at once", async () => {
  let blocks = 0;
  const ids = new ProducerIds(async (count) => count * blocks++);
  const taken = await Promise.all(Array.from({ length: PRODUCER_ID_BLOCK + 1 }, () => ids.next()));
  expect(new Set(taken).size).toBe(PRODUCER_ID_BLOCK + 1);
  expect(blocks).toBe(2);
});

it("a block that could not be had is asked for again", async () => {
  let attempts = 0;
  const ids = new ProducerIds(async () => {
    if (attempts++ === 0) throw new Error("no room");
    return 5000;
  });
  await expect(ids.next()).rejects.toThrow("no room");
  expect(await ids.next()).toBe(5000);
});

it("are never given again by the next owner of the directory", async () => {
  const files = new MemoryFiles();
  const first = await Engine.open("/data", { files });
  const before = [await first.producerIds.next(), await first.producerIds.next()];
  await first.close();
  const second = await Engine.open("/data", { files });
  expect(await second.producerIds.next()).toBeGreaterThan(Math.max(...before));
  await second.close();
});
