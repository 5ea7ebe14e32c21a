/**
 * How much room the data directory takes, and the cap on it (`maxBytes`).
 *
 * Batches are counted as they are appended. The indexes grow along: at most 20 bytes (an offset and a time entry) for each
 * 4096 bytes of log, so each byte counts for 1 + 1/128.
 */
import { VarveError } from "../errors.ts";

const INDEX_SHARE = 1 / 128;

export class Space {
  /** Undefined: no cap. */
  readonly maxBytes: number | undefined;
  #logBytes = 0;
  #otherBytes = 0;

  constructor(maxBytes?: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return Math.ceil(this.#logBytes * (1 + INDEX_SHARE)) + this.#otherBytes;
  }

  /** Throws when so many more bytes of log would pass the cap. */
  check(bytes: number): void {
    if (this.maxBytes === undefined || this.usedBytes + bytes <= this.maxBytes) return;
    const message =
      `the data directory holds ${this.usedBytes} bytes: ${bytes} more would pass maxBytes, ${this.maxBytes}; ` +
      "delete records or topics, or open it with a larger maxBytes";
    throw new VarveError("VARVE_NO_SPACE", message);
  }

  /** Bytes of log came, or went. */
  add(bytes: number): void {
    this.#logBytes += bytes;
  }

  /** What the directory holds besides partitions: the catalogue and the checkpoints. */
  setOther(bytes: number): void {
    this.#otherBytes = bytes;
  }
}
