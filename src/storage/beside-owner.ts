/**
 * What becomes of a reader beside the owner whose files go: by compaction, which puts another in their place, or by retention.
 *
 * As long as it has them open they stay what they are. One that was closed for want of descriptors is gone, or another: then the reader
 * takes the files that are there now. Offsets stay, so it goes on where it was, with what the owner has kept; what is deleted lies
 * before the start. The end stays the one that it has found.
 */
import type { Batch } from "../format/batch.ts";
import type { RecordCopies } from "../format/record-copies.ts";
import type { ChunkMemory } from "./chunk.ts";
import { LogReader } from "./log-reader.ts";
import type { LogState } from "./log-state.ts";
import { parseSegmentFile } from "./paths.ts";
import { Segment } from "./segment.ts";
import { hasErrno } from "./system-error.ts";

export class ReaderBeside extends LogReader {
  readonly #state: LogState;

  constructor(state: LogState) {
    super(state);
    this.#state = state;
  }

  override read(offset: number, maxBytes: number, limit: number, memory?: ChunkMemory): Batch[] {
    return this.#whereItIs(() => super.read(offset, maxBytes, limit, memory));
  }

  override find(offset: number): Batch | undefined {
    return this.#whereItIs(() => super.find(offset));
  }

  override copyRecord(offset: number, maxBytes: number): RecordCopies | undefined {
    return this.#whereItIs(() => super.copyRecord(offset, maxBytes));
  }

  override offsetForTimestamp(timestamp: number): { offset: number; timestamp: number } | undefined {
    return this.#whereItIs(() => super.offsetForTimestamp(timestamp));
  }

  override offsetOfMaxTimestamp(): { offset: number; timestamp: number } | undefined {
    return this.#whereItIs(() => super.offsetOfMaxTimestamp());
  }

  #whereItIs<T>(look: () => T): T {
    return whereItIs(this.#state, look, () => this.forget());
  }
}

/** Looks once more, in the files that there are, where one is gone. `found` is told before that. */
export function whereItIs<T>(state: LogState, look: () => T, found?: () => void): T {
  try {
    return look();
  } catch (error) {
    if (!isGone(error) || !findAgain(state)) throw error;
    found?.();
    return look();
  }
}

/** A file that had to be closed is not there any more, or not that one. */
function isGone(error: unknown): boolean {
  return hasErrno(error, "ENOENT", "ESTALE");
}

/** False where that cannot be, or while the owner is about to put a segment in its place: the error stands. */
function findAgain(state: LogState): boolean {
  const { segments } = state;
  const bases = state.readOnly ? liveBases(state) : [];
  const known = new Map(segments.all.map((segment) => [segment.baseOffset, segment]));
  const found: Segment[] = [];
  for (const base of bases) {
    if (base > state.endOffset) break;
    const before = known.get(base);
    found.push(before !== undefined && isThere(before) ? before : new Segment(state.files, state.folder, base, false));
  }
  const isFound =
    found.length > 0 && found.every((segment) => known.get(segment.baseOffset) === segment || open(state, segment));
  const over = isFound ? segments.all : found;
  const kept = isFound ? found : segments.all;
  for (const segment of over) if (!kept.includes(segment)) segment.close();
  if (isFound) take(state, found);
  return isFound;
}

function take(state: LogState, found: readonly Segment[]): void {
  const { segments } = state;
  for (const segment of [...segments.all]) segments.remove(segment);
  for (const [index, segment] of found.entries()) {
    segments.add(segment);
    segment.endOffset = found[index + 1]?.baseOffset ?? state.endOffset;
  }
  state.startOffset = Math.max(state.startOffset, segments.first.baseOffset);
}

function isThere(segment: Segment): boolean {
  try {
    segment.log.size();
    return true;
  } catch (error) {
    if (!isGone(error)) throw error;
    return false;
  }
}

/** False when it has gone since its name was read. Of one that begins at the end nothing was found, whatever room it has by now. */
function open({ endOffset }: LogState, segment: Segment): boolean {
  if (!isThere(segment)) return false;
  segment.size = segment.baseOffset < endOffset ? segment.log.size() : 0;
  return true;
}

/** None in the middle of a swap. */
function liveBases({ files, folder }: LogState): number[] {
  const bases: number[] = [];
  for (const name of files.list(folder) ?? []) {
    const file = parseSegmentFile(name);
    if (file?.kind !== "log") continue;
    if (file.state === "swap") return [];
    if (file.state === "live") bases.push(file.baseOffset);
  }
  return bases.sort((a, b) => a - b);
}
