/**
 * Puts a cleaned segment in the place of its sources, so that whatever crashes leaves the sources or the new segment, never
 * a mixture. The order is Kafka's, with the folder synced wherever a power cut could turn two steps round:
 *
 *   1  the new files are written and synced           X.log.cleaned …
 *   2  renamed, and the folder synced                 X.log.swap …      from here on the new segment counts
 *   3  sources renamed, and the folder synced         Y.log.deleted …
 *   4  new files renamed, and the folder synced       X.log …            X.txnindex first, with a sync of its own
 *   5  sources removed
 *
 * The syncs of 2 and 3 are what this stands on: without the first a power cut may leave sources under their new names and no new
 * segment, without the second the new one beside a source that it covers. That of 4 loses nothing where it is left out, since
 * the next open finishes what is still called .swap; it keeps the names that a close leaves to Kafka's tools.
 *
 * In memory the new segment takes over between 2 and 3, in one turn with the renaming of the sources; until then `cancel`
 * undoes everything. A step from 3 on that fails can be tried again, and what is left undone the next open does.
 */
import type { LogState } from "./log-state.ts";
import type { LogSync } from "./log-sync.ts";
import { join, parseSegmentFile, SEGMENT_FILES, segmentFile, withState } from "./paths.ts";
import type { Segment } from "./segment.ts";
import { removeSnapshot } from "./snapshot-files.ts";

export class SegmentSwap {
  readonly #state: LogState;
  readonly #sync: LogSync;
  readonly #cleaned: Segment;
  readonly #sources: readonly Segment[];
  /** The names of the sources are gone for good. */
  #areSourcesGone = false;

  constructor(state: LogState, sync: LogSync, cleaned: Segment, sources: readonly Segment[]) {
    this.#state = state;
    this.#sync = sync;
    this.#cleaned = cleaned;
    this.#sources = sources;
  }

  /** Step 2. */
  async prepare(): Promise<void> {
    this.#cleaned.moveTo("swap");
    await this.#sync.syncFolder();
  }

  /** Before `replace`: nothing has happened. Durable when the call returns, so that what comes next stands. */
  cancel(): void {
    const { files, folder } = this.#state;
    this.#cleaned.close();
    // The log first: without it the others are nothing.
    this.#cleaned.removeFiles("swap");
    this.#cleaned.removeFiles("cleaned");
    files.syncFolderNow(folder);
  }

  /** Readers find the new segment from now on. */
  replace(): void {
    const { segments } = this.#state;
    const [first] = this.#sources;
    const last = this.#sources[this.#sources.length - 1];
    this.#cleaned.endOffset = last.endOffset;
    this.#cleaned.startedMs = last.startedMs;
    for (const source of this.#sources) {
      closeQuietly(source);
      if (source === first) segments.replace(source, this.#cleaned);
      else segments.remove(source);
    }
  }

  /** Steps 3 to 5. */
  async finish(): Promise<void> {
    const { files, folder } = this.#state;
    if (!this.#areSourcesGone) {
      for (const source of this.#sources) this.#setAside(source);
      await this.#sync.syncFolder();
      this.#areSourcesGone = true;
    }
    await putInPlace(this.#cleaned, () => this.#sync.syncFolder());
    for (const name of files.list(folder) ?? []) {
      if (parseSegmentFile(name)?.state === "deleted") files.remove(join(folder, name));
    }
    for (const { baseOffset } of this.#sources.slice(1)) removeSnapshot(this.#state, baseOffset);
  }

  #setAside({ baseOffset }: Segment): void {
    const { files, folder } = this.#state;
    for (const kind of SEGMENT_FILES) {
      const path = join(folder, segmentFile(baseOffset, kind));
      if (kind !== "snapshot" && files.stat(path) !== undefined) files.rename(path, withState(path, "deleted"));
    }
  }
}

/** Step 4, of a segment whose sources are gone for good; somebody may delete it meanwhile. */
export async function putInPlace(segment: Segment, syncFolder: () => Promise<void>): Promise<void> {
  const isWaiting = () => !segment.isClosed && segment.state === "swap";
  if (isWaiting() && segment.moveTransactionIndex("live")) await syncFolder();
  if (!isWaiting()) return;
  segment.moveTo("live");
  await syncFolder();
}

/** A file that has an error to tell tells it too late: nothing of it is needed any more. */
function closeQuietly(segment: Segment): void {
  try {
    segment.close();
  } catch {
    // Its bytes were synced before they were read.
  }
}
