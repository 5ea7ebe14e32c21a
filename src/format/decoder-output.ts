/**
 * Where a decoder of untrusted bytes writes: an array that grows as it fills, never past maxBytes, and the copies that
 * LZ77 formats are made of. A decoder asks for room before it writes, for no more than its input can stand for.
 */

export class DecoderOutput {
  bytes: Uint8Array;
  size = 0;
  readonly maxBytes: number;

  /** `guess` is how large the result may well be; it is held against maxBytes before memory is spent. */
  constructor(maxBytes: number, guess: number) {
    this.maxBytes = maxBytes;
    this.bytes = new Uint8Array(Math.min(guess, maxBytes));
  }

  /** Makes room for `count` more bytes; returns the end of that room, which maxBytes may have brought nearer. */
  reserve(count: number): number {
    const end = Math.min(this.size + count, this.maxBytes);
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(end, this.bytes.length * 2), this.maxBytes));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    return end;
  }

  /** What was written; copied where it would keep more than twice its size alive. */
  take(): Uint8Array {
    return this.size * 2 < this.bytes.length ? this.bytes.slice(0, this.size) : this.bytes.subarray(0, this.size);
  }
}

/** Up to here a loop is faster than the call of a built-in. */
const SHORT_COPY = 48;

export function copyLiterals(from: Uint8Array, fromAt: number, into: Uint8Array, at: number, length: number): void {
  if (length > SHORT_COPY) {
    into.set(from.subarray(fromAt, fromAt + length), at);
    return;
  }
  for (let i = 0; i < length; i++) into[at + i] = from[fromAt + i];
}

/** Repeats what lies `distance` back. Where it overlaps itself, each long copy doubles what the next one can take. */
export function copyMatch(bytes: Uint8Array, at: number, distance: number, length: number): void {
  const from = at - distance;
  if (length <= SHORT_COPY) {
    for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i];
    return;
  }
  for (const end = at + length; at < end; ) {
    const count = Math.min(at - from, end - at);
    bytes.copyWithin(at, from, from + count);
    at += count;
  }
}
