/**
 * Cuts a stream into frames: length int32, then as many bytes. A length that no request has (negative, too large, or too
 * short for a header) throws: what comes then is another protocol, or nothing to talk to.
 *
 * Nothing is allocated on the word of a length: bytes are kept as they come in, and joined when all are there. Small pieces are joined
 * before, each with one no larger: a byte that comes by itself costs a byte, not the two hundred of a buffer.
 */
import { VarveError } from "../errors.ts";
import { readInt32 } from "../format/integers.ts";

const LENGTH_BYTES = 4;

/** API key, version and correlation id. */
const MIN_REQUEST_BYTES = 8;

/** What is joined as it comes; larger pieces wait until all are there. */
const SMALL_BYTES = 4096;

export class FrameReader {
  readonly #maxBytes: number;
  readonly #minBytes: number;
  #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;

  constructor(maxBytes: number, minBytes = MIN_REQUEST_BYTES) {
    this.#maxBytes = maxBytes;
    this.#minBytes = minBytes;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    this.#joinSmall();
  }

  #joinSmall(): void {
    const chunks = this.#chunks;
    for (let last = chunks.length - 1; last > 0; last--) {
      if (chunks[last].length > SMALL_BYTES || chunks[last - 1].length > chunks[last].length) return;
      chunks.splice(last - 1, 2, Buffer.concat([chunks[last - 1], chunks[last]]));
    }
  }

  /** The content of the next frame, once it is there. */
  next(): Uint8Array | undefined {
    if (this.#bufferedBytes < LENGTH_BYTES) return undefined;
    this.#gather(LENGTH_BYTES);
    const length = readInt32(this.#chunks[0], 0);
    if (length < this.#minBytes || length > this.#maxBytes) {
      const message = `a frame of ${length} bytes; a request has from ${this.#minBytes} to ${this.#maxBytes}`;
      throw new VarveError("VARVE_CORRUPT", message);
    }
    const end = LENGTH_BYTES + length;
    if (this.#bufferedBytes < end) return undefined;
    this.#gather(end);
    const first = this.#chunks[0];
    if (first.length === end) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(end);
    this.#bufferedBytes -= end;
    return first.subarray(LENGTH_BYTES, end);
  }

  /** Sees to it that the first chunk has at least `size` bytes. */
  #gather(size: number): void {
    if (this.#chunks[0].length >= size) return;
    let count = 0;
    let have = 0;
    while (have < size) have += this.#chunks[count++].length;
    const last = this.#chunks[count - 1];
    const over = have - size;
    const parts = this.#chunks.slice(0, count - 1);
    parts.push(last.subarray(0, last.length - over));
    const rest = over > 0 ? [last.subarray(last.length - over)] : [];
    this.#chunks = [Buffer.concat(parts), ...rest, ...this.#chunks.slice(count)];
  }
}
