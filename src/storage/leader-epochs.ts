/**
 * Which leader epoch holds from which offset on (`leader-epoch-checkpoint`). An epoch rises when records may have been lost:
 * whoever read offset 17 before and reads it again can tell that it is another record.
 */
import { formatLeaderEpochs, type LeaderEpoch, parseLeaderEpochs } from "../format/checkpoints.ts";
import type { Files } from "./files.ts";
import { join, LEADER_EPOCH_CHECKPOINT } from "./paths.ts";
import { placeFile, replaceFile, replaceFileNow } from "./replace-file.ts";

export interface LeaderEpochEnd {
  epoch: number;
  endOffset: number;
}

export class LeaderEpochs {
  #entries: LeaderEpoch[];

  constructor(entries: LeaderEpoch[] = []) {
    this.#entries = entries;
  }

  /** Undefined when the file is missing or damaged: the batches themselves carry their epochs. */
  static load(files: Files, folder: string): LeaderEpochs | undefined {
    const bytes = files.read(join(folder, LEADER_EPOCH_CHECKPOINT));
    if (bytes === undefined) return undefined;
    try {
      const entries = parseLeaderEpochs(bytes);
      return isAscending(entries) ? new LeaderEpochs(entries) : undefined;
    } catch {
      return undefined;
    }
  }

  save(files: Files, folder: string): Promise<void> {
    return replaceFile(files, join(folder, LEADER_EPOCH_CHECKPOINT), formatLeaderEpochs(this.#entries));
  }

  /** The same in a folder that the caller syncs. */
  place(files: Files, folder: string): Promise<void> {
    return placeFile(files, join(folder, LEADER_EPOCH_CHECKPOINT), formatLeaderEpochs(this.#entries));
  }

  /** The same at once, on the calling thread. */
  saveNow(files: Files, folder: string): void {
    replaceFileNow(files, join(folder, LEADER_EPOCH_CHECKPOINT), formatLeaderEpochs(this.#entries));
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  get latest(): number {
    return this.#entries.at(-1)?.epoch ?? 0;
  }

  /** Where the latest epoch begins. */
  get latestStart(): number {
    return this.#entries.at(-1)?.startOffset ?? 0;
  }

  /** The epoch that an offset was written in; undefined before the first entry. */
  at(offset: number): number | undefined {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      if (this.#entries[i].startOffset <= offset) return this.#entries[i].epoch;
    }
    return undefined;
  }

  /** Where the records of `epoch` end, or those of the latest epoch before it that has some. Undefined for an epoch to come. */
  endOf(epoch: number, endOffset: number): LeaderEpochEnd | undefined {
    if (epoch > this.latest) return undefined;
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch);
    if (next < 0) return { epoch: this.latest, endOffset };
    return { epoch: this.#entries[next - 1]?.epoch ?? epoch, endOffset: this.#entries[next].startOffset };
  }

  /** Batches from `startOffset` on carry `epoch`. No-op unless the epoch is new. */
  assign(epoch: number, startOffset: number): void {
    if (!this.isEmpty && epoch <= this.latest) return;
    this.#truncateTo(startOffset);
    this.#entries.push({ epoch, startOffset });
  }

  /** Records at and behind `endOffset` may have been lost: what comes there now carries an epoch never used before. */
  raise(endOffset: number): void {
    const epoch = this.latest + 1;
    this.#truncateTo(endOffset);
    this.#entries.push({ epoch, startOffset: endOffset });
  }

  /** Forgets what began at or behind an end that moved back. */
  #truncateTo(endOffset: number): void {
    this.#entries = this.#entries.filter((entry) => entry.startOffset < endOffset);
  }
}

function isAscending(entries: readonly LeaderEpoch[]): boolean {
  return entries.every(({ epoch, startOffset }, i) => {
    const before = i === 0 ? { epoch: -1, startOffset: -1 } : entries[i - 1];
    return epoch > before.epoch && startOffset > before.startOffset;
  });
}
