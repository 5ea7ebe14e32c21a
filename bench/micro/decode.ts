/**
 * How long does it take to read a batch: to find where everything lies, to get a record of each, to look at its key and value?
 * kafkajs has one way, to eager objects, and does not check the checksum.
 */
import assert from "node:assert/strict";
import { ConsumerRecord, RecordSource } from "../../src/client/record.ts";
import { serdeFor } from "../../src/client/serde.ts";
import { Batch, batchProblem, placeBatch } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import type { RecordTable } from "../../src/format/record.ts";
import { bytesRecords, RECORD_COUNT } from "../records.ts";
import { contest } from "./contest.ts";
import * as kafkajs from "./kafkajs.ts";

const MAX_BYTES = 1024 * 1024;
const serde = serdeFor("bytes");
const bytes = sealedBatch();

type BytesRecord = ConsumerRecord<Uint8Array, Uint8Array>;

const theirs = await kafkajs.decode(bytes);
assert.equal(toRecords().length, theirs.length);
for (const [index, record] of toRecords().entries()) {
  const { offset, timestamp, key, value } = theirs[index];
  assert.equal(record.offset, Number(offset));
  assert.equal(record.timestamp, Number(timestamp));
  assert.ok(key?.equals(record.key!) && value?.equals(record.value!));
}

function sealedBatch(): Buffer {
  const builder = new BatchBuilder();
  for (const { key, value, timestamp } of bytesRecords()) builder.append(key, value, undefined, timestamp);
  const { bytes, start, end } = builder.seal();
  placeBatch(bytes, start, 4711, 0);
  return Buffer.from(bytes.subarray(start, end));
}

function toTable(): RecordTable {
  return new Batch(bytes, 0).records(MAX_BYTES);
}

function toRecords(): BytesRecord[] {
  const source = new RecordSource("orders", 0, new Batch(bytes, 0), toTable(), serde, "bytes");
  const records = new Array<BytesRecord>(source.count);
  for (let index = 0; index < source.count; index++) records[index] = new ConsumerRecord(source, index);
  return records;
}

function touched(): number {
  let size = 0;
  for (const record of toRecords()) size += record.key!.length + record.value!.length;
  return size;
}

export default contest({
  title: "a batch of 1000 records (16-B key, 100-B value), read",
  unit: "record",
  cases: [
    {
      name: "uncompressed",
      unitsPerCall: RECORD_COUNT,
      contestants: {
        "varve: to a table": toTable,
        "varve: to lazy records": toRecords,
        "varve: key and value touched": touched,
        "varve: all that, and CRC checked": () => [batchProblem(bytes, 0, bytes.length), touched()],
        kafkajs: () => kafkajs.decode(bytes),
      },
    },
  ],
});
