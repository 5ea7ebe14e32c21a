/**
 * What a batch must be, given where it stands: the check of the fields that the CRC does not cover.
 *
 *   base offset    follows the batch before it without a gap. In a compacted log a gap may lie between them; then the
 *                  producers' sequences, which the CRC covers, say how far two batches are apart at the least
 *   leader epoch   is the one that the checkpoint has for that offset, unless a neighbour shows that the checkpoint is the
 *                  one that is off; without a checkpoint it must not fall from one batch to the next
 *   magic, length  are checked with the bytes themselves: a wrong length gives a wrong CRC
 *
 * A segment that compaction has written names the last offset of every batch in its index: a batch that the index does not
 * name, or names otherwise, is damaged. Which of the two files is wrong nobody can tell, so the batch is not served.
 *
 * What remains is in compacted segments that Kafka wrote: a flipped bit in the base offset of a batch goes unnoticed when the
 * wrong offset still lies in the gap around it and no sequence of the same producer says otherwise.
 */
import { type Batch, NO_PRODUCER_ID, NO_SEQUENCE } from "../format/batch.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";

/** What knows the last offset of every batch by its position. */
export interface Witness {
  lastOffsetAt(position: number): number | undefined;
}

export class Structure {
  /** The offset that the next batch is expected to start at. */
  nextOffset: number;
  readonly hasGaps: boolean;
  readonly #endOffset: number;
  readonly #epochs: LeaderEpochs | undefined;
  readonly #witness: Witness | undefined;
  #previousEpoch: number | undefined;
  #previousOffset = -1;
  /** Only where there may be gaps. */
  #previous: Neighbour | undefined;

  /** `endOffset`: where the next segment (or nothing at all) begins. `epochs`: undefined when the checkpoint is lost. */
  constructor(
    nextOffset: number,
    hasGaps: boolean,
    endOffset: number,
    epochs: LeaderEpochs | undefined,
    witness?: Witness,
  ) {
    this.nextOffset = nextOffset;
    this.#witness = witness;
    this.hasGaps = hasGaps;
    this.#endOffset = endOffset;
    this.#epochs = epochs;
  }

  /** Another one that stands at the same place, to go on from there twice. */
  copy(): Structure {
    const copy = new Structure(this.nextOffset, this.hasGaps, this.#endOffset, this.#epochs, this.#witness);
    copy.#previousEpoch = this.#previousEpoch;
    copy.#previousOffset = this.#previousOffset;
    copy.#previous = this.#previous;
    return copy;
  }

  /** Whether a batch was accepted, so that it can bear witness. */
  get hasPrevious(): boolean {
    return this.#previousEpoch !== undefined;
  }

  /** What is wrong with the batch, or undefined; `following` is the one behind it, where that is known. */
  problem(batch: Batch, following: Batch | undefined): string | undefined {
    const { baseOffset, lastOffset } = batch;
    if (baseOffset !== this.nextOffset) {
      if (!this.hasGaps || !(baseOffset > this.nextOffset))
        return `base offset ${baseOffset} where ${this.nextOffset} was expected`;
    }
    const contradiction = this.contradiction(batch);
    if (contradiction !== undefined) return contradiction;
    if (!(lastOffset < this.#endOffset)) return `offset ${lastOffset} lies past the end ${this.#endOffset}`;
    if (this.hasGaps && this.#witness === undefined && this.#isOutOfSequence(batch, following))
      return `base offset ${baseOffset} does not go with the sequences of its producer`;
    const epoch = this.#epochs?.at(baseOffset);
    if (batch.leaderEpoch !== epoch && !this.#isEpochCredible(batch, following, epoch))
      return `leader epoch ${batch.leaderEpoch} where ${epoch ?? this.#previousEpoch} was expected`;
    return undefined;
  }

  /** What the index has against the batch, where it names every one. */
  contradiction({ position, lastOffset }: Batch): string | undefined {
    if (this.#witness === undefined) return undefined;
    const named = this.#witness.lastOffsetAt(position);
    if (named === lastOffset) return undefined;
    return named === undefined
      ? "the index does not name the batch"
      : `last offset ${lastOffset} where the index has ${named}`;
  }

  /** The batch is good: the next one follows it. */
  accept(batch: Batch): void {
    this.nextOffset = batch.lastOffset + 1;
    this.#previousEpoch = batch.leaderEpoch;
    this.#previousOffset = batch.baseOffset;
    if (this.hasGaps) this.#previous = new Neighbour(batch);
  }

  /** Where damage lies, the next good batch starts at `offset`. */
  skipTo(offset: number): void {
    this.nextOffset = offset;
  }

  /** Whether a batch behind damage may start at that offset. */
  mayStartAt(offset: number): boolean {
    return offset >= this.nextOffset && offset < this.#endOffset;
  }

  /** A batch that starts too far on is right all the same when the one behind it agrees: then what was between is lost. */
  isBehindGap(batch: Batch, following: Batch | undefined): boolean {
    if (batch.baseOffset === this.nextOffset || this.contradiction(batch) !== undefined) return false;
    return this.mayStartAt(batch.baseOffset) && following?.baseOffset === batch.lastOffset + 1;
  }

  /** An epoch that the checkpoint does not have is true when a neighbour has it too, for which the checkpoint is just as wrong. */
  #isEpochCredible(batch: Batch, following: Batch | undefined, expected: number | undefined): boolean {
    const { leaderEpoch } = batch;
    const before = this.#previousEpoch;
    const behind = following?.leaderEpoch;
    if (expected === undefined) return leaderEpoch >= (before ?? 0) && leaderEpoch <= (behind ?? leaderEpoch);
    if (leaderEpoch === before && this.#epochs?.at(this.#previousOffset) !== before) return true;
    return following !== undefined && leaderEpoch === behind && this.#epochs?.at(following.baseOffset) !== behind;
  }

  /**
   * Each record of a producer takes one sequence and one offset, so offsets grow at least as fast. Where this batch and the
   * following one disagree, this one is bent unless it fits what came before just so, or the other one is bent by itself.
   */
  #isOutOfSequence(batch: Batch, following: Batch | undefined): boolean {
    const previous = this.#previous;
    if (slack(previous, batch) < 0) return true;
    if (following === undefined || !this.mayStartAt(following.baseOffset)) return false;
    const overlaps = following.baseOffset <= batch.lastOffset;
    if (!overlaps && !(slack(new Neighbour(batch), following) < 0)) return false;
    return batch.baseOffset !== this.nextOffset && slack(previous, batch) !== 0 && !(slack(previous, following) < 0);
  }
}

/** What is kept of a batch that was accepted: not its bytes, which would stay in memory with it. */
class Neighbour {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;

  constructor(batch: Batch) {
    this.producerId = batch.producerId;
    this.producerEpoch = batch.producerEpoch;
    this.baseSequence = batch.baseSequence;
    this.lastSequence = batch.lastSequence;
    this.lastOffset = batch.lastOffset;
  }
}

/** How many more offsets than sequences lie between two batches of one producer; NaN where there is nothing to compare. */
function slack(first: Neighbour | undefined, second: Batch | undefined): number {
  if (first === undefined || second === undefined || first.producerId === NO_PRODUCER_ID) return Number.NaN;
  if (first.producerId !== second.producerId || first.producerEpoch !== second.producerEpoch) return Number.NaN;
  if (first.baseSequence === NO_SEQUENCE || second.baseSequence === NO_SEQUENCE) return Number.NaN;
  return second.baseOffset - first.lastOffset - (second.baseSequence - first.lastSequence);
}
