/** Brings the folder of a partition to life: the segments it has, walked and mended as recovery.ts decides. */
import { VarveError } from "../errors.ts";
import { formatPartitionMetadata } from "../format/checkpoints.ts";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { hasGaps, type LastClose, type LogConfig, type LogEvent, type LogState, structureIn } from "./log-state.ts";
import { Pacer } from "./pacer.ts";
import {
  corruptPiece,
  isTemporary,
  join,
  nameOf,
  PARTITION_METADATA,
  POISONED,
  parentOf,
  parseSegmentFile,
  segmentFile,
  temporaryPath,
} from "./paths.ts";
import { ProducerState } from "./producer-state.ts";
import { decide } from "./recovery.ts";
import { replaceFile } from "./replace-file.ts";
import { type Damage, isDamage, scanBatches } from "./scan.ts";
import { Segment } from "./segment.ts";
import { ensureIndexes, markIndexed } from "./segment-index.ts";
import { Segments } from "./segments.ts";
import { listSnapshots, nearestSnapshot, removeSnapshot } from "./snapshot-files.ts";
import { replay } from "./transactions.ts";

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
  report: (event: LogEvent) => void;
}

export async function loadLog(options: LogOptions): Promise<LogState> {
  const { files, folder, readOnly, report, ...rest } = options;
  const epochs = LeaderEpochs.load(files, folder);
  const state: LogState = {
    ...rest,
    files,
    folder,
    readOnly,
    report,
    segments: new Segments(),
    epochs: epochs ?? new LeaderEpochs(),
    producers: new ProducerState(),
    endOffset: 0,
  };
  const loader = new Loader(state, options, epochs === undefined);
  await loader.load();
  return state;
}

class Loader {
  readonly #state: LogState;
  readonly #options: LogOptions;
  readonly #pacer: Pacer;
  readonly #epochsAreLost: boolean;
  #scannedBytes = 0;
  #truncatedBytes = 0;
  #hasProducers = false;
  #mayHaveLost: boolean;

  constructor(state: LogState, options: LogOptions, epochsAreLost: boolean) {
    this.#state = state;
    this.#options = options;
    this.#pacer = new Pacer(options.clock);
    this.#epochsAreLost = epochsAreLost;
    this.#mayHaveLost = options.lastClose === "machine";
  }

  async load(): Promise<void> {
    const state = this.#state;
    const names = this.#list();
    if (names === undefined) await this.#makeFolder();
    if (this.#findSegments(names ?? [])) await this.#copyPoisoned(names ?? []);
    else this.#addSegment(this.#options.startOffset);
    await this.#walk();
    state.endOffset = state.segments.active.endOffset;
    if (state.startOffset > state.endOffset) this.#restartAt(state.startOffset);
    state.startOffset = Math.max(state.startOffset, state.segments.first.baseOffset);
    await this.#loadProducers();
    await this.#settleEpochs(names === undefined);
    if (this.#truncatedBytes > 0 || this.#options.lastClose !== "clean") this.#reportRecovered();
  }

  /** The names in the folder, without leftovers of an earlier life, which are removed; undefined when there is no folder. */
  #list(): string[] | undefined {
    const { files, folder, readOnly } = this.#state;
    const names = files.list(folder);
    return readOnly ? names : names?.filter((name) => !this.#removeLeftover(name));
  }

  #removeLeftover(name: string): boolean {
    const file = parseSegmentFile(name);
    const isLeftover = isTemporary(name) || file?.state === "deleted" || file?.state === "cleaned";
    if (isLeftover) this.#state.files.remove(join(this.#state.folder, name));
    return isLeftover;
  }

  async #makeFolder(): Promise<void> {
    const { files, folder, readOnly, topic, partition } = this.#state;
    if (readOnly) {
      const message = `${topic}-${partition} has no folder at ${folder}`;
      throw new VarveError("VARVE_UNKNOWN_PARTITION", message, { topic, partition, file: folder });
    }
    files.makeFolder(folder);
    if (this.#options.topicId !== "") {
      const bytes = formatPartitionMetadata(this.#options.topicId);
      await replaceFile(files, join(folder, PARTITION_METADATA), bytes);
    }
    await files.syncFolder(parentOf(folder));
  }

  #findSegments(names: string[]): boolean {
    for (const name of names) {
      const file = parseSegmentFile(name);
      if (file?.kind !== "log" || file.state !== "live") continue;
      const segment = this.#addSegment(file.baseOffset);
      const info = this.#state.files.stat(segment.path)!;
      segment.size = info.size;
      segment.startedMs = info.modifiedMs;
    }
    const { all } = this.#state.segments;
    for (let i = 0; i + 1 < all.length; i++) all[i].endOffset = all[i + 1].baseOffset;
    return all.length > 0;
  }

