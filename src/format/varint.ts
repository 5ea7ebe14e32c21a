/**
 * Kafka's variable-length integers: zigzag, then base 128, least significant group first, high bit = more to come.
 *
 *   0 → 00   -1 → 01   1 → 02   63 → 7e   -64 → 7f   64 → 80 01   300 → d8 04
 *
 * Writers return the position behind what they wrote. Readers leave it in `cursor.at`: one object for all, because a
 * pair per call would be garbage per record. A negative `cursor.at` means that the bytes ended or the number was too long.
 */

export const cursor = { at: 0 };

/** A byte for every seven bits, and one for 0. */
export function sizeOfVarint(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  return ((38 - Math.clz32(zigzag | 1)) / 7) | 0;
}

export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let zigzag = (value << 1) ^ (value >> 31);
  while (zigzag >>> 7 !== 0) {
    bytes[at++] = zigzag | 0x80;
    zigzag >>>= 7;
  }
  bytes[at] = zigzag;
  return at + 1;
}

/** An int32. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let zigzag = 0;
  for (let shift = 0; shift < 35 && at < end; shift += 7) {
    const byte = bytes[at++];
    zigzag |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = shift === 28 && byte > 0x0f ? -1 : at;
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
  }
  cursor.at = -1;
  return 0;
}

/**
 * `value` is a safe integer. Its zigzag may need 54 bits, one more than a double holds, so it is never formed: the first
 * byte takes the sign and six bits, the rest follows in sevens.
 */
export function sizeOfVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfVarint(value);
  let rest = Math.floor((value < 0 ? -1 - value : value) / 0x40);
  let size = 1;
  while (rest > 0) {
    rest = Math.floor(rest / 0x80);
    size++;
  }
  return size;
}

export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  return value === (value | 0) ? writeVarint(bytes, at, value) : writeLong(bytes, at, value);
}

/** Apart, so that the short cut above is small enough to be inlined. */
function writeLong(bytes: Uint8Array, at: number, value: number): number {
  const magnitude = value < 0 ? -1 - value : value;
  let rest = Math.floor(magnitude / 0x40);
  bytes[at++] = ((magnitude & 0x3f) << 1) | (value < 0 ? 1 : 0) | 0x80;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** An int64 as a number; NaN where it lies outside the safe integers (`readVarlongExact` still reads that one). */
export function readVarlong(bytes: Uint8Array, at: number, end: number): number {
  let magnitude = 0;
  let sign = 0;
  let unit = 0x40;
  for (let size = 1; size <= 10 && at < end; size++) {
    const byte = bytes[at++];
    if (size === 1) {
      magnitude = (byte & 0x7f) >>> 1;
      sign = byte & 1;
    } else {
      magnitude += (byte & 0x7f) * unit;
      unit *= 0x80;
    }
    if (byte < 0x80) {
      cursor.at = size === 10 && byte > 1 ? -1 : at;
      const value = sign === 0 ? magnitude : -1 - magnitude;
      return Number.isSafeInteger(value) ? value : Number.NaN;
    }
  }
  cursor.at = -1;
  return 0;
}

/** The same for the rare number that needs all 64 bits: printing foreign files. */
export function readVarlongExact(bytes: Uint8Array, at: number): bigint {
  let zigzag = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++];
    zigzag |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n));
  }
}
