/** How long does it take to hash a key to its partition? */
import assert from "node:assert/strict";
import { murmur2 } from "../../src/format/murmur2.ts";
import { bytesRecords, RECORD_COUNT } from "../records.ts";
import { contest } from "./contest.ts";
import * as kafkajs from "./kafkajs.ts";

const keys = bytesRecords().map(({ key }) => key);

for (const key of keys) assert.equal(murmur2(key, 0, key.length), kafkajs.murmur2(key));

/** The sum is returned, so that no compiler finds the work to be useless. */
function hashAll(hash: (key: Buffer) => number): number {
  let sum = 0;
  for (const key of keys) sum = (sum + hash(key)) | 0;
  return sum;
}

export default contest({
  title: "a key of 16 bytes hashed",
  unit: "key",
  cases: [
    {
      name: "16-B key",
      unitsPerCall: RECORD_COUNT,
      contestants: {
        varve: () => hashAll((key) => murmur2(key, 0, key.length)),
        kafkajs: () => hashAll(kafkajs.murmur2),
      },
    },
  ],
});
