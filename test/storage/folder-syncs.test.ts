import { expect, it } from "vitest";
import { FolderSyncs } from "../../src/storage/folder-syncs.ts";

/** Syncs that end when they are told to. */
function heldSyncs() {
  const begun: { path: string; end: (error?: Error) => void }[] = [];
  const syncs = new FolderSyncs(
    (path) =>
      new Promise((resolve, reject) => {
        begun.push({ path, end: (error) => (error ? reject(error) : resolve()) });
      }),
  );
  return { begun, syncs };
}

it("who asks while one runs is not served by it, but by the next one, all together", async () => {
  const { begun, syncs } = heldSyncs();
  const first = syncs.run("/a");
  const others = [syncs.run("/a"), syncs.run("/a"), syncs.run("/a")];
  const elsewhere = syncs.run("/b");
  expect(begun.map(({ path }) => path)).toEqual(["/a", "/b"]);
  begun[0].end();
  begun[1].end();
  await Promise.all([first, elsewhere]);
  await new Promise(setImmediate);
  expect(begun.map(({ path }) => path)).toEqual(["/a", "/b", "/a"]);
  begun[2].end();
  await Promise.all(others);
  const later = syncs.run("/a");
  expect(begun).toHaveLength(4);
  begun[3].end();
  await later;
});

it("a failure is told to those it concerns, and the next one is made all the same", async () => {
  const { begun, syncs } = heldSyncs();
  const first = syncs.run("/a");
  const second = syncs.run("/a");
  begun[0].end(new Error("no"));
  await expect(first).rejects.toThrow("no");
  await new Promise(setImmediate);
  begun[1].end();
  await second;
});
