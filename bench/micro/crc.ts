/** How long does the CRC32C of a batch take, large and small? */
import assert from "node:assert/strict";
import { ATTRIBUTES } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { crc32c } from "../../src/format/crc32c.ts";
import { bytesRecords } from "../records.ts";
import { type Case, contest } from "./contest.ts";
import * as kafkajs from "./kafkajs.ts";

function crcOf(name: string, recordCount: number): Case {
  const builder = new BatchBuilder();
  for (const { key, value, timestamp } of bytesRecords().slice(0, recordCount))
    builder.append(key, value, undefined, timestamp);
  const sealed = builder.seal();
  const covered = Buffer.from(sealed.bytes.subarray(sealed.start + ATTRIBUTES, sealed.end));
  assert.equal(crc32c(covered, 0, covered.length), kafkajs.crc32c(covered));
  return {
    name,
    unitsPerCall: recordCount,
    contestants: { varve: () => crc32c(covered, 0, covered.length), kafkajs: () => kafkajs.crc32c(covered) },
  };
}

export default contest({
  title: "the CRC32C of a batch of records (16-B key, 100-B value)",
  unit: "record",
  cases: [crcOf("1000 records", 1000), crcOf("10 records", 10), crcOf("1 record", 1)],
});
