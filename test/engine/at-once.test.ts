import { expect, test } from "vitest";
import { forEachAtOnce } from "../../src/engine/at-once.ts";

test("all are done, in order, so many at once and no more", async () => {
  const started: number[] = [];
  let running = 0;
  let most = 0;
  await forEachAtOnce(3, new Set([1, 2, 3, 4, 5, 6, 7]), async (item) => {
    started.push(item);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  });
  expect([started, most, running]).toEqual([[1, 2, 3, 4, 5, 6, 7], 3, 0]);
});

test("after a failure no more are begun", async () => {
  const started: number[] = [];
  const failing = forEachAtOnce(2, [1, 2, 3, 4, 5], async (item) => {
    started.push(item);
    await new Promise((resolve) => setImmediate(resolve));
    if (item === 1) throw new Error("one");
  });
  await expect(failing).rejects.toThrow("one");
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toEqual([1, 2]);
});
