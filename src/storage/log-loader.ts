/** Brings the folder of a partition to life: the segments it has, walked and mended as recovery.ts decides. */
import type { Batch } from "../format/batch.ts";
import { readBatchAt } from "./chunk.ts";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import { findSegments } from "./found-segments.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { returnedSegments } from "./leftovers.ts";
import { hasGaps, type LastClose, type LogConfig, type LogEvent, type LogState, structureIn } from "./log-state.ts";
import { makeFolder, syncNewFolder } from "./new-folder.ts";
import { Pacer } from "./pacer.ts";
import { nameOf, POISONED } from "./paths.ts";
import { copyPoisoned } from "./poisoned-copy.ts";
import { ProducerState } from "./producer-state.ts";
import { decide } from "./recovery.ts";
import { deleteSegment } from "./roll.ts";
import { type Damage, isDamage, scanBatches, walkBatches } from "./scan.ts";
import { Segment } from "./segment.ts";
import { ensureIndexes, ensureTimes, writeIfPossible } from "./segment-index.ts";
import { Segments } from "./segments.ts";
import { dropSegment, keepAside } from "./set-aside.ts";
import { listSnapshots, nearestSnapshot, removeSnapshot } from "./snapshot-files.ts";
import type { Structure } from "./structure.ts";
import { noteSynced } from "./synced-part.ts";
import { mendTransactionIndexes, replay } from "./transactions.ts";

export interface LogOptions {
  files: Files;
  clock: Clock;
  folder: string;
  topic: string;
  partition: number;
  /** For partition.metadata; "" when unknown. */
  topicId: string;
  config: LogConfig;
  /** Nothing is written; what recovery would cut is left out in memory. */
  readOnly: boolean;
  lastClose: LastClose;
  recoveryPoint: number;
  startOffset: number;
  /** Up to where compaction had come; 0, also when not given: unknown. */
  cleanedOffset?: number;
  report: (event: LogEvent) => void;
}

/** The log as it stands now, up to where it is on the disk for sure, and whether it was left in order. */
export async function loadLog(
  options: LogOptions,
): Promise<{ state: LogState; durableOffset: number; isClean: boolean }> {
  const { files, folder, readOnly, report } = options;
  const epochs = LeaderEpochs.load(files, folder);
  // Field by field: what is spread has a shape of its own each time, 600 bytes for every partition.
  const state: LogState = {
    files,
    clock: options.clock,
    folder,
    topic: options.topic,
    partition: options.partition,
    readOnly,
    report,
    config: options.config,
    startOffset: options.startOffset,
    segments: new Segments(),
    epochs: epochs ?? new LeaderEpochs(),
    producers: new ProducerState(),
    endOffset: 0,
    cleanedOffset: options.cleanedOffset ?? 0,
  };
  const loader = new Loader(state, options, epochs === undefined);
  try {
    await loader.load();
  } catch (error) {
    for (const segment of state.segments.all) segment.close();
    throw error;
  }
  const { isClean } = loader;
  return {
    state,
    durableOffset: isClean ? state.endOffset : Math.min(options.recoveryPoint, state.endOffset),
    isClean,
  };
}

class Loader {
  readonly #state: LogState;
  readonly #options: LogOptions;
  readonly #pacer: Pacer;
  /** Without a checkpoint, or with one that the batches contradict, the epochs are gathered from them. */
  #epochsAreOff: boolean;
  #lastClose: LastClose;
  #scannedBytes = 0;
  #truncatedBytes = 0;
  #hasProducers = false;
  readonly #walked: Segment[] = [];
  #hasNewSegment = false;
  /** Where the end is missing: a snapshot from behind knows of markers that the log does not have. */
  #cutAt = Number.POSITIVE_INFINITY;
  #mayHaveLost: boolean;

  constructor(state: LogState, options: LogOptions, epochsAreLost: boolean) {
    this.#state = state;
    this.#options = options;
    this.#pacer = new Pacer(options.clock);
    this.#epochsAreOff = epochsAreLost;
    this.#lastClose = options.lastClose;
    this.#mayHaveLost = options.lastClose === "machine";
  }

  get isClean(): boolean {
    return this.#lastClose === "clean";
  }

