/** The walk over a log: it ends, whatever field of a batch is wrong. */
import { expect, it } from "vitest";
import { PARTITION_LEADER_EPOCH } from "../../src/format/batch.ts";
import { LeaderEpochs } from "../../src/storage/leader-epochs.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { type Damage, isDamage, scanBatches } from "../../src/storage/scan.ts";
import { Structure } from "../../src/storage/structure.ts";
import { batchesOf, golden } from "../format/golden.ts";

const bytes = golden("__transaction_state-0/00000000000000000000.log");
const places = batchesOf(bytes);

/** The damage found, and the offsets of the good batches. Twice as many steps as there are batches count as no end. */
function scan(log: Uint8Array, hasGaps: boolean): { damages: Damage[]; offsets: number[] } {
  const file = new MemoryFiles().open("/log", "write");
  file.write(log, 0, log.length, 0);
  const structure = new Structure(0, hasGaps, 1000, new LeaderEpochs([{ epoch: 0, startOffset: 0 }]));
  const damages: Damage[] = [];
  const offsets: number[] = [];
  for (const scanned of scanBatches(file, 0, log.length, structure)) {
    if (isDamage(scanned)) damages.push(scanned);
    else offsets.push(scanned.baseOffset);
    expect(damages.length).toBeLessThanOrEqual(places.length * 2);
  }
  return { damages, offsets };
}

it.each([false, true])("a batch whose epoch alone is wrong is stepped over; with gaps: %s", (hasGaps) => {
  for (const [index, { position }] of places.entries()) {
    const log = bytes.slice();
    log[position + PARTITION_LEADER_EPOCH + 1] ^= 1;
    const { damages, offsets } = scan(log, hasGaps);
    expect(damages.map((damage) => damage.position)).toEqual([position]);
    expect(offsets).toEqual(places.map(({ baseOffset }) => baseOffset).filter((_, other) => other !== index));
  }
});
