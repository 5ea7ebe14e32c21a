/**
 * Recovery of a segment that the recovery point lies in, or ends: what is before that point was synced, and is not read again as a
 * whole. Its headers give the indexes; each must follow the one before it. In full are checked the last MiB, so that rot at the very
 * end of what was synced is found, and the batch that has the largest timestamp, by which a search passes the segment over. Where
 * anything is not as it should be, all of the segment is walked.
 */

import type { Batch } from "../format/batch.ts";
import { readBatchAt } from "./chunk.ts";
import { HeaderWalk } from "./header-walk.ts";
import { hasGaps, type LogState, structureIn } from "./log-state.ts";
import type { Pacer } from "./pacer.ts";
import { isDamage, scanBatches } from "./scan.ts";
import type { Segment } from "./segment.ts";
import type { Structure } from "./structure.ts";

const CHECKED_BYTES = 1024 * 1024;

/**
 * Notes the batches before `recoveryPoint` in the segment, which knows of none; `see` is shown each. Returns what the batch behind them,
 * at `segment.size`, must look like; undefined, and some batches may be noted, when all is to be walked.
 */
export async function noteSynced(
  state: LogState,
  segment: Segment,
  fileSize: number,
  recoveryPoint: number,
  pacer: Pacer,
  see: (batch: Batch) => void,
): Promise<Structure | undefined> {
  if (fileSize <= CHECKED_BYTES || recoveryPoint <= segment.baseOffset || hasGaps(state) || state.epochs.isEmpty)
    return undefined;
  const structure = structureIn(state, segment, segment.baseOffset);
  const walk = new HeaderWalk(segment.log, 0, fileSize);
  let before = { position: 0, structure: structure.copy() };
  let mark = before;
  let latest = 0;
  // Not past that point: behind it may be room.
  while (structure.nextOffset < recoveryPoint && !walk.isAtEnd) {
    const batch = walk.next();
    if (batch === undefined) return undefined;
    if (batch.lastOffset >= recoveryPoint) break;
    if (structure.problem(batch, undefined) !== undefined) return undefined;
    const { position, sizeInBytes, lastOffset, maxRecordTimestamp } = batch;
    if (position - mark.position >= CHECKED_BYTES) {
      before = mark;
      mark = { position, structure: structure.copy() };
    }
    structure.accept(batch);
    see(batch);
    if (maxRecordTimestamp > segment.maxTimestamp) latest = position;
    segment.note(position, sizeInBytes, lastOffset, maxRecordTimestamp, state.config.indexIntervalBytes);
    if (pacer.isDue) await pacer.rest();
  }
  const isGood = readBatchAt(segment.log, latest, fileSize) !== undefined;
  return isGood && isWhole(segment, before) ? structure : undefined;
}

function isWhole(segment: Segment, { position, structure }: { position: number; structure: Structure }): boolean {
  for (const scanned of scanBatches(segment.log, position, segment.size, structure))
    if (isDamage(scanned)) return false;
  return true;
}
