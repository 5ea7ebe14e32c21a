/** Every batch of a partition of the log's own, a piece at a time. What is damaged is told, and passed over. */
import { hasCode } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import type { Partition } from "./partition.ts";

const READ_BYTES = 1024 * 1024;

/** Up to the end as it is now. */
export async function* batchesOf(partition: Partition, lost: (reason: string) => void): AsyncGenerator<Batch> {
  let offset = partition.startOffset;
  const end = partition.endOffset;
  while (offset < end) {
    try {
      const batches = partition.read(offset, READ_BYTES, end);
      if (batches.length === 0) return;
      yield* batches;
      offset = batches[batches.length - 1].nextOffset;
    } catch (error) {
      if (!hasCode(error, "VARVE_CORRUPT") || !(Number(error.to) > offset)) throw error;
      lost(error.message);
      offset = Number(error.to);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
