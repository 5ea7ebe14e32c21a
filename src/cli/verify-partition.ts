/**
 * Verifies the folder of one partition: every batch of every segment, with its records, and every file beside them.
 *
 * Files come and go while an owner runs. So names and sizes are taken once, at the beginning; what is gone later was deleted,
 * and a batch that ends short at the very end of a log in use is looked at again before it counts as torn.
 */
import { setTimeout as delay } from "node:timers/promises";
import { VarveError } from "../errors.ts";
import type { Batch } from "../format/batch.ts";
import { parseLeaderEpochs, parsePartitionMetadata } from "../format/checkpoints.ts";
import { MAX_UNPACKED_BYTES } from "../format/compression.ts";
import { COLUMNS, OFFSET_DELTA, type RecordTable } from "../format/record.ts";
import type { File } from "../storage/files.ts";
import { LeaderEpochs } from "../storage/leader-epochs.ts";
import {
  join,
  LEADER_EPOCH_CHECKPOINT,
  PARTITION_METADATA,
  POISONED,
  parseSegmentFile,
  type SegmentFileKind,
  segmentFile,
} from "../storage/paths.ts";
import { type Damage, isDamage, scanBatches } from "../storage/scan.ts";
import { Structure } from "../storage/structure.ts";
import { furthestEnd, readEntries } from "./index-entries.ts";
import { openIfThere } from "./small-files.ts";
import type { Verification } from "./verification.ts";
import { OffsetIndexCheck, TimeIndexCheck } from "./verify-index.ts";
import { ProducerCheck } from "./verify-producers.ts";

export interface PartitionTarget {
  folder: string;
  /** Compaction may have taken offsets. */
  hasGaps: boolean;
  /** An owner may be at work in it now. */
  isLive: boolean;
  /** It was closed in order: nothing of it was in memory alone. */
  isClean: boolean;
  /** Written by varve, so that its index rule holds. */
  isOurs: boolean;
  indexIntervalBytes?: number;
  /** What partition.metadata must have. */
  topicId?: string;
}

/** Returns the offset behind the last good batch; undefined when there is no log. */
export function verifyPartition(verification: Verification, target: PartitionTarget): Promise<number | undefined> {
  return new PartitionCheck(verification, target).run();
}

const MOST_LOOKS = 5;
const LOOK_AGAIN_MS = 10;

class PartitionCheck {
  readonly #verification: Verification;
  readonly #target: PartitionTarget;
  #names: ReadonlySet<string> = new Set();
  #epochs: LeaderEpochs | undefined;
  #isEpochReported = false;

  constructor(verification: Verification, target: PartitionTarget) {
    this.#verification = verification;
    this.#target = target;
  }

