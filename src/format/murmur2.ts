/**
 * murmur2, 32 bits, exactly as org.apache.kafka.common.utils.Utils.murmur2: the hash that maps a key to its partition.
 * It must never change: a key would move to another partition and its records lose their order.
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The hash of bytes[start, end), a signed 32-bit number as in Java. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const left = end - at;
  if (left > 0) {
    if (left > 2) hash ^= bytes[at + 2] << 16;
    if (left > 1) hash ^= bytes[at + 1] << 8;
    hash = Math.imul(hash ^ bytes[at], M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** The partition of the key bytes[start, end), as Kafka's default partitioner chooses it. */
export function partitionForKey(bytes: Uint8Array, start: number, end: number, partitionCount: number): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitionCount;
}
