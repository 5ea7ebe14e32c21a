/** The checker of `.txnindex` files: what may be told otherwise, and what may not. */
import { describe, expect, it } from "vitest";
import { type AbortedTransaction, ENTRY_BYTES, writeEntry } from "../../src/format/transaction-index.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { join } from "../../src/storage/paths.ts";
import { COMPACT, SETTINGS } from "../storage/compacting.ts";
import { batchOf, committedOf, FOLDER, markerOf, openLog } from "../storage/partition.ts";
import { wrongAbortedEntry } from "./aborted-entries.ts";
import { partitionBytes } from "./folders.ts";

const INDEX = join(FOLDER, "00000000000000000000.txnindex");

const inTransaction = (key: string, producerId: number, baseSequence = 0) =>
  batchOf([{ key, value: "x" }], { producerId, producerEpoch: 0, baseSequence, isTransactional: true });

function bytesOf(files: MemoryFiles): Map<string, string> {
  return partitionBytes(files, "/");
}

it("of a transaction that compaction has emptied an entry may stay, and may go when the segment is walked", async () => {
  const files = new MemoryFiles();
  const { log } = await openLog(files, { config: COMPACT });
  log.append(batchOf([{ key: "a", value: "1" }]));
  log.append(inTransaction("a", 7));
  // Under another epoch, as a timeout has it: then no batch of the producer stays for its sequence.
  log.append(markerOf("abort", 7, 1));
  log.roll();
  await log.compact(SETTINGS);
  const committed = committedOf(log);
  expect(log.read(0, 1000, log.endOffset).map(({ baseOffset }) => baseOffset)).toEqual([0, 2]);
  await log.close();
  const kept = bytesOf(files);
  expect(kept.get(INDEX)).toHaveLength(ENTRY_BYTES);
  expect(wrongAbortedEntry(kept)).toBeUndefined();

  const { log: again } = await openLog(files, { config: COMPACT, lastClose: "process" });
  expect(committedOf(again)).toEqual(committed);
  again.closeNow();
  const walked = bytesOf(files);
  expect(walked.has(INDEX)).toBe(false);
  expect(wrongAbortedEntry(walked)).toBeUndefined();
});

describe("where batches of two aborted transactions are left", () => {
  // At 0 what 7 has committed, at 2 and 3 what it aborts, at 4 what 8 aborts; then the markers.
  const first = { producerId: 7, firstOffset: 2, lastOffset: 5, lastStableOffset: 4 };
  const second = { producerId: 8, firstOffset: 4, lastOffset: 6, lastStableOffset: 7 };

  async function wrongWith(entries: readonly AbortedTransaction[]): Promise<string | undefined> {
    const files = new MemoryFiles();
    const { log } = await openLog(files);
    log.append(inTransaction("a", 7));
    log.append(markerOf("commit", 7));
    for (let i = 1; i < 3; i++) log.append(inTransaction("a", 7, i));
    log.append(inTransaction("a", 8));
    for (const producerId of [7, 8]) log.append(markerOf("abort", producerId));
    await log.close();
    const bytes = new Uint8Array(entries.length * ENTRY_BYTES);
    for (const [index, entry] of entries.entries()) writeEntry(bytes, index, entry);
    const written = bytesOf(files);
    expect(written.get(INDEX)).toHaveLength(2 * ENTRY_BYTES);
    return wrongAbortedEntry(new Map(written).set(INDEX, Buffer.from(bytes).toString("latin1")));
  }

  it.each([
    ["of just these", [first, second]],
    ["of which one begins earlier, with what may have been there", [first, { ...second, firstOffset: 2 }]],
    ["of which one has an earlier last stable offset", [{ ...first, lastStableOffset: 2 }, second]],
  ])("entries %s are right", async (_, entries) => {
    expect(await wrongWith(entries)).toBeUndefined();
  });

  it.each([
    ["that lack one", [second], "lacks producer 7, 2 to 5"],
    ["of another producer", [{ ...first, producerId: 8 }, second], '"producerId":8'],
    ["that begin behind the first batch", [{ ...first, firstOffset: 3 }, second], '"firstOffset":3'],
    ["that reach into what was committed", [{ ...first, firstOffset: 0 }, second], '"firstOffset":0'],
    ["that end a search too early", [{ ...first, lastStableOffset: 6 }, second], '"lastStableOffset":6'],
    ["of no marker", [first, second, { ...second, lastOffset: 9 }], "no abort marker is there"],
    [
      "of a commit",
      [{ ...first, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 }, first, second],
      "no abort marker is there",
    ],
    ["twice", [first, first, second], "two entries of one marker"],
  ])("entries %s are wrong", async (_, entries, reason) => {
    expect(await wrongWith(entries)).toContain(reason);
  });
});
