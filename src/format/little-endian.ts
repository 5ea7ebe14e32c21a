/** Little-endian integers, as the compression formats write them (Kafka's own are big-endian: integers.ts). */

export function readUint16LE(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function readInt32LE(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

export function readUint32LE(bytes: Uint8Array, at: number): number {
  return readInt32LE(bytes, at) >>> 0;
}

/** An unsigned 64-bit size. Rounded above 2^53, where it is larger than any memory anyway. */
export function readUint64LE(bytes: Uint8Array, at: number): number {
  return readUint32LE(bytes, at + 4) * 0x1_0000_0000 + readUint32LE(bytes, at);
}

export function writeInt32LE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}
