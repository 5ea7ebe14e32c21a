/**
 * Reads a run of whole batches from a `.log` file in one go and checks each one's own bytes (length, magic, CRC32C).
 * Whether a batch stands where it should is for structure.ts.
 */
import { Batch, batchProblem, claimedSize, HEADER_BYTES, LOG_OVERHEAD } from "../format/batch.ts";
import type { File } from "./files.ts";

export const CHUNK_BYTES = 256 * 1024;

export interface Chunk {
  batches: Batch[];
  /** Where the batch behind the last good one starts. */
  next: number;
  /** What is wrong with the batch at `next`; undefined when only the budget (or the file) ended. */
  problem: string | undefined;
}

/** Where chunks are read to. */
export interface ChunkMemory {
  /** At least so many bytes; what they hold is of no interest. */
  take(byteLength: number): Uint8Array;
}

/**
 * Memory of its own for every chunk, so that a record stays valid as long as somebody holds it. Small ones, which a consumer gets
 * who is woken by each append, lie next to each other in pieces that Node makes for the purpose, and never uses again either.
 */
export const FRESH_MEMORY: ChunkMemory = {
  take: (byteLength) =>
    byteLength < SMALL_BYTES ? Buffer.allocUnsafe(byteLength) : Buffer.allocUnsafeSlow(byteLength),
};

const SMALL_BYTES = 2048;

/** The same memory for every chunk of a walk that holds on to nothing: half of the time, since fresh pages cost as much as reading. */
export class WalkMemory implements ChunkMemory {
  #bytes = new Uint8Array(0);

  take(byteLength: number): Uint8Array {
    if (byteLength > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(byteLength);
    return this.#bytes;
  }
}

/** What `readBatches` says: read at once, so one is enough. */
const verdict = new Int32Array(1);

/**
 * The batches from `position` on that lie before `end`, about `maxBytes` of them but at least one. Where there is no batch
 * there is a problem: whoever reads on from `next` gets to the end.
 */
export function readChunk(
  file: File,
  position: number,
  end: number,
  maxBytes: number,
  memory: ChunkMemory = FRESH_MEMORY,
): Chunk {
  const want = Math.min(Math.max(maxBytes, HEADER_BYTES), end - position);
  let bytes = memory.take(want);
  let available = file.readBatches(bytes, want, position, verdict);
  const isCut = available < want;
  const first = sizeOfBatch(bytes, available);
  if (first > available && position + first <= end && !isCut) {
    const whole = memory.take(first);
    whole.set(bytes.subarray(0, available));
    available += file.read(whole, available, first - available, position + available);
    bytes = whole;
    verdict[0] = file.native?.goodBatches(whole, 0, available) ?? 0;
  }
  const chunk = parseChunk(file, bytes, available, verdict[0], position, position + available >= end || isCut);
  // The file is shorter than it was when its size was taken.
  if (isCut) chunk.problem ??= "short";
  return chunk;
}

/** The batch at `position`, or undefined when there is no good one. */
export function readBatchAt(file: File, position: number, end: number): Batch | undefined {
  return readChunk(file, position, end, HEADER_BYTES).batches[0];
}

/** What the header at `position` claims; 0 when there is none. */
export function sizeOfBatchAt(file: File, position: number): number {
  const header = new Uint8Array(LOG_OVERHEAD);
  return sizeOfBatch(header, file.read(header, 0, LOG_OVERHEAD, position));
}

/** `good` is how far the batches are known to be good already. */
function parseChunk(
  { native }: File,
  bytes: Uint8Array,
  available: number,
  good: number,
  position: number,
  isLast: boolean,
): Chunk {
  const batches: Batch[] = [];
  let at = 0;
  while (at < available) {
    const problem = at < good ? undefined : batchProblem(bytes, at, available, native);
    if (problem === "short" && !isLast && at > 0) break;
    if (problem !== undefined) return { batches, next: position + at, problem };
    const batch = new Batch(bytes, at, native);
    batch.position = position + at;
    batches.push(batch);
    at += batch.sizeInBytes;
  }
  return { batches, next: position + at, problem: undefined };
}

/** What the header at the start claims, or 0 when there is none. */
function sizeOfBatch(bytes: Uint8Array, available: number): number {
  return available < LOG_OVERHEAD ? 0 : claimedSize(bytes, 0);
}
