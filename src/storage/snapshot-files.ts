/** The `.snapshot` files of a partition: each holds the producer state as of the offset in its name. */
import { hasCode } from "../errors.ts";
import type { Files } from "./files.ts";
import type { LogState } from "./log-state.ts";
import { join, parseSegmentFile, segmentFile } from "./paths.ts";
import { ProducerState } from "./producer-state.ts";

/** The offsets that have a snapshot, ascending. */
export function listSnapshots(files: Files, folder: string): number[] {
  const offsets: number[] = [];
  for (const name of files.list(folder) ?? []) {
    const file = parseSegmentFile(name);
    if (file?.kind === "snapshot" && file.state === "live") offsets.push(file.baseOffset);
  }
  return offsets.sort((a, b) => a - b);
}

export function writeSnapshot(state: LogState, offset: number): void {
  const path = join(state.folder, segmentFile(offset, "snapshot"));
  const bytes = state.producers.toSnapshot();
  const file = state.files.open(path, "write");
  try {
    file.write(bytes, 0, bytes.length, 0);
    file.truncate(bytes.length);
  } finally {
    file.close();
  }
}

export function removeSnapshot(state: LogState, offset: number): void {
  state.files.remove(join(state.folder, segmentFile(offset, "snapshot")));
}

/** Snapshots that no segment begins at, older than the newest: an earlier close left them. */
export function removeStraySnapshots(state: LogState): void {
  const bases = new Set(state.segments.all.map((segment) => segment.baseOffset));
  for (const offset of listSnapshots(state.files, state.folder)) {
    if (offset !== state.endOffset && !bases.has(offset)) removeSnapshot(state, offset);
  }
}

/**
 * The newest good snapshot at or before `offset`, and where it stands; an empty state at the first segment when there is none. One
 * from before that is none: what came between is deleted, perhaps the end of a transaction that it has open.
 */
export function nearestSnapshot(state: LogState, offset: number): { producers: ProducerState; offset: number } {
  const { baseOffset: start } = state.segments.first;
  for (const at of listSnapshots(state.files, state.folder).reverse()) {
    if (at > offset) continue;
    if (at < start) break;
    const bytes = state.files.read(join(state.folder, segmentFile(at, "snapshot")));
    const producers = bytes && readSnapshot(bytes);
    if (producers) return { producers, offset: at };
  }
  return { producers: new ProducerState(), offset: start };
}

/** Undefined when it is damaged: the log itself has all that it says. */
function readSnapshot(bytes: Uint8Array): ProducerState | undefined {
  try {
    return ProducerState.fromSnapshot(bytes);
  } catch (error) {
    if (hasCode(error, "VARVE_CORRUPT", "VARVE_UNSUPPORTED_VERSION", "VARVE_UNSAFE_INTEGER")) return undefined;
    throw error;
  }
}
