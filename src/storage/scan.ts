/**
 * Walks a segment batch by batch, over damage: what recovery, index rebuilding and verification have in common.
 *
 * Damage is a stretch of bytes that is no batch, or not the batch that belongs there. Every position behind it is tried for
 * the next header whose CRC and offsets fit. A record may hold bytes that look like a batch (somebody stores log files), so
 * the batches that follow a find must reach the end of the segment, or zeros that do. Where more damage is in the way, the
 * place that the damaged batch itself claims to end at comes first, then the first find.
 */
import { type Batch, claimedSize, HEADER_BYTES, LOG_OVERHEAD, MAGIC } from "../format/batch.ts";
import { readInt64 } from "../format/integers.ts";
import {
  CHUNK_BYTES,
  type Chunk,
  type ChunkMemory,
  FRESH_MEMORY,
  readBatchAt,
  readChunk,
  WalkMemory,
} from "./chunk.ts";
import type { File } from "./files.ts";
import type { Structure } from "./structure.ts";

const EMPTY = new Uint8Array(0);
const ZEROS = Buffer.alloc(CHUNK_BYTES);

export interface Place {
  position: number;
  offset: number;
}

export interface Damage {
  position: number;
  /** The first offset that is lost. */
  from: number;
  reason: string;
  /** Where the next good batch stands, and its offset; undefined when none follows in this file. */
  resume: Place | undefined;
  /** Nothing but zeros from here to the end of the file. */
  isZeros: boolean;
}

export type Scanned = Batch | Damage;

export function isDamage(scanned: Scanned): scanned is Damage {
  return "resume" in scanned;
}

/**
 * The batches in [position, end) of the file, in order, and the damage between them. `structure` says what fits. Who looks for
 * something near `position` reads in smaller chunks.
 */
export function* scanBatches(
  file: File,
  position: number,
  end: number,
  structure: Structure,
  chunkBytes = CHUNK_BYTES,
  memory: ChunkMemory = FRESH_MEMORY,
): Generator<Scanned> {
  while (position < end) {
    const chunk = readChunk(file, position, end, chunkBytes, memory);
    position = chunk.next;
    let damage: Damage | undefined;
    for (let i = 0; i < chunk.batches.length && damage === undefined; i++) {
      const batch = chunk.batches[i];
      const misfit = misfitIn(file, chunk, i, end, structure);
      if (misfit === undefined) {
        structure.accept(batch);
        yield batch;
      } else {
        const isBehindGap = structure.isBehindGap(batch, followingIn(file, chunk, i, end));
        const searchFrom = isBehindGap ? batch.position : batch.position + batch.sizeInBytes;
        damage = describe(file, batch.position, searchFrom, end, structure, misfit);
      }
    }
    if (damage === undefined && chunk.problem !== undefined) {
      damage = describe(file, position, position + 1, end, structure, tellProblem(chunk.problem));
      // Where the log's owner was just writing: a batch that has others behind it is there.
      if (!damage.isZeros && readBatchAt(file, position, end) !== undefined) continue;
    }
    if (damage === undefined) continue;
    yield damage;
    if (damage.resume === undefined) return;
    position = damage.resume.position;
    structure.skipTo(damage.resume.offset);
  }
}

/** The same for who keeps no batch beyond the next one: recovery, and what else walks a whole segment, or the rest of it. */
export function walkBatches(file: File, end: number, structure: Structure, position = 0): Generator<Scanned> {
  return scanBatches(file, position, end, structure, CHUNK_BYTES, new WalkMemory());
}

/** Why the batch at index `i` of a chunk does not belong where it stands. Where the chunk ends its witness is in the next one. */
export function misfitIn(file: File, chunk: Chunk, i: number, end: number, structure: Structure): string | undefined {
  const batch = chunk.batches[i];
  const following = chunk.batches[i + 1];
  const misfit = structure.problem(batch, following);
  if (following !== undefined || (misfit === undefined && !structure.hasGaps)) return misfit;
  return structure.problem(batch, followingIn(file, chunk, i, end));
}

function followingIn(file: File, { batches, next, problem }: Chunk, i: number, end: number): Batch | undefined {
  if (i + 1 < batches.length || problem !== undefined) return batches[i + 1];
  return readBatchAt(file, next, end);
}

/** The reader's word for "the batch reaches past the end". */
function tellProblem(problem: string): string {
  return problem === "short" ? "the batch is cut short" : problem;
}

