/** Java's String.hashCode, by which Kafka chooses the partition of a group or a transactional id in an internal topic. */

export function javaStringHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

/** As Kafka's Utils.abs(id.hashCode) % n, where abs of the smallest int is 0 (not `& 0x7fffffff`, as murmur2 is taken). */
export function partitionForId(id: string, partitionCount: number): number {
  const hash = javaStringHash(id);
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitionCount;
}
