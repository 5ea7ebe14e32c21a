import { expect, test } from "vitest";
import { javaStringHash, partitionForId } from "../../src/format/java-hash.ts";

// Printed by a JVM: s.hashCode(), and Utils.abs(s.hashCode()) % 50 of kafka-clients.
test.each([
  ["", 0, 0],
  ["group-1", 293427299, 49],
  ["billing", -109829509, 9],
  ["consumer-group-with-a-long-name", -1157546098, 48],
  ["žluť", 11487934, 34],
  ["polygenelubricants", -2147483648, 0],
])("%j", (id, hash, partition) => {
  expect(javaStringHash(id)).toBe(hash);
  expect(partitionForId(id, 50)).toBe(partition);
});

test.each([
  ["tx-A", 0],
  ["tx-B", 1],
  ["tx-S", 2],
  ["ctx", 3],
])("%s lies in partition %i of 4 in Kafka's own __transaction_state", (id, partition) => {
  expect(partitionForId(id, 4)).toBe(partition);
});
