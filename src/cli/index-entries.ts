/**
 * The entries of an index file by themselves: what each says, and which do not fit between their neighbours. Whether they
 * are true, only the log can tell.
 */
import * as offsetIndex from "../format/offset-index.ts";
import * as timeIndex from "../format/time-index.ts";
import * as transactionIndex from "../format/transaction-index.ts";
import { printInt64 } from "./encoding.ts";

export type IndexFileKind = "index" | "timeindex" | "txnindex";

export interface EntryLayout {
  entryBytes: number;
  /** As dump prints it. */
  line(bytes: Uint8Array, index: number, baseOffset: number): object;
  /** What is wrong with an entry, whatever stands before it. */
  problem(bytes: Uint8Array, index: number, baseOffset: number): string | undefined;
  ascends(bytes: Uint8Array, before: number, index: number): boolean;
}

const offsetEntries: EntryLayout = {
  entryBytes: offsetIndex.ENTRY_BYTES,
  line: (bytes, index, baseOffset) => ({
    offset: offsetIndex.offsetAt(bytes, index, baseOffset),
    position: offsetIndex.positionAt(bytes, index),
  }),
  problem(bytes, index, baseOffset) {
    const offset = offsetIndex.offsetAt(bytes, index, baseOffset);
    const position = offsetIndex.positionAt(bytes, index);
    if (offset >= baseOffset && position >= 0 && (offset > baseOffset || position === 0)) return undefined;
    return `offset ${offset} at position ${position} cannot be in a segment that starts at ${baseOffset}`;
  },
  ascends: (bytes, before, index) =>
    offsetIndex.offsetAt(bytes, before, 0) < offsetIndex.offsetAt(bytes, index, 0) &&
    offsetIndex.positionAt(bytes, before) < offsetIndex.positionAt(bytes, index),
};

const timeEntries: EntryLayout = {
  entryBytes: timeIndex.ENTRY_BYTES,
  line: (bytes, index, baseOffset) => ({
    timestamp: printInt64(timeIndex.timestampAt(bytes, index), bytes, index * timeIndex.ENTRY_BYTES),
    offset: timeIndex.offsetAt(bytes, index, baseOffset),
  }),
  problem(bytes, index, baseOffset) {
    const timestamp = timeIndex.timestampAt(bytes, index);
    const offset = timeIndex.offsetAt(bytes, index, baseOffset);
    if (timestamp >= 0 && offset >= baseOffset) return undefined;
    return `timestamp ${timestamp} at offset ${offset} cannot be in a segment that starts at ${baseOffset}`;
  },
  ascends: (bytes, before, index) =>
    timeIndex.timestampAt(bytes, before) < timeIndex.timestampAt(bytes, index) &&
    timeIndex.offsetAt(bytes, before, 0) < timeIndex.offsetAt(bytes, index, 0),
};

const transactionEntries: EntryLayout = {
  entryBytes: transactionIndex.ENTRY_BYTES,
  line: (bytes, index) => transactionIndex.readEntry(bytes, index),
  problem(bytes, index, baseOffset) {
    const at = index * transactionIndex.ENTRY_BYTES;
    const entry = bytes.subarray(at, at + transactionIndex.ENTRY_BYTES);
    if (transactionIndex.validPrefix(entry, entry.length, baseOffset) === 1) return undefined;
    return `no aborted transaction can be ${JSON.stringify(transactionIndex.readEntry(bytes, index))}`;
  },
  ascends: (bytes, before, index) =>
    transactionIndex.lastOffsetAt(bytes, before) < transactionIndex.lastOffsetAt(bytes, index),
};

const LAYOUTS: Record<IndexFileKind, EntryLayout> = {
  index: offsetEntries,
  timeindex: timeEntries,
  txnindex: transactionEntries,
};

export interface IndexEntries {
  layout: EntryLayout;
  bytes: Uint8Array;
  baseOffset: number;
  /** Without the zeros at the end, which a broker that runs preallocates. */
  count: number;
}

export function readEntries(kind: IndexFileKind, bytes: Uint8Array, baseOffset: number): IndexEntries {
  const layout = LAYOUTS[kind];
  const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const count = Math.min(Math.ceil(used / layout.entryBytes), Math.floor(bytes.length / layout.entryBytes));
  return { layout, bytes, baseOffset, count };
}

/** For each entry in order: its index, and what is wrong with it. At last, what is wrong behind the entries. */
export function* judgeEntries(entries: IndexEntries): Generator<{ index: number; problem: string | undefined }> {
  const { layout, bytes, count } = entries;
  let good = -1;
  for (let index = 0; index < count; index++) {
    const problem = entryProblem(entries, good, index);
    if (problem === undefined) good = index;
    yield { index, problem };
  }
  const rest = bytes.subarray(count * layout.entryBytes);
  if (rest.length > 0 && rest.some((byte) => byte !== 0))
    yield { index: count, problem: `the ${rest.length} bytes behind the last entry are no entry` };
}

/** `good` is the entry before that is not to blame, or -1. Of two that disagree, the one is wrong that the next one disagrees with. */
function entryProblem(entries: IndexEntries, good: number, index: number): string | undefined {
  const { layout, bytes, baseOffset, count } = entries;
  const problem = layout.problem(bytes, index, baseOffset);
  if (problem !== undefined) return problem;
  const fits = (before: number, next: number) => before < 0 || layout.ascends(bytes, before, next);
  const next = index + 1;
  const isPeak =
    next < count && layout.problem(bytes, next, baseOffset) === undefined && !fits(index, next) && fits(good, next);
  if (fits(good, index) && !isPeak) return undefined;
  return `the entry ${JSON.stringify(layout.line(bytes, index, baseOffset))} is out of order`;
}

/** No batch of a segment lies further on: its index could not name it. */
export function furthestEnd(baseOffset: number): number {
  return baseOffset + offsetIndex.MAX_RELATIVE + 1;
}

/** The place of an entry in its file. */
export function positionOfEntry({ layout }: IndexEntries, index: number): number {
  return index * layout.entryBytes;
}