  async run(): Promise<number | undefined> {
    const { folder } = this.#target;
    this.#names = new Set(this.#verification.try(folder, () => this.#verification.files.list(folder)));
    const bases = this.#basesOf("log");
    this.#checkMetadata();
    if (this.#names.has(POISONED)) this.#reportPoisoned();
    this.#checkOrphans(new Set(bases));
    if (bases.length === 0) return undefined;
    const epochs = this.#readEpochs();
    const producers = this.#followProducers(bases[0]);
    let endOffset = bases[0];
    for (let i = 0; i < bases.length; i++) {
      const next = bases[i + 1];
      endOffset = await new SegmentCheck(this.#verification, this.#target, this, producers, bases[i], next).run();
      if (next !== undefined) endOffset = next;
    }
    producers.finish(endOffset);
    const last = epochs.at(-1);
    if (last && last.startOffset > endOffset)
      this.#reportEpochs(`epoch ${last.epoch} starts at ${last.startOffset}, but the log ends at ${endOffset}`);
    return endOffset;
  }

  structure(baseOffset: number, endOffset: number, hasGaps: boolean): Structure {
    return new Structure(baseOffset, hasGaps, endOffset, this.#epochs);
  }

  /** The batch is good and its epoch shared by a neighbour: if the checkpoint disagrees, that is what is wrong. */
  noteEpoch(batch: Batch): void {
    const expected = this.#epochs?.at(batch.baseOffset);
    if (expected === undefined || expected === batch.leaderEpoch || this.#isEpochReported) return;
    this.#isEpochReported = true;
    this.#reportEpochs(`it has epoch ${expected} for offset ${batch.baseOffset}, the batch ${batch.leaderEpoch}`);
  }

  #followProducers(startOffset: number): ProducerCheck {
    const { folder, hasGaps } = this.#target;
    return new ProducerCheck(this.#verification, folder, this.#basesOf("snapshot"), startOffset, !hasGaps);
  }

  #readEpochs(): { epoch: number; startOffset: number }[] {
    const path = join(this.#target.folder, LEADER_EPOCH_CHECKPOINT);
    if (!this.#names.has(LEADER_EPOCH_CHECKPOINT)) {
      if (this.#target.isOurs) this.#verification.report(path, 0, "the file is missing");
      return [];
    }
    const bytes = this.#verification.read(path);
    const entries =
      bytes && this.#verification.try(path, () => parseLeaderEpochs(bytes, this.#verification.shown(path)));
    if (entries === undefined) return [];
    const isAscending = entries.every(
      ({ epoch, startOffset }, i) =>
        i === 0 || (epoch > entries[i - 1].epoch && startOffset > entries[i - 1].startOffset),
    );
    if (!isAscending) this.#reportEpochs("its epochs do not ascend");
    else if (entries.length > 0) this.#epochs = new LeaderEpochs(entries);
    return entries;
  }

  #reportEpochs(error: string): void {
    this.#verification.report(join(this.#target.folder, LEADER_EPOCH_CHECKPOINT), 0, error);
  }

  #checkMetadata(): void {
    const path = join(this.#target.folder, PARTITION_METADATA);
    const { topicId } = this.#target;
    if (!this.#names.has(PARTITION_METADATA)) {
      if (topicId !== undefined) this.#verification.report(path, 0, "the file is missing");
      return;
    }
    const bytes = this.#verification.read(path);
    const found =
      bytes && this.#verification.try(path, () => parsePartitionMetadata(bytes, this.#verification.shown(path)));
    if (topicId !== undefined && found !== undefined && found !== topicId)
      this.#verification.report(path, 0, `it has the topic id ${found}, the catalogue ${topicId}`);
  }

  #reportPoisoned(): void {
    const message =
      "a sync failed here: the newest records may be nowhere but in memory; `varve repair` writes them again";
    this.#verification.reportError(join(this.#target.folder, POISONED), new VarveError("VARVE_POISONED", message));
  }

  /** Indexes whose log is gone. */
  #checkOrphans(bases: ReadonlySet<number>): void {
    for (const kind of ["index", "timeindex", "txnindex"] as const) {
      for (const base of this.#basesOf(kind)) {
        const path = join(this.#target.folder, segmentFile(base, kind));
        const isOrphan = !bases.has(base) && this.#verification.files.stat(path) !== undefined;
        if (isOrphan) this.#verification.report(path, 0, `its segment has no file ${segmentFile(base, "log")}`);
      }
    }
  }

  /** The base offsets that have a live file of that kind, ascending. */
  #basesOf(kind: SegmentFileKind): number[] {
    const bases: number[] = [];
    for (const name of this.#names) {
      const path = join(this.#target.folder, name);
      const file = name.endsWith(`.${kind}`) ? this.#verification.try(path, () => parseSegmentFile(name)) : undefined;
      if (file !== undefined) bases.push(file.baseOffset);
    }
    return bases.sort((a, b) => a - b);
  }
}

/** One segment. */
class SegmentCheck {
  readonly #verification: Verification;
  readonly #target: PartitionTarget;
  readonly #partition: PartitionCheck;
  readonly #producers: ProducerCheck;
  readonly #baseOffset: number;
  /** Where the next segment begins; undefined for the last one. */
  readonly #nextBase: number | undefined;
  readonly #path: string;
  #offsets: OffsetIndexCheck | undefined;
  #times: TimeIndexCheck | undefined;

  constructor(
    verification: Verification,
    target: PartitionTarget,
    partition: PartitionCheck,
    producers: ProducerCheck,
    baseOffset: number,
    nextBase: number | undefined,
  ) {
    this.#verification = verification;
    this.#target = target;
    this.#partition = partition;
    this.#producers = producers;
    this.#baseOffset = baseOffset;
    this.#nextBase = nextBase;
    this.#path = join(target.folder, segmentFile(baseOffset, "log"));
  }

  async run(): Promise<number> {
    const file = this.#verification.try(this.#path, () => openIfThere(this.#verification.files, this.#path));
    if (file === undefined) {
      this.#producers.loseTrack();
      return this.#nextBase ?? this.#baseOffset;
    }
    try {
      return await this.#check(file);
    } catch (error) {
      if (error instanceof VarveError) this.#verification.reportError(this.#path, error);
      else throw error;
      this.#producers.loseTrack();
      return this.#nextBase ?? this.#baseOffset;
    } finally {
      file.close();
    }
  }

  async #check(file: File): Promise<number> {
    const size = file.size();
    this.#verification.tally.files++;
    this.#openIndexes(size);
    const limit = this.#nextBase ?? furthestEnd(this.#baseOffset);
    const structure = this.#partition.structure(this.#baseOffset, limit, this.#hasGaps);
    await this.#walk(file, size, structure);
    const isComplete = this.#isComplete;
    this.#offsets?.finish(isComplete);
    this.#times?.finish(isComplete);
    const endOffset = structure.nextOffset;
    this.#producers.finishSegment(this.#baseOffset, this.#nextBase ?? endOffset, isComplete);
    if (this.#nextBase !== undefined && endOffset < this.#nextBase && !this.#hasGaps)
      this.#reportMissing(endOffset, this.#nextBase, size);
    return endOffset;
  }

  /** A cleaner never touches the active segment. */
  get #hasGaps(): boolean {
    return this.#target.hasGaps && this.#nextBase !== undefined;
  }

  /** All that belongs to the segment is in its files. */
  get #isComplete(): boolean {
    return this.#nextBase !== undefined || this.#target.isClean;
  }

  async #walk(file: File, size: number, structure: Structure): Promise<void> {
    let position = 0;
    for (let looks = 0; ; looks++) {
      const torn = await this.#walkFrom(file, position, size, structure, looks < MOST_LOOKS);
      if (torn === undefined) return;
      await delay(LOOK_AGAIN_MS);
      position = torn;
      size = Math.max(size, file.size());
    }
  }