function describe(
  file: File,
  position: number,
  searchFrom: number,
  end: number,
  structure: Structure,
  reason: string,
): Damage {
  const from = structure.nextOffset;
  const isZeros = isZero(file, position, end);
  const resume = isZeros ? undefined : new Search(file, end, structure).from(searchFrom, position);
  return { position, from, reason, resume, isZeros };
}

/** Bytes that may be checksummed in vain, over those there are: a record full of headers must not take for ever. */
const MAX_EFFORT = 8;

/** For the next place, at or behind a position, where a batch stands that fits. */
class Search {
  readonly #file: File;
  readonly #end: number;
  readonly #structure: Structure;
  #effort = 0;
  #window = EMPTY;
  #windowAt = 0;

  constructor(file: File, end: number, structure: Structure) {
    this.#file = file;
    this.#end = end;
    this.#structure = structure;
  }

  /** `damaged` is where the damage begins. */
  from(position: number, damaged: number): Place | undefined {
    this.#effort = MAX_EFFORT * (this.#end - position) + CHUNK_BYTES;
    let first: Place | undefined;
    for (let at = this.#nextHeader(position); at >= 0; ) {
      const place = this.#batchAt(at);
      if (place === undefined) {
        at = this.#nextHeader(at + 1);
        continue;
      }
      const reach = this.#reachFrom(place);
      if (isZero(this.#file, reach, this.#end)) return place;
      first ??= place;
      at = this.#nextHeader(reach);
    }
    const claimed = this.#claimedEnd(damaged);
    return claimed >= this.#end ? undefined : (this.#batchAt(claimed) ?? first);
  }

  /** The next position that may be a header, by a cheap look; -1 when there is none. */
  #nextHeader(from: number): number {
    for (let position = from; this.#end - position >= HEADER_BYTES && this.#effort > 0; ) {
      if (!this.#holds(position)) return -1;
      const last = this.#windowAt + this.#window.length - HEADER_BYTES;
      for (; position <= last; position++) if (this.#mayBeHeader(position)) return position;
    }
    return -1;
  }

  /** Whether the window has a header's bytes from `position` on; it is moved there if not. */
  #holds(position: number): boolean {
    const windowEnd = this.#windowAt + this.#window.length;
    if (position >= this.#windowAt && position + HEADER_BYTES <= windowEnd) return true;
    const bytes = new Uint8Array(Math.min(CHUNK_BYTES, this.#end - position));
    this.#window = bytes.subarray(0, this.#file.read(bytes, 0, bytes.length, position));
    this.#windowAt = position;
    return this.#window.length >= HEADER_BYTES;
  }

  #mayBeHeader(position: number): boolean {
    const bytes = this.#window;
    const at = position - this.#windowAt;
    if (bytes[at + MAGIC] !== 2) return false;
    const size = claimedSize(bytes, at);
    if (size < HEADER_BYTES || size > this.#end - position) return false;
    if (!this.#structure.mayStartAt(readInt64(bytes, at))) return false;
    this.#effort -= size;
    return true;
  }

  #batchAt(position: number): Place | undefined {
    const batch = position < this.#end ? readBatchAt(this.#file, position, this.#end) : undefined;
    if (batch === undefined || !this.#structure.mayStartAt(batch.baseOffset)) return undefined;
    if (this.#structure.contradiction(batch) !== undefined) return undefined;
    return { position, offset: batch.baseOffset };
  }

  /** How far good batches follow one another from there. */
  #reachFrom({ position, offset }: Place): number {
    let expected = offset;
    for (let at = position; at < this.#end; ) {
      const { batches, next, problem } = readChunk(this.#file, at, this.#end, CHUNK_BYTES);
      for (const batch of batches) {
        const follows = this.#structure.hasGaps ? batch.baseOffset >= expected : batch.baseOffset === expected;
        if (!follows) return batch.position;
        expected = batch.nextOffset;
      }
      if (problem !== undefined) return next;
      at = next;
    }
    return this.#end;
  }

  #claimedEnd(position: number): number {
    const header = new Uint8Array(LOG_OVERHEAD);
    const isThere = this.#file.read(header, 0, LOG_OVERHEAD, position) === LOG_OVERHEAD;
    return isThere ? position + Math.max(HEADER_BYTES, claimedSize(header, 0)) : this.#end;
  }
}

function isZero(file: File, position: number, end: number): boolean {
  const window = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(end - position, 1)));
  while (position < end) {
    const available = file.read(window, 0, Math.min(window.length, end - position), position);
    if (ZEROS.compare(window, 0, available, 0, available) !== 0) return false;
    if (available === 0) return true;
    position += available;
  }
  return true;
}
