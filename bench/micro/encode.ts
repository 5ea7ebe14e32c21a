/** How long does it take to make a batch of records: encoded and checksummed, ready to be written? */
import assert from "node:assert/strict";
import { CRC } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { type BenchRecord, bytesRecords, RECORD_COUNT, textRecords } from "../records.ts";
import { contest } from "./contest.ts";
import * as kafkajs from "./kafkajs.ts";

const builder = new BatchBuilder();
const bytes = bytesRecords();
const text = textRecords();

for (const records of [bytes, text]) {
  const sealed = encode(records);
  // What lies before the checksum is decided by the append.
  const ours = sealed.bytes.subarray(sealed.start + CRC, sealed.end);
  assert.deepEqual(ours, (await kafkajs.encode(records)).subarray(CRC));
}

function encode(records: BenchRecord<Uint8Array | string>[]) {
  builder.reset();
  for (const { key, value, timestamp } of records) builder.append(key, value, undefined, timestamp);
  return builder.seal();
}

export default contest({
  title: "a batch of 1000 records (16-B key, 100-B value), encoded and checksummed",
  unit: "record",
  cases: [
    {
      name: "from bytes",
      unitsPerCall: RECORD_COUNT,
      contestants: { varve: () => encode(bytes), kafkajs: () => kafkajs.encode(bytes) },
    },
    {
      name: "from strings",
      unitsPerCall: RECORD_COUNT,
      contestants: { varve: () => encode(text), kafkajs: () => kafkajs.encode(text) },
    },
  ],
});
