/**
 * The bytes of a file in memory: any size, holes that cost nothing, clones that share until one side writes.
 *
 *   chunks   [0]            [1]            [2]          each up to CHUNK bytes; what is missing is zeros
 *            |bytes, zeros| |(undefined)  | |bytes|
 *
 * A chunk grows by doubling, so that a small file stays small and a large one is never copied as a whole. Bytes of a
 * chunk past the end of the file are always zero.
 */

const CHUNK = 1 << 18;
const FIRST_ROOM = 256;

export class MemoryContent {
  #size = 0;
  #chunks: (Uint8Array | undefined)[] = [];
  /** Whether the chunk belongs to this content alone. */
  #own: boolean[] = [];

  get size(): number {
    return this.#size;
  }

  /** A copy that shares every chunk until one of the two writes to it. */
  clone(): MemoryContent {
    const copy = new MemoryContent();
    copy.#size = this.#size;
    copy.#chunks = this.#chunks.slice();
    copy.#own = new Array(this.#chunks.length).fill(false);
    this.#own.fill(false);
    return copy;
  }

  read(into: Uint8Array, at: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.#size - position));
    for (let done = 0; done < count; ) {
      const from = (position + done) % CHUNK;
      const part = Math.min(count - done, CHUNK - from);
      this.#readPart(Math.floor((position + done) / CHUNK), from, part, into, at + done);
      done += part;
    }
    return count;
  }

  write(from: Uint8Array, at: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const start = (position + done) % CHUNK;
      const part = Math.min(length - done, CHUNK - start);
      const chunk = this.#room(Math.floor((position + done) / CHUNK), start + part);
      chunk.set(from.subarray(at + done, at + done + part), start);
      done += part;
    }
    this.#size = length === 0 ? this.#size : Math.max(this.#size, position + length);
  }

  truncate(size: number): void {
    const count = Math.ceil(size / CHUNK);
    if (this.#chunks.length > count) {
      this.#chunks.length = count;
      this.#own.length = count;
    }
    const rest = size % CHUNK;
    if (size < this.#size && rest > 0 && (this.#chunks[count - 1]?.length ?? 0) > rest) {
      this.#room(count - 1, rest).fill(0, rest);
    }
    this.#size = size;
  }

  #readPart(index: number, from: number, length: number, into: Uint8Array, at: number): void {
    const chunk = this.#chunks[index];
    const stored = Math.max(0, Math.min(length, (chunk?.length ?? 0) - from));
    if (chunk && stored > 0) into.set(chunk.subarray(from, from + stored), at);
    if (stored < length) into.fill(0, at + stored, at + length);
  }

  /** The chunk, owned and at least `room` bytes long. */
  #room(index: number, room: number): Uint8Array {
    const chunk = this.#chunks[index];
    if (chunk && this.#own[index] && chunk.length >= room) return chunk;
    let length = Math.max(FIRST_ROOM, chunk?.length ?? 0);
    while (length < room) length *= 2;
    const grown = new Uint8Array(length);
    if (chunk) grown.set(chunk);
    while (this.#chunks.length < index) {
      this.#chunks.push(undefined);
      this.#own.push(false);
    }
    this.#chunks[index] = grown;
    this.#own[index] = true;
    return grown;
  }
}
