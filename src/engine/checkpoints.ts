/**
 * Kafka's offset checkpoints of a data directory: recovery points, log starts, high watermarks, and how far logs are
 * compacted.
 *
 * They have no checksum, so a damaged one costs time at most: without a recovery point everything is walked. A recovery
 * point is written only after the sync it speaks of, since it is taken from what a log says is durable. Partitions that
 * were not opened keep what was read.
 */
import { formatOffsetCheckpoint, type PartitionOffset, parseOffsetCheckpoint } from "../format/checkpoints.ts";
import type { Files } from "../storage/files.ts";
import {
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  join,
  LOG_START_CHECKPOINT,
  partitionFolder,
  RECOVERY_POINT_CHECKPOINT,
} from "../storage/paths.ts";
import { replaceFile } from "../storage/replace-file.ts";
import type { Partition } from "./partition.ts";

/** By the name of the partition's folder. */
export type Offsets = ReadonlyMap<string, number>;

export interface LoadedCheckpoints {
  recoveryPoints: Offsets;
  logStarts: Offsets;
  /** Up to where compaction has come: such partitions have gaps between their offsets. Undefined where there is no file. */
  cleaned: Offsets | undefined;
}

export function loadCheckpoints(files: Files, folder: string, warn: (message: string) => void): LoadedCheckpoints {
  const load = (name: string): Offsets | undefined => {
    const bytes = files.read(join(folder, name));
    if (bytes === undefined) return undefined;
    try {
      const entries = parseOffsetCheckpoint(bytes, name);
      return new Map(entries.map(({ topic, partition, offset }) => [partitionFolder(topic, partition), offset]));
    } catch (error) {
      warn(`${(error as Error).message}; going on without it`);
      return undefined;
    }
  };
  return {
    recoveryPoints: load(RECOVERY_POINT_CHECKPOINT) ?? new Map(),
    logStarts: load(LOG_START_CHECKPOINT) ?? new Map(),
    cleaned: load(CLEANER_CHECKPOINT),
  };
}

export class Checkpoints {
  readonly #files: Files;
  readonly #folder: string;
  /** What each file holds, so that nothing is written where nothing has changed. */
  readonly #written = new Map<string, Uint8Array>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(files: Files, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  /** One after the other; `partitions` is asked when the write begins. */
  write(partitions: () => Iterable<Partition>): Promise<void> {
    const mine = this.#last.then(() => this.#writeNow([...partitions()]));
    this.#last = mine.catch(() => {});
    return mine;
  }

  async #writeNow(partitions: Partition[]): Promise<void> {
    const of = (offset: (partition: Partition) => number) => formatOffsetCheckpoint(partitions.map(entry(offset)));
    const cleaned = partitions.filter((partition) => partition.cleanedOffset > 0);
    const contents: [string, Uint8Array][] = [
      [RECOVERY_POINT_CHECKPOINT, of((partition) => partition.recoveryPoint)],
      [LOG_START_CHECKPOINT, of((partition) => partition.startOffset)],
      [HIGH_WATERMARK_CHECKPOINT, of((partition) => partition.highWatermark)],
    ];
    if (cleaned.length > 0 || this.#files.stat(join(this.#folder, CLEANER_CHECKPOINT)) !== undefined) {
      const entries = cleaned.map(entry((partition) => partition.cleanedOffset));
      contents.push([CLEANER_CHECKPOINT, formatOffsetCheckpoint(entries)]);
    }
    for (const [name, bytes] of contents) {
      const before = this.#written.get(name);
      if (before !== undefined && Buffer.compare(before, bytes) === 0) continue;
      await replaceFile(this.#files, join(this.#folder, name), bytes);
      this.#written.set(name, bytes);
    }
  }
}

function entry(offset: (partition: Partition) => number): (partition: Partition) => PartitionOffset {
  return (partition) => ({ topic: partition.topic.name, partition: partition.index, offset: offset(partition) });
}