  /** Returns the position of an end that may still be in the making. */
  async #walkFrom(
    file: File,
    position: number,
    size: number,
    structure: Structure,
    mayLookAgain: boolean,
  ): Promise<number | undefined> {
    for (const scanned of scanBatches(file, position, size, structure)) {
      if (!isDamage(scanned)) {
        this.#note(scanned);
      } else {
        const isAtEnd = scanned.resume === undefined && this.#nextBase === undefined;
        if (scanned.isZeros && (isAtEnd || this.#isRoom(scanned))) return undefined;
        if (isAtEnd && this.#target.isLive && mayLookAgain) return scanned.position;
        this.#meetDamage(scanned, size);
      }
      await this.#verification.rest();
    }
    return undefined;
  }

  /** A sealed segment loses its room when the next one begins, though not at once on the disk. */
  #isRoom(damage: Damage): boolean {
    return !this.#target.isClean && damage.from === this.#nextBase;
  }

  #note(batch: Batch): void {
    const { tally } = this.#verification;
    tally.batches++;
    tally.records += batch.recordCount;
    tally.bytes += batch.sizeInBytes;
    this.#partition.noteEpoch(batch);
    this.#offsets?.note(batch);
    this.#times?.note(batch);
    this.#producers.note(batch);
    try {
      const problem = recordsProblem(batch, batch.records(MAX_UNPACKED_BYTES), this.#hasGaps);
      if (problem !== undefined) this.#verification.report(this.#path, batch.position, problem);
    } catch (error) {
      this.#verification.reportError(this.#path, error, batch.position);
    }
  }

  #meetDamage(damage: Damage, size: number): void {
    const next = damage.resume?.position ?? size;
    this.#verification.tally.bytes += next - damage.position;
    this.#verification.report(this.#path, damage.position, damage.reason);
    this.#offsets?.skip(damage.position, next);
    this.#times?.skip(damage.from, damage.resume?.offset ?? this.#nextBase ?? Number.POSITIVE_INFINITY);
    this.#producers.loseTrack();
  }

  #reportMissing(from: number, to: number, position: number): void {
    const what = to - from === 1 ? `offset ${from} is` : `offsets ${from} to ${to - 1} are`;
    this.#verification.report(this.#path, position, `${what} in no segment`);
    this.#producers.loseTrack();
  }

  #openIndexes(size: number): void {
    const { isOurs, indexIntervalBytes } = this.#target;
    const offsets = this.#readIndex("index", size);
    const times = this.#readIndex("timeindex", size);
    if (offsets) {
      const entries = readEntries("index", offsets.bytes, this.#baseOffset);
      this.#offsets = new OffsetIndexCheck(this.#verification, offsets.path, entries, indexIntervalBytes);
    }
    if (times) {
      const entries = readEntries("timeindex", times.bytes, this.#baseOffset);
      this.#times = new TimeIndexCheck(this.#verification, times.path, entries, isOurs);
    }
  }

  #readIndex(kind: "index" | "timeindex", size: number): { path: string; bytes: Uint8Array } | undefined {
    const path = join(this.#target.folder, segmentFile(this.#baseOffset, kind));
    const bytes = this.#verification.read(path);
    if (bytes !== undefined) return { path, bytes };
    const isExpected = this.#isComplete && size > 0 && this.#verification.files.stat(this.#path) !== undefined;
    const isMissing = isExpected && this.#verification.files.stat(path) === undefined;
    if (isMissing) this.#verification.report(path, 0, "the file is missing");
    return undefined;
  }
}

/** What is wrong with records whose lengths are right: their offsets. */
function recordsProblem(batch: Batch, { rows, count }: RecordTable, hasGaps: boolean): string | undefined {
  const lastDelta = batch.lastOffset - batch.baseOffset;
  if (!hasGaps && count !== lastDelta + 1) return `${count} records where ${lastDelta + 1} offsets are`;
  let before = -1;
  for (let index = 0; index < count; index++) {
    const delta = rows[index * COLUMNS + OFFSET_DELTA];
    if (delta <= before || delta > lastDelta || (!hasGaps && delta !== index))
      return `record ${index} has offset ${batch.baseOffset + delta}, out of order`;
    before = delta;
  }
  return undefined;
}
