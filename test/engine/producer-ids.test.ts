/** Producer ids: never twice, also across a reopen, and few writes for many. */
import { expect, it } from "vitest";
import { PRODUCER_ID_BLOCK } from "../../src/engine/catalogue.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ProducerIds } from "../../src/engine/producer-ids.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";

const source = {
  reserve: async (): Promise<number> => 0,
  reserveNow: (): number | undefined => undefined,
};

it("come from one block as long as it lasts, also when many ask at once", async () => {
  let blocks = 0;
  const ids = new ProducerIds({ ...source, reserve: async (count) => count * blocks++ });
  const taken = await Promise.all(Array.from({ length: PRODUCER_ID_BLOCK + 1 }, () => ids.next()));
  expect(new Set(taken).size).toBe(PRODUCER_ID_BLOCK + 1);
  expect(blocks).toBe(2);
});

it("a block that could not be had is asked for again", async () => {
  let attempts = 0;
  const reserve = async () => {
    if (attempts++ === 0) throw new Error("no room");
    return 5000;
  };
  const ids = new ProducerIds({ ...source, reserve });
  await expect(ids.next()).rejects.toThrow("no room");
  expect(await ids.next()).toBe(5000);
});

it("are at hand at once in a new directory, and in an old one where nobody is at the catalogue", async () => {
  const files = new MemoryFiles();
  const first = await Engine.open("/data", { files });
  expect(first.producerIds.nextNow()).toBe(0);
  await first.close();
  const second = await Engine.open("/data", { files });
  const creating = second.createTopic("t");
  expect(second.producerIds.nextNow()).toBeUndefined();
  await creating;
  const id = second.producerIds.nextNow();
  expect(id).toBe(PRODUCER_ID_BLOCK);
  await second.close();
  const third = await Engine.open("/data", { files });
  expect([...third.topics.keys()]).toEqual(["t"]);
  expect(third.producerIds.nextNow()).toBe(2 * PRODUCER_ID_BLOCK);
  await third.close();
});

it("a new block is asked for when the last id of one is given, and those who cannot wait get none meanwhile", async () => {
  let blocks = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reserve = async (count: number) => {
    if (blocks++ > 0) await held;
    return count * blocks;
  };
  const ids = new ProducerIds({ ...source, reserve });
  for (let i = 0; i < PRODUCER_ID_BLOCK; i++) await ids.next();
  expect(blocks).toBe(2);
  expect(ids.nextNow()).toBeUndefined();
  release();
  expect(await ids.next()).toBe(2 * PRODUCER_ID_BLOCK);
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
