/**
 * One record out of a mapped segment, in one call: the index is searched here, and the rest happens in place (native/src/lookups.rs), by
 * the rules of batch-lookup.ts and with the whole batch checked. What no checksum covers and the file itself does not know, the
 * leader epoch and the end of the segment, is checked here, as there.
 *
 * No answer means nothing: batch-lookup.ts is next.
 */
import * as offsetIndex from "../format/offset-index.ts";
import {
  END,
  EXPECTED,
  FROM,
  FROM_LAST,
  NEXT,
  NEXT_LAST,
  NO_ROOM,
  OFFSET,
  type RecordCopies,
  roomFor,
} from "../format/record-copies.ts";
import type { File } from "./files.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** Most records have room in this, so most look-ups are one call. */
const ROOM_BYTES = 256;

/** The record is the last one of the copies. */
export function lookUpRecord({ epochs }: LogState, segment: Segment, offset: number): RecordCopies | undefined {
  const { log } = segment;
  if (log.findRecord === undefined) return undefined;
  let copies = roomFor(ROOM_BYTES, offset);
  let size = find(log, segment, offset, copies);
  if (size === NO_ROOM) {
    copies = roomFor(copies.recordSize, offset);
    size = find(log, segment, offset, copies);
  }
  const isGood =
    size > 0 && copies.batchLastOffset < segment.endOffset && copies.leaderEpoch === epochs.at(copies.batchBaseOffset);
  if (!isGood) return undefined;
  copies.accept(size, offset);
  return copies;
}

function find(log: File, segment: Segment, offset: number, copies: RecordCopies): number {
  const { bytes, count } = segment.offsetIndex;
  const { baseOffset, size } = segment;
  const before = offsetIndex.search(bytes, count, baseOffset, offset - 1);
  const hasBefore = before >= 0;
  const next = before + 1;
  const { slip } = copies;
  slip[END] = size;
  slip[OFFSET] = offset;
  slip[FROM] = hasBefore ? offsetIndex.positionAt(bytes, before) : 0;
  slip[FROM_LAST] = hasBefore ? offsetIndex.offsetAt(bytes, before, baseOffset) : -1;
  slip[EXPECTED] = hasBefore ? -1 : baseOffset;
  slip[NEXT] = next < count ? offsetIndex.positionAt(bytes, next) : size;
  slip[NEXT_LAST] = next < count ? offsetIndex.offsetAt(bytes, next, baseOffset) : -1;
  copies.offer();
  return log.findRecord!(copies);
}