  #addSegment(baseOffset: number): Segment {
    const { files, folder, segments, readOnly } = this.#state;
    const segment = new Segment(files, folder, baseOffset, !readOnly);
    segments.add(segment);
    return segment;
  }

  /**
   * A sync failed here once: pages that the kernel calls clean may be nowhere but in its cache. Everything from the recovery
   * point on is written again, to new files.
   */
  async #copyPoisoned(names: string[]): Promise<void> {
    const { files, folder, readOnly, segments } = this.#state;
    if (readOnly || !names.includes(POISONED)) return;
    for (const segment of segments.from(this.#options.recoveryPoint)) await this.#copy(segment);
    await files.syncFolder(folder);
    files.remove(join(folder, POISONED));
    await files.syncFolder(folder);
  }

  async #copy(segment: Segment): Promise<void> {
    const { files } = this.#state;
    const temporary = temporaryPath(segment.path);
    const source = files.open(segment.path, "read");
    const target = files.open(temporary, "create");
    const window = new Uint8Array(1024 * 1024);
    try {
      for (let position = 0; position < segment.size; ) {
        const count = source.read(window, 0, window.length, position);
        if (count === 0) break;
        target.write(window, 0, count, position);
        position += count;
        if (this.#pacer.isDue) await this.#pacer.rest();
      }
      await target.sync();
    } finally {
      source.close();
      target.close();
    }
    files.rename(temporary, segment.path);
  }

  /** Walks what may not be good: after a clean close the tail of the last segment, else all from the recovery point on. */
  async #walk(): Promise<void> {
    const { segments } = this.#state;
    const { lastClose, recoveryPoint } = this.#options;
    if (this.#epochsAreLost && segments.all.length > 1) {
      for (const segment of segments.all.slice(0, -1)) await this.#gatherEpochs(segment);
    }
    if (lastClose === "clean" && this.#walkTail(segments.active)) return;
    const from = lastClose === "clean" ? segments.active.baseOffset : recoveryPoint;
    for (const segment of segments.from(from)) {
      const isCut = await this.#walkSegment(segment);
      if (isCut) return;
    }
  }

  /** The few batches behind the last index entry of a log that was closed cleanly. False when something is not as it should be. */
  #walkTail(segment: Segment): boolean {
    if (segment.size === 0 || this.#epochsAreLost) return segment.size === 0;
    const { size } = segment;
    segment.endOffset = Number.POSITIVE_INFINITY;
    ensureIndexes(this.#state, segment);
    const entry = segment.locate(Number.MAX_SAFE_INTEGER);
    const first = segment.read(entry.position, 1).batches[0];
    if (first === undefined || !Segment.confirms(entry, first)) return false;
    const structure = structureIn(
      this.#state,
      segment,
      entry.lastOffset === undefined ? segment.baseOffset : first.baseOffset,
    );
    for (const scanned of scanBatches(segment.log, entry.position, size, structure)) {
      if (isDamage(scanned)) return false;
    }
    segment.endOffset = structure.nextOffset;
    return true;
  }

  /** True when the log was cut inside or behind this segment. */
  async #walkSegment(segment: Segment): Promise<boolean> {
    const state = this.#state;
    const { size } = segment;
    segment.forget();
    markIndexed(segment);
    const structure = structureIn(state, segment, segment.baseOffset);
    for (const scanned of scanBatches(segment.log, 0, size, structure)) {
      if (isDamage(scanned)) {
        if (this.#meetDamage(segment, scanned, size)) return true;
        continue;
      }
      this.#hasProducers ||= scanned.producerId >= 0;
      if (this.#epochsAreLost) state.epochs.assign(scanned.leaderEpoch, scanned.baseOffset);
      const { position, sizeInBytes, lastOffset, maxTimestamp } = scanned;
      segment.note(position, sizeInBytes, lastOffset, maxTimestamp, state.config.indexIntervalBytes);
      this.#scannedBytes += sizeInBytes;
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
    return this.#finishSegment(segment, size);
  }

  /** The segment was walked to its end. True when the ones behind it do not follow, after the death of the machine. */
  #finishSegment(segment: Segment, size: number): boolean {
    const state = this.#state;
    const next = state.segments.after(segment);
    segment.size = size;
    if (next === undefined) return false;
    const isTornOff = segment.endOffset < next.baseOffset && !hasGaps(state);
    if (isTornOff && this.#options.lastClose === "machine" && segment.endOffset >= this.#options.recoveryPoint) {
      this.#dropBehind(segment);
      return true;
    }
    segment.endOffset = next.baseOffset;
    segment.seal();
    if (!state.readOnly) segment.writeIndexes();
    return false;
  }

  /** True when the log ends here now. */
  #meetDamage(segment: Segment, damage: Damage, size: number): boolean {
    const { recoveryPoint, lastClose } = this.#options;
    const isPastRecoveryPoint = damage.from >= recoveryPoint;
    const verdict = decide({ lastClose, isPastRecoveryPoint, behind: this.#lookBehind(segment, damage) });
    if (verdict !== "cut") this.#reportCorrupt(segment, damage);
    if (verdict === "keep") {
      // The bytes stay where they are: what follows keeps its position.
      segment.size = damage.resume?.position ?? size;
      return false;
    }
    this.#truncatedBytes += size - damage.position;
    this.#mayHaveLost ||= !damage.isZeros;
    if (verdict !== "cut") this.#keepAside(segment, damage.position, size);
    this.#dropBehind(segment);
    if (this.#state.readOnly) segment.size = damage.position;
    else segment.truncate(damage.position, segment.endOffset);
    if (verdict === "cutAsideAndResume") this.#resumeAt(Math.max(recoveryPoint, segment.endOffset));
    return true;
  }

  #lookBehind(segment: Segment, damage: Damage): "zeros" | "good" | "nothing" {
    if (damage.resume !== undefined) return "good";
    for (let next = this.#state.segments.after(segment); next; next = this.#state.segments.after(next)) {
      if (next.size > 0 && next.read(0, 1).batches.length > 0) return "good";
    }
    return damage.isZeros ? "zeros" : "nothing";
  }

  #keepAside(segment: Segment, position: number, size: number): void {
    const { files, clock, readOnly } = this.#state;
    if (readOnly) return;
    const piece = new Uint8Array(size - position);
    segment.log.read(piece, 0, piece.length, position);
    const file = files.open(corruptPiece(segment.path, clock.now()), "write");
    file.write(piece, 0, piece.length, 0);
    file.close();
  }

  /** The segments behind `last` do not follow it: those with bytes are kept aside under another name. */
  #dropBehind(last: Segment): void {
    const { segments, files, clock, readOnly } = this.#state;
    for (const segment of [...segments.all].reverse()) {
      if (segment === last) return;
      segments.remove(segment);
      segment.close();
      this.#truncatedBytes += segment.size;
      if (readOnly) continue;
      if (segment.size > 0) files.rename(segment.path, corruptPiece(segment.path, clock.now()));
      this.#removeFiles(segment);
    }
  }

  #removeFiles(segment: Segment): void {
    const { files, folder } = this.#state;
    for (const kind of ["index", "timeindex", "txnindex", "log"] as const) {
      files.remove(join(folder, segmentFile(segment.baseOffset, kind)));
    }
  }

  /** The log goes on behind what was lost, in a segment of its own. */
  #resumeAt(offset: number): void {
    const { segments } = this.#state;
    const { active } = segments;
    if (offset === active.endOffset) return;
    active.seal();
    if (!this.#state.readOnly) active.writeIndexes();
    active.endOffset = offset;
    markIndexed(this.#addSegment(offset));
  }

  /** The log start is known to be past everything that is left: there is nothing to read, and no offset is used again. */
  #restartAt(offset: number): void {
    const { segments, readOnly } = this.#state;
    for (const segment of [...segments.all]) {
      segments.remove(segment);
      segment.close();
      if (!readOnly) this.#removeFiles(segment);
    }
    markIndexed(this.#addSegment(offset));
    this.#state.endOffset = offset;
  }

  async #gatherEpochs(segment: Segment): Promise<void> {
    for (const batch of scanBatches(
      segment.log,
      0,
      segment.size,
      structureIn(this.#state, segment, segment.baseOffset),
    )) {
      if (!isDamage(batch)) this.#state.epochs.assign(batch.leaderEpoch, batch.baseOffset);
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
  }

  async #loadProducers(): Promise<void> {
    const state = this.#state;
    const { files, folder, endOffset, readOnly } = state;
    if (!readOnly) {
      for (const offset of listSnapshots(files, folder)) if (offset > endOffset) removeSnapshot(state, offset);
    }
    const nearest = nearestSnapshot(state, endOffset);
    state.producers = nearest.producers;
    if (nearest.offset === endOffset || this.#isUntouched(nearest)) return;
    for (const _ of replay(state, nearest.producers, nearest.offset, endOffset)) {
      if (this.#pacer.isDue) await this.#pacer.rest();
    }
  }

  /** Whether no producer has written since that snapshot, as far as the walk has seen everything behind it. */
  #isUntouched(snapshot: { producers: ProducerState; offset: number }): boolean {
    if (this.#options.lastClose === "clean" || this.#hasProducers || !snapshot.producers.isEmpty) return false;
    return snapshot.offset >= this.#state.segments.floor(this.#options.recoveryPoint).baseOffset;
  }

  async #settleEpochs(isNew: boolean): Promise<void> {
    const { epochs, endOffset, startOffset, readOnly, files, folder } = this.#state;
    const isFirst = epochs.isEmpty;
    if (isFirst) epochs.assign(0, startOffset);
    const rises = this.#mayHaveLost && !isNew && !readOnly;
    if (rises) epochs.raise(endOffset);
    if (!readOnly && (isFirst || rises || this.#epochsAreLost)) await epochs.save(files, folder);
  }

  #reportRecovered(): void {
    const { topic, partition, endOffset, report } = this.#state;
    const { lastClose } = this.#options;
    if (lastClose === "clean" && this.#truncatedBytes === 0) return;
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
