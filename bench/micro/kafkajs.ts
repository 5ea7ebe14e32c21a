/** The inside of kafkajs 2.2.4 that does the same as src/format/. It has no types. */
import { createRequire } from "node:module";
import type { BenchRecord } from "../records.ts";

export interface KafkajsRecord {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
}

interface Encoder {
  readonly buffer: Buffer;
}

const require = createRequire(import.meta.url);
const encodeRecord: (record: object) => Encoder = require("kafkajs/src/protocol/recordBatch/record/v0");
const {
  RecordBatch,
}: { RecordBatch(fields: object): Promise<Encoder> } = require("kafkajs/src/protocol/recordBatch/v0");
const decodeBatch: (
  decoder: object,
) => Promise<{ records: KafkajsRecord[] }> = require("kafkajs/src/protocol/recordBatch/v0/decoder");
const Decoder: new (bytes: Buffer) => object = require("kafkajs/src/protocol/decoder");

export const crc32c: (bytes: Buffer) => number = require("kafkajs/src/protocol/recordBatch/crc32C");
export const murmur2: (key: Buffer) => number = require("kafkajs/src/producer/partitioners/default/murmur2");

/** As its produce request does it. */
export async function encode(records: BenchRecord<Buffer | string>[]): Promise<Buffer> {
  const firstTimestamp = records[0].timestamp;
  const batch = await RecordBatch({
    records: records.map(({ key, value, timestamp }, offsetDelta) =>
      encodeRecord({ key, value, offsetDelta, timestampDelta: timestamp - firstTimestamp }),
    ),
    firstTimestamp,
    maxTimestamp: records[records.length - 1].timestamp,
    lastOffsetDelta: records.length - 1,
    producerEpoch: -1,
    firstSequence: -1,
  });
  return batch.buffer;
}

/** As its fetch response does it, which leaves the checksum unchecked. */
export async function decode(batch: Buffer): Promise<KafkajsRecord[]> {
  return (await decodeBatch(new Decoder(batch))).records;
}
