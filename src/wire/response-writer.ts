/**
 * A message writer whose records are not copied: it remembers where they belong, and `chunks` gives the frame as a list of
 * buffers, the records among them as they lie in what was read from the log.
 *
 *   frame    length int32, of what follows | response header | response
 */
import { writeInt32 } from "../format/integers.ts";
import { MessageWriter } from "../format/message-writer.ts";

/** Bytes [at, at + sizeInBytes). A Batch is one. */
export interface RecordRange {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly sizeInBytes: number;
}

const LENGTH_BYTES = 4;

export class ResponseWriter extends MessageWriter {
  readonly #splices: { at: number; ranges: readonly RecordRange[] }[] = [];
  #splicedBytes = 0;

  constructor(version: number) {
    super(version, 512);
    this.room(LENGTH_BYTES);
  }

  get sizeInBytes(): number {
    return this.at + this.#splicedBytes;
  }

  /** The ranges come next, one after the other. */
  splice(ranges: readonly RecordRange[], sizeInBytes: number): void {
    if (sizeInBytes === 0) return;
    this.#splices.push({ at: this.at, ranges });
    this.#splicedBytes += sizeInBytes;
  }

  /** The whole frame. Nothing may be written behind this. */
  chunks(): Uint8Array[] {
    writeInt32(this.bytes, 0, this.sizeInBytes - LENGTH_BYTES);
    const chunks: Uint8Array[] = [];
    let from = 0;
    for (const { at, ranges } of this.#splices) {
      if (at > from) chunks.push(this.bytes.subarray(from, at));
      addRanges(chunks, ranges);
      from = at;
    }
    if (this.at > from) chunks.push(this.bytes.subarray(from, this.at));
    return chunks;
  }
}

/** Ranges that follow each other in memory, as the batches of one read do, become one chunk. */
function addRanges(chunks: Uint8Array[], ranges: readonly RecordRange[]): void {
  let index = 0;
  while (index < ranges.length) {
    const { bytes, at } = ranges[index];
    let end = at;
    while (index < ranges.length && ranges[index].bytes === bytes && ranges[index].at === end) {
      end += ranges[index++].sizeInBytes;
    }
    chunks.push(bytes.subarray(at, end));
  }
}
