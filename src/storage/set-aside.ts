/**
 * What recovery takes out of a log is not deleted: it is kept under another name (`.corrupt-TIMESTAMP`) for a human to look at.
 */
import type { LogState } from "./log-state.ts";
import { corruptPiece, join, segmentFile } from "./paths.ts";
import type { Segment } from "./segment.ts";

/** What is copied at a time. */
const COPY_BYTES = 1024 * 1024;

/** Copies the bytes of a segment from `position` on to a file of their own, durably. */
export function keepAside(state: LogState, segment: Segment, position: number, size: number): void {
  if (state.readOnly) return;
  const piece = state.files.open(pieceOf(state, segment), "create");
  const window = new Uint8Array(Math.min(COPY_BYTES, size - position));
  try {
    for (let at = position; at < size; ) {
      const count = segment.log.read(window, 0, Math.min(window.length, size - at), at);
      if (count === 0) break;
      piece.write(window, 0, count, at - position);
      at += count;
    }
    piece.syncNow();
  } finally {
    piece.close();
  }
}

/** Takes a whole segment out of the log. */
export function dropSegment(state: LogState, segment: Segment): void {
  const { segments, files, folder, readOnly } = state;
  segments.remove(segment);
  segment.close();
  if (readOnly) return;
  if (segment.size > 0) files.rename(segment.path, pieceOf(state, segment));
  for (const kind of ["index", "timeindex", "txnindex", "log"] as const) {
    files.remove(join(folder, segmentFile(segment.baseOffset, kind)));
  }
}

/** A name that is not taken: an open that died may have kept a piece in the same millisecond. */
function pieceOf({ files, clock }: LogState, segment: Segment): string {
  let stamp = clock.now();
  while (files.stat(corruptPiece(segment.path, stamp)) !== undefined) stamp++;
  return corruptPiece(segment.path, stamp);
}