  async load(): Promise<void> {
    const state = this.#state;
    const names = await findSegments(state, this.#pacer);
    const isNew = names === undefined;
    if (isNew) await makeFolder(state, this.#options.topicId);
    // Whoever left the marker could not close in order.
    if (names?.includes(POISONED) && this.#lastClose === "clean") this.#lastClose = "process";
    if (state.segments.all.length > 0) {
      this.#deleteExpired();
      await this.#copyPoisoned(names ?? []);
    } else this.#addEmpty(this.#options.startOffset);
    await this.#walk();
    state.endOffset = state.segments.active.endOffset;
    if (state.startOffset > state.endOffset) this.#restartAt(state.startOffset);
    if (this.#options.recoveryPoint > state.endOffset) this.#reportMissingEnd(this.#options.recoveryPoint);
    state.startOffset = Math.max(state.startOffset, state.segments.first.baseOffset);
    // What was compacted is not there any more, as far as one can tell: everything counts as new.
    if (state.cleanedOffset > state.endOffset) state.cleanedOffset = state.startOffset;
    await this.#loadProducers();
    if (!state.readOnly) await mendTransactionIndexes(state, this.#doubtful(names ?? []), this.#pacer);
    if (this.#hasNewSegment && !isNew) await state.files.syncFolder(state.folder);
    await this.#settleEpochs(isNew);
    if (isNew) await syncNewFolder(state);
    this.#reportRecovered();
  }

  /** Segments wholly before the log start were deleted; a power cut may have brought some back, with holes between them. */
  #deleteExpired(): void {
    const { segments, startOffset, readOnly } = this.#state;
    while (segments.all.length > 1 && segments.all[1].baseOffset <= startOffset) {
      if (readOnly) segments.remove(segments.first);
      else deleteSegment(this.#state, segments.first);
    }
  }

  /** Segments whose index of aborted transactions may not be what the log says. */
  #doubtful(names: readonly string[]): readonly Segment[] {
    if (this.#lastClose !== "machine") return this.#walked;
    const returned = returnedSegments(this.#state, names).filter((segment) => !this.#walked.includes(segment));
    for (const segment of returned) segment.transactionIndex.isStale = true;
    return [...returned, ...this.#walked];
  }

  #addSegment(baseOffset: number): Segment {
    const { files, folder, segments, readOnly } = this.#state;
    const segment = new Segment(files, folder, baseOffset, !readOnly);
    segments.add(segment);
    return segment;
  }

  async #copyPoisoned(names: string[]): Promise<void> {
    if (this.#state.readOnly || !names.includes(POISONED)) return;
    await copyPoisoned(this.#state, this.#options.recoveryPoint, this.#pacer);
  }

  /** Walks what may not be good: after a clean close the tail of the last segment, else all from the recovery point on. */
  async #walk(): Promise<void> {
    const { segments } = this.#state;
    if (this.isClean && (await this.#walkTail(segments.active))) return;
    // The segment that ends at the recovery point may have been sealed after the sync: its indexes are in doubt.
    const from = this.isClean ? segments.active.baseOffset : this.#options.recoveryPoint - 1;
    for (const segment of segments.from(from)) {
      const isCut = await this.#walkSegment(segment);
      if (isCut) return;
    }
  }

  /** The few batches behind the last index entry of a log that was closed cleanly. False when something is not as it should be. */
  async #walkTail(segment: Segment): Promise<boolean> {
    const { size } = segment;
    if (size === 0) {
      segment.isIndexed = true;
      segment.isTimeKnown = true;
      return true;
    }
    segment.endOffset = Number.POSITIVE_INFINITY;
    ensureIndexes(this.#state, segment);
    const entry = segment.locate(Number.MAX_SAFE_INTEGER);
    const first = readBatchAt(segment.log, entry.position, size);
    if (first === undefined || !Segment.confirms(entry, first)) return false;
    const start = entry.lastOffset === undefined ? segment.baseOffset : first.baseOffset;
    const structure = structureIn(this.#state, segment, start);
    for (const scanned of scanBatches(segment.log, entry.position, size, structure)) {
      if (isDamage(scanned)) return false;
    }
    segment.endOffset = structure.nextOffset;
    // Appends go on from its largest timestamp.
    for (const _ of ensureTimes(this.#state, segment)) if (this.#pacer.isDue) await this.#pacer.rest();
    return true;
  }

  /** True when the log was cut inside or behind this segment. */
  async #walkSegment(segment: Segment): Promise<boolean> {
    const state = this.#state;
    let { size } = segment;
    // Before the index is forgotten: that of a compacted segment is a witness of what may be missing.
    const structureOfAll = structureIn(state, segment, segment.baseOffset);
    this.#walked.push(segment);
    segment.forget();
    // It may have no file yet, which a reader would look for in vain.
    if (size === 0) return this.#finishSegment(segment, 0);
    const structure = (await this.#passSynced(segment, size)) ?? structureOfAll;
    for (const scanned of walkBatches(segment.log, size, structure, segment.size)) {
      if (isDamage(scanned)) {
        if (isRoom(scanned, state.segments.after(segment))) {
          size = scanned.position;
          if (!state.readOnly) segment.truncate(size, segment.endOffset);
        } else if (this.#meetDamage(segment, scanned, size)) return true;
        continue;
      }
      this.#see(segment, scanned);
      const { position, sizeInBytes, lastOffset, maxRecordTimestamp } = scanned;
      segment.note(position, sizeInBytes, lastOffset, maxRecordTimestamp, state.config.indexIntervalBytes);
      this.#scannedBytes += sizeInBytes;
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
    return this.#finishSegment(segment, size);
  }

  /** Goes to the recovery point where that lies in the segment. Returns what the batch there must look like, if it has got there. */
  async #passSynced(segment: Segment, size: number): Promise<Structure | undefined> {
    if (this.isClean) return undefined;
    const see = (batch: Batch) => this.#see(segment, batch);
    const structure = await noteSynced(this.#state, segment, size, this.#options.recoveryPoint, this.#pacer, see);
    if (structure === undefined) segment.forget();
    return structure;
  }

  /** Of a batch that stands in the log, what must be done about it once all are known. */
  #see(segment: Segment, batch: Batch): void {
    this.#hasProducers ||= batch.producerId >= 0;
    segment.transactionIndex.isStale ||= batch.isControl;
    this.#epochsAreOff ||= batch.leaderEpoch !== this.#state.epochs.at(batch.baseOffset);
  }

  /** The segment was walked to its end. True when the ones behind it do not follow, after the death of the machine. */
  #finishSegment(segment: Segment, size: number): boolean {
    const state = this.#state;
    const next = state.segments.after(segment);
    segment.size = size;
    segment.isIndexed = true;
    segment.isTimeKnown = true;
    if (next === undefined) return false;
    // What we have compacted reaches to the next segment all the same; of Kafka's the checkpoint tells.
    const isTornOff = segment.endOffset < next.baseOffset && segment.endOffset >= state.cleanedOffset;
    if (isTornOff && this.#lastClose === "machine" && segment.endOffset >= this.#options.recoveryPoint) {
      this.#dropBehind(segment);
      return true;
    }
    segment.endOffset = next.baseOffset;
    this.#seal(segment);
    return false;
  }

  /** True when the log ends here now. */
  #meetDamage(segment: Segment, damage: Damage, size: number): boolean {
    const { recoveryPoint } = this.#options;
    const isPastRecoveryPoint = damage.from >= recoveryPoint;
    const behind = this.#lookBehind(segment, damage);
    const verdict = decide({ lastClose: this.#lastClose, isPastRecoveryPoint, behind });
    // A suffix that was never synced is none.
    if (verdict === "keep" || verdict === "cutAsideAndResume") this.#reportCorrupt(segment, damage);
    if (verdict === "keep") {
      // The bytes stay where they are: what follows keeps its position.
      segment.size = damage.resume?.position ?? size;
      return false;
    }
    if (!damage.isZeros) this.#truncatedBytes += size - damage.position;
    this.#mayHaveLost ||= !damage.isZeros;
    if (verdict !== "cut") keepAside(this.#state, segment, damage.position, size);
    const mayHaveGaps = hasGaps(this.#state) && segment !== this.#state.segments.active;
    this.#dropBehind(segment);
    if (this.#state.readOnly) segment.size = damage.position;
    else segment.truncate(damage.position, segment.endOffset);
    segment.isIndexed = true;
    segment.isTimeKnown = true;
    if (verdict === "cutAsideAndResume") this.#resumeAt(Math.max(recoveryPoint, segment.endOffset));
    // No segment with gaps is ever the active one.
    else if (mayHaveGaps && segment.size > 0) {
      this.#seal(segment);
      this.#addEmpty(segment.endOffset);
    }
    return true;
  }

  #lookBehind(segment: Segment, damage: Damage): "zeros" | "good" | "nothing" {
    if (damage.resume !== undefined) return "good";
    for (let next = this.#state.segments.after(segment); next; next = this.#state.segments.after(next)) {
      if (next.size > 0 && next.read(0, 1).batches.length > 0) return "good";
    }
    return damage.isZeros ? "zeros" : "nothing";
  }

  /** Nothing is appended to it any more. */
  #seal(segment: Segment): void {
    segment.seal();
    if (!this.#state.readOnly) writeIfPossible(segment);
  }

  /** The segments behind `last` do not follow it. */
  #dropBehind(last: Segment): void {
    for (const segment of [...this.#state.segments.all].reverse()) {
      if (segment === last) return;
      this.#drop(segment);
    }
  }

  #drop(segment: Segment): void {
    this.#truncatedBytes += segment.size;
    dropSegment(this.#state, segment);
  }

  /** The log goes on behind what was lost, in a segment of its own. */
  #resumeAt(offset: number): void {
    const { active } = this.#state.segments;
    if (offset === active.endOffset) return;
    this.#cutAt = active.endOffset;
    if (active.size === 0) {
      this.#drop(active);
    } else {
      this.#seal(active);
      active.endOffset = offset;
    }
    this.#addEmpty(offset);
  }

  /** The log start is known to be past everything that is left: there is nothing to read, and no offset is used again. */
  #restartAt(offset: number): void {
    for (const segment of this.#state.segments.all) this.#drop(segment);
    this.#addEmpty(offset);
  }

  /** Its file is there, and durable, before anything is written: a younger segment that alone survived a power cut would be a hole. */
  #addEmpty(offset: number): void {
    const { files, readOnly } = this.#state;
    const segment = this.#addSegment(offset);
    if (!readOnly) files.open(segment.path, "write").close();
    this.#hasNewSegment ||= !readOnly;
    segment.isIndexed = true;
    segment.isTimeKnown = true;
    this.#state.endOffset = offset;
  }

  /** Everything up to the recovery point was synced: what is not there, the last segments perhaps, was taken away. */
  #reportMissingEnd(recoveryPoint: number): void {
    const { topic, partition, endOffset, segments, report } = this.#state;
    const { path, size } = segments.active;
    const reason = "the end of the log is missing";
    const where = { topic, partition, file: nameOf(path), position: size };
    report({ kind: "corrupt", ...where, from: endOffset, to: recoveryPoint, reason });
    this.#mayHaveLost = true;
    this.#resumeAt(recoveryPoint);
  }

  /** The epochs as the batches have them. */
  async #gatherEpochs(): Promise<LeaderEpochs> {
    const state = this.#state;
    const epochs = new LeaderEpochs();
    const unknown = new LeaderEpochs();
    for (const segment of state.segments.all) {
      if (segment.size === 0) continue;
      const structure = structureIn(state, segment, segment.baseOffset, unknown);
      for (const batch of walkBatches(segment.log, segment.size, structure)) {
        if (!isDamage(batch)) epochs.assign(batch.leaderEpoch, batch.baseOffset);
        if (this.#pacer.isDue) await this.#pacer.rest();
      }
    }
    return epochs;
  }

  async #loadProducers(): Promise<void> {
    const state = this.#state;
    const { files, folder, endOffset, readOnly } = state;
    const known = Math.min(endOffset, this.#cutAt);
    if (!readOnly) {
      for (const offset of listSnapshots(files, folder)) if (offset > known) removeSnapshot(state, offset);
    }
    const nearest = nearestSnapshot(state, known);
    state.producers = nearest.producers;
    if (nearest.offset === endOffset || this.#isUntouched(nearest)) return;
    for (const _ of replay(state, nearest.producers, nearest.offset, endOffset)) {
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
  }

  /** Whether no producer has written since that snapshot, as far as the walk has seen everything behind it. */
  #isUntouched(snapshot: { producers: ProducerState; offset: number }): boolean {
    if (this.isClean || this.#hasProducers || !snapshot.producers.isEmpty) return false;
    return snapshot.offset >= this.#state.segments.floor(this.#options.recoveryPoint).baseOffset;
  }

  async #settleEpochs(isNew: boolean): Promise<void> {
    const state = this.#state;
    const { endOffset, startOffset, readOnly, files, folder } = state;
    if (this.#epochsAreOff) state.epochs = await this.#gatherEpochs();
    const { epochs } = state;
    const isFirst = epochs.isEmpty;
    if (isFirst) epochs.assign(0, startOffset);
    // An epoch that begins past the end: the log was cut back, and its owner did not get to say so.
    const mayHaveLost = this.#mayHaveLost || epochs.latestStart > endOffset;
    const rises = mayHaveLost && !isNew && !readOnly;
    if (rises) epochs.raise(endOffset);
    if (readOnly || !(isFirst || rises || this.#epochsAreOff)) return;
    if (isNew) await epochs.place(files, folder);
    else await epochs.save(files, folder);
  }

  #reportRecovered(): void {
    const { topic, partition, endOffset, report } = this.#state;
    if (this.isClean && this.#truncatedBytes === 0) return;
    report({
      kind: "recovered",
      topic,
      partition,
      endOffset,
      scannedBytes: this.#scannedBytes,
      truncatedBytes: this.#truncatedBytes,
    });
  }

  #reportCorrupt(segment: Segment, damage: Damage): void {
    const { topic, partition, report, segments } = this.#state;
    const to =
      damage.resume?.offset ??
      segments.after(segment)?.baseOffset ??
      Math.max(damage.from, this.#options.recoveryPoint);
    const { from, position, reason } = damage;
    report({ kind: "corrupt", topic, partition, from, to, file: nameOf(segment.path), position, reason });
  }
}

/** Room at the end of a segment that was sealed, and nothing missing behind it: only the cut did not come through. */
function isRoom({ isZeros, from }: Damage, next: Segment | undefined): boolean {
  return isZeros && next?.baseOffset === from;
}
