/** Whether a reader of committed records would find something from an offset on: neither markers nor what was aborted counts. */
import type { Partition } from "../engine/partition.ts";
import { hasCode } from "../errors.ts";
import { isAborted } from "./fetcher.ts";

const CHUNK_BYTES = 64 * 1024;

export function hasUnread(partition: Partition, offset: number): boolean {
  const bound = partition.bound("read_committed", false);
  let at = Math.max(offset, partition.startOffset);
  try {
    while (at < bound) {
      const batches = partition.read(at, CHUNK_BYTES, bound);
      if (batches.length === 0) return false;
      const end = batches[batches.length - 1].nextOffset;
      const aborted = partition.abortedTransactions(batches[0].baseOffset, end);
      if (batches.some((batch) => !batch.isControl && !(batch.isTransactional && isAborted(batch, aborted))))
        return true;
      at = end;
    }
    return false;
  } catch (error) {
    // Damage is for the reader to meet.
    if (hasCode(error, "VARVE_CORRUPT")) return true;
    throw error;
  }
}
