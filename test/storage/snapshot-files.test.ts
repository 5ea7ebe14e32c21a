/** Snapshots speak of what is in the log: who cuts that takes them away first, so that none is left should the cut fail half-way. */
import { expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { listSnapshots } from "../../src/storage/snapshot-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { batchOf, FOLDER, openLog } from "./partition.ts";

it("no snapshot lies behind the end of a log that could not be cut", async () => {
  const files = new FaultyFiles(new MemoryFiles());
  const { log } = await openLog(files, { config: { segmentBytes: 100 } });
  for (let i = 0; i < 5; i++) log.append(batchOf(["value".repeat(10)]));
  expect(listSnapshots(files, FOLDER)).toEqual([1, 2, 3, 4]);
  // Of the last segment the log goes, of the one before it cannot.
  files.fail({ on: "remove", path: /3\.log$/, code: "VARVE_IO" });
  expect(() => log.truncateTo(1)).toThrow(expect.objectContaining({ code: "VARVE_IO" }));
  expect(log.endOffset).toBe(4);
  expect(listSnapshots(files, FOLDER)).toEqual([1]);
  log.closeNow();
});
