/**
 * The map of one file that this process writes, for look-ups in place. The native module holds it, drops the least recently used one
 * of all files when there are too many, and never lets JavaScript see a byte of it.
 *
 * Promises: a file is mapped only once it is looked into again and again, and up to the size that it has then. Where it has grown
 * since, what lies behind that is not found here, until enough look-ups were for that to map the file anew. Whoever cuts the file back or closes it
 * unmaps it before.
 */
import { END, GONE, IN_DOUBT, MAP, type RecordCopies } from "../format/record-copies.ts";
import type { Native } from "../native.ts";

/** A map takes about as long as two look-ups without one. What is mapped anew is paged in anew, by and by: */
const MISSES_PER_MAP = 8;
const BYTES_PER_MISS = 1024 * 1024;

/** A native module that has maps: on Unix systems. */
export type MappingNative = Native & Required<Pick<Native, "map" | "unmap" | "findRecord">>;

export function hasMaps(native: Native | undefined): native is MappingNative {
  return native?.findRecord !== undefined;
}

export interface MappedFile {
  /** Opens it where it is not open. */
  descriptor(): number;
  size(): number;
}

export class FileMap {
  readonly #native: MappingNative;
  #map: number | undefined;
  #mappedBytes = 0;
  /** Look-ups that were for what is not mapped, since the last map was made. */
  #misses = 0;

  constructor(native: MappingNative) {
    this.#native = native;
  }

  /** See File.findRecord. It is always the same file. */
  findRecord(copies: RecordCopies, file: MappedFile): number {
    const end = copies.slip[END];
    const answer = this.#look(copies, end);
    const isMissing = answer === GONE || (answer === IN_DOUBT && end > this.#mappedBytes);
    if (!isMissing || ++this.#misses < MISSES_PER_MAP + this.#mappedBytes / BYTES_PER_MISS) return answer;
    this.#remap(file);
    return this.#look(copies, end);
  }

  unmap(): void {
    if (this.#map !== undefined) this.#native.unmap(this.#map);
    this.#map = undefined;
    this.#mappedBytes = 0;
  }

  #look(copies: RecordCopies, end: number): number {
    if (this.#map === undefined) return GONE;
    copies.slip[MAP] = this.#map;
    copies.slip[END] = Math.min(end, this.#mappedBytes);
    return this.#native.findRecord(copies.bytes);
  }

  /** Where it cannot be mapped, and some file systems have no maps, it is asked for again as rarely. */
  #remap(file: MappedFile): void {
    this.unmap();
    this.#misses = 0;
    const size = file.size();
    const map = this.#native.map(file.descriptor(), size, false);
    if (map < 0) return;
    this.#map = map;
    this.#mappedBytes = size;
  }
}
