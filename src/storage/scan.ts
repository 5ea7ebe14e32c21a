/**
 * Walks a segment batch by batch, over damage: what recovery, index rebuilding and verification have in common.
 *
 * Damage is a stretch of bytes that is no batch, or not the batch that belongs there. It ends at the next header whose CRC
 * and offsets fit: after a batch whose own bytes are good at its end, else found by trying every position.
 */
import { BATCH_LENGTH, Batch, batchProblem, HEADER_BYTES, LOG_OVERHEAD, MAGIC } from "../format/batch.ts";
import { readInt32, readInt64 } from "../format/integers.ts";
import { CHUNK_BYTES, readChunk } from "./chunk.ts";
import type { File } from "./files.ts";
import type { Structure } from "./structure.ts";

export interface Damage {
  position: number;
  /** The first offset that is lost. */
  from: number;
  reason: string;
  /** Where the next good batch stands, and its offset; undefined when none follows in this file. */
  resume: { position: number; offset: number } | undefined;
  /** Nothing but zeros from here to the end of the file. */
  isZeros: boolean;
}

export type Scanned = Batch | Damage;

export function isDamage(scanned: Scanned): scanned is Damage {
  return !(scanned instanceof Batch);
}

/** The batches in [position, end) of the file, in order, and the damage between them. `structure` says what fits. */
export function* scanBatches(file: File, position: number, end: number, structure: Structure): Generator<Scanned> {
  while (position < end) {
    const { batches, next, problem } = readChunk(file, position, end, CHUNK_BYTES);
    position = next;
    let damage: Damage | undefined;
    for (let i = 0; i < batches.length && damage === undefined; i++) {
      const batch = batches[i];
      const misfit = structure.problem(batch, batches[i + 1]);
      if (misfit === undefined) {
        structure.accept(batch);
        yield batch;
      } else {
        const isBehindGap = structure.isBehindGap(batch, batches[i + 1]);
        const searchFrom = isBehindGap ? batch.position : batch.position + batch.sizeInBytes;
        damage = describe(file, batch.position, searchFrom, end, structure, misfit);
      }
    }
    if (damage === undefined && problem !== undefined)
      damage = describe(file, next, next + 1, end, structure, tellProblem(problem));
    if (damage === undefined) continue;
    yield damage;
    if (damage.resume === undefined) return;
    position = damage.resume.position;
    structure.skipTo(damage.resume.offset);
  }
}

/** The reader's word for "the batch reaches past the end". */
export function tellProblem(problem: string): string {
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
  const resume = findBatch(file, searchFrom, end, structure);
  return { position, from, reason, resume, isZeros: resume === undefined && isZero(file, position, end) };
}

/** The next position at or behind `position` where a batch stands that fits; batches there come after `structure.nextOffset`. */
export function findBatch(
  file: File,
  position: number,
  end: number,
  structure: Structure,
): { position: number; offset: number } | undefined {
  const window = new Uint8Array(CHUNK_BYTES);
  while (end - position >= HEADER_BYTES) {
    const available = file.read(window, 0, Math.min(window.length, end - position), position);
    if (available < HEADER_BYTES) return undefined;
    const last = available - HEADER_BYTES;
    for (let at = 0; at <= last; at++) {
      if (window[at + MAGIC] !== 2 || !mayBeHeader(window, at, end - position - at, structure)) continue;
      const offset = goodBatchAt(file, position + at, end, structure);
      if (offset !== undefined) return { position: position + at, offset };
    }
    position += last + 1;
  }
  return undefined;
}

/** A cheap look before a CRC is computed. */
function mayBeHeader(bytes: Uint8Array, at: number, left: number, structure: Structure): boolean {
  const length = readInt32(bytes, at + BATCH_LENGTH);
  return (
    length >= HEADER_BYTES - LOG_OVERHEAD && length + LOG_OVERHEAD <= left && structure.mayStartAt(readInt64(bytes, at))
  );
}

function goodBatchAt(file: File, position: number, end: number, structure: Structure): number | undefined {
  const { batches } = readChunk(file, position, end, HEADER_BYTES);
  const batch = batches[0];
  if (batch === undefined || batchProblem(batch.bytes, batch.at, batch.bytes.length) !== undefined) return undefined;
  return structure.mayStartAt(batch.baseOffset) ? batch.baseOffset : undefined;
}

function isZero(file: File, position: number, end: number): boolean {
  const window = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(end - position, 1)));
  while (position < end) {
    const available = file.read(window, 0, Math.min(window.length, end - position), position);
    for (let i = 0; i < available; i++) if (window[i] !== 0) return false;
    if (available === 0) return true;
    position += available;
  }
  return true;
}
