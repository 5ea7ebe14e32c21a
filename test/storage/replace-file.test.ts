/** A file that is replaced, on every disk that a crash may leave: the old bytes or the new ones, which are there once it was said so. */
import { expect, it } from "vitest";
import type { Files } from "../../src/storage/files.ts";
import { placeFile, replaceFile, replaceFileNow } from "../../src/storage/replace-file.ts";
import { explore } from "../simulation/explore.ts";

const PATH = "/folder/file";
const contents = Array.from({ length: 4 }, (_, index) => Buffer.alloc(600 + index * 300, index + 1));

it.each<[string, (files: Files, bytes: Uint8Array) => Promise<void> | void]>([
  ["replaceFile", (files, bytes) => replaceFile(files, PATH, bytes)],
  ["replaceFileNow", (files, bytes) => replaceFileNow(files, PATH, bytes)],
  [
    "placeFile, and a sync of the folder",
    async (files, bytes) => {
      await placeFile(files, PATH, bytes);
      await files.syncFolder("/folder");
    },
  ],
])("%s", async (_, replace) => {
  const { checked } = await explore<number>({
    seed: 1,
    budget: 1000,
    replay: {},
    workload: async ({ files, ack }) => {
      files.makeFolder("/folder");
      files.syncFolderNow("/");
      for (const [index, bytes] of contents.entries()) {
        await replace(files, bytes);
        ack(index);
      }
    },
    check: ({ files }, acks) => {
      const found = files.read(PATH);
      const index = found === undefined ? -1 : contents.findIndex((bytes) => bytes.equals(found));
      // Nothing at all is what there was before the first.
      expect(found === undefined || index >= 0).toBe(true);
      expect(index).toBeGreaterThanOrEqual(acks.at(-1) ?? -1);
    },
  });
  expect(checked).toBeGreaterThan(100);
});
