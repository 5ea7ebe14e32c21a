/** What a producer is told: for good batches, for retries, and for everything that is no good batch. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TopicOptions } from "../../src/engine/config.ts";
import { Engine } from "../../src/engine/engine.ts";
import {
  ATTRIBUTES,
  BATCH_LENGTH,
  type Batch,
  CONTROL,
  CRC,
  HEADER_BYTES,
  MAGIC,
  MAX_TIMESTAMP,
  RECORD_COUNT,
  TRANSACTIONAL,
} from "../../src/format/batch.ts";
import { compress } from "../../src/format/compression.ts";
import { crc32c } from "../../src/format/crc32c.ts";
import { writeInt16, writeInt32, writeInt64 } from "../../src/format/integers.ts";
import { VALUE_AT, VALUE_LENGTH } from "../../src/format/record.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { type Listener, listen } from "../../src/wire/listener.ts";
import { Produce } from "../../src/wire/messages/00-produce.ts";
import { InitProducerId } from "../../src/wire/messages/22-init-producer-id.ts";
import { batchOf, startListener, until, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let client: WireClient;

async function start(topic: TopicOptions = {}): Promise<void> {
  ({ engine, listener } = await startListener());
  await engine.createTopic("t", topic);
  client = await WireClient.connect(listener.port);
}

afterEach(async () => {
  client?.close();
  await engine?.close();
});

const request = (records: Uint8Array | null, acks = 1, name = "t", index = 0) => {
  return { acks, timeoutMs: 1000, transactionalId: null, topicData: [{ name, partitionData: [{ index, records }] }] };
};

async function produce(records: Uint8Array | null, version = 11, acks = 1) {
  const { responses } = await client.call(Produce, version, request(records, acks));
  return responses[0].partitionResponses[0];
}

/** Puts the checksum right after a change. */
function resealed(bytes: Uint8Array): Uint8Array {
  writeInt32(bytes, CRC, crc32c(bytes, ATTRIBUTES, bytes.length));
  return bytes;
}

function changed(change: (bytes: Uint8Array) => void, values = ["a", "b"]): Uint8Array {
  const bytes = batchOf(values);
  change(bytes);
  return resealed(bytes);
}

const partition = () => engine.topic("t").partition(0);
const stored = () => partition().read(0, 1 << 20, partition().endOffset);

function valuesOf(batch: Batch): string[] {
  const { bytes, rows, count } = batch.records(1 << 20);
  return Array.from({ length: count }, (_, i) => {
    const at = rows[i * 6 + VALUE_AT];
    return Buffer.from(bytes.subarray(at, at + rows[i * 6 + VALUE_LENGTH])).toString();
  });
}

describe("a good batch", () => {
  beforeEach(() => start());

  it.each([3, 4, 5, 6, 7, 8, 9, 10, 11])("in version %i gets its offset", async (version) => {
    expect(await produce(batchOf(["a", "b"]), version)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(batchOf(["c"]), version)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(stored().flatMap(valuesOf)).toEqual(["a", "b", "c"]);
  });

  it("is stored as it came, but for offset and epoch", async () => {
    const bytes = batchOf(["a", "b"], { compression: "gzip" });
    await produce(bytes);
    const [batch] = stored();
    const from = ATTRIBUTES - 4;
    const storedBytes = batch.bytes.subarray(batch.at + from, batch.at + batch.sizeInBytes);
    expect(Buffer.compare(storedBytes, bytes.subarray(from))).toBe(0);
  });

  it.each(["gzip", "snappy", "lz4"] as const)("is read inside %s", async (compression) => {
    await produce(batchOf(["a", "b"], { compression }));
    expect(stored().flatMap(valuesOf)).toEqual(["a", "b"]);
  });

  it("without acknowledgement gets no reply", async () => {
    client.send(Produce, 9, request(batchOf(["a"]), 0));
    expect(await produce(batchOf(["b"]))).toMatchObject({ baseOffset: 1 });
  });

  it("has its largest timestamp put right", async () => {
    const bytes = changed((bytes) => writeInt64(bytes, MAX_TIMESTAMP, 99_999));
    expect(await produce(bytes)).toMatchObject({ errorCode: 0 });
    expect(stored()[0].maxTimestamp).toBe(1_700_000_000_000);
  });
});

describe("a batch that is refused", () => {
  beforeEach(() => start());

  const cases: [string, number, () => Uint8Array | null][] = [
    ["nothing", 87, () => null],
    ["a few bytes", 87, () => new Uint8Array(20)],
    [
      "magic 1",
      87,
      () =>
        changed((bytes) => {
          bytes[MAGIC] = 1;
        }),
    ],
    [
      "a magic that is none",
      2,
      () =>
        changed((bytes) => {
          bytes[MAGIC] = 5;
        }),
    ],
    ["two batches", 87, () => Buffer.concat([batchOf(["a"]), batchOf(["b"])])],
    [
      "a wrong checksum",
      2,
      () => {
        const bytes = batchOf(["a"]);
        bytes[bytes.length - 2] ^= 1;
        return bytes;
      },
    ],
    ["a length past its end", 2, () => changed((bytes) => writeInt32(bytes, BATCH_LENGTH, bytes.length))],
    ["a negative length", 2, () => changed((bytes) => writeInt32(bytes, BATCH_LENGTH, -1))],
    ["a control batch", 87, () => changed((bytes) => writeInt16(bytes, ATTRIBUTES, CONTROL))],
    ["a transaction of nobody", 87, () => changed((bytes) => writeInt16(bytes, ATTRIBUTES, TRANSACTIONAL))],
    ["fewer records than offsets", 87, () => changed((bytes) => writeInt32(bytes, RECORD_COUNT, 1))],
    ["more records than offsets", 87, () => changed((bytes) => writeInt32(bytes, RECORD_COUNT, 3))],
    ["no records", 87, () => changed((bytes) => writeInt32(bytes, RECORD_COUNT, 0))],
    [
      "a record with a wrong length",
      87,
      () =>
        changed((bytes) => {
          bytes[HEADER_BYTES] += 2;
        }),
    ],
    ["an unknown codec", 2, () => changed((bytes) => writeInt16(bytes, ATTRIBUTES, 5))],
    ["no compression where it says gzip", 2, () => changed((bytes) => writeInt16(bytes, ATTRIBUTES, 1))],
    ["a producer without a sequence", 87, () => batchOf(["a"], { producerId: 5, producerEpoch: 0 })],
    [
      "a timestamp beyond 2^53",
      32,
      () =>
        changed((bytes) => {
          bytes[27] = 0x7f;
        }),
    ],
  ];

  it.each(cases)("%s: error %i", async (_, errorCode, make) => {
    expect(await produce(make())).toMatchObject({ errorCode, baseOffset: -1 });
    expect(partition().endOffset).toBe(0);
    expect(await produce(batchOf(["good"]))).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  it("a bomb: small when packed", async () => {
    const zeros = new Uint8Array(200 * 1024 * 1024);
    const packed = compress("gzip", zeros, 0, zeros.length);
    const bytes = new Uint8Array(HEADER_BYTES + packed.length);
    bytes.set(batchOf(["a"]).subarray(0, HEADER_BYTES));
    bytes.set(packed, HEADER_BYTES);
    writeInt16(bytes, ATTRIBUTES, 1);
    writeInt32(bytes, BATCH_LENGTH, bytes.length - 12);
    expect(await produce(resealed(bytes))).toMatchObject({ errorCode: 2 });
  });

  it("zstd before version 7", async () => {
    const bytes = changed((bytes) => writeInt16(bytes, ATTRIBUTES, 4));
    expect(await produce(bytes, 6)).toMatchObject({ errorCode: 76 });
  });

  it("in a version before 3", async () => {
    for (const version of [0, 1, 2]) expect(await produce(batchOf(["a"]), version)).toMatchObject({ errorCode: 35 });
  });

  it("with acks that nobody knows", async () => {
    expect(await produce(batchOf(["a"]), 9, 2)).toMatchObject({ errorCode: 21 });
  });

  it("does not keep others out", async () => {
    const topicData = [
      { name: "missing", partitionData: [{ index: 0, records: batchOf(["a"]) }] },
      {
        name: "t",
        partitionData: [
          { index: 7, records: batchOf(["a"]) },
          { index: 0, records: batchOf(["b"]) },
        ],
      },
    ];
    const { responses } = await client.call(Produce, 9, { acks: -1, timeoutMs: 1, topicData });
    const codes = responses.flatMap(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode));
    expect(codes).toEqual([3, 3, 0]);
  });

  it("without acknowledgement: the connection is closed", async () => {
    client.send(Produce, 9, request(batchOf(["a"]), 0, "missing"));
    await client.closed();
  });
});

describe("the topic decides", () => {
  it("the largest batch", async () => {
    await start({ maxMessageBytes: 100 });
    expect(await produce(batchOf(["x".repeat(200)]))).toMatchObject({ errorCode: 10 });
  });

  it("the compression", async () => {
    await start({ compression: "gzip" });
    await produce(batchOf(["a", "b"]));
    await produce(batchOf(["c"], { compression: "lz4" }));
    expect(stored().map(({ compression }) => compression)).toEqual(["gzip", "gzip"]);
    expect(stored().flatMap(valuesOf)).toEqual(["a", "b", "c"]);
  });

  it("the timestamps", async () => {
    await start({ messageTimestampType: "LogAppendTime" });
    const { logAppendTimeMs } = await produce(batchOf(["a"], { timestamp: 5 }));
    expect(logAppendTimeMs).toBeGreaterThan(1e12);
    expect(stored()[0]).toMatchObject({ timestampType: "LogAppendTime", maxTimestamp: logAppendTimeMs });
  });

  it("that every record has a key", async () => {
    await start({ cleanupPolicy: "compact" });
    const keyless = changed(() => {});
    expect(await produce(keyless)).toMatchObject({ errorCode: 0 });
    const bytes = batchOf(["ab"]);
    // Length, attributes, timestamp and offset delta; then the key's length, 1, and the key: null, and one byte more of value.
    bytes.set([0x01, 0x06, 0x61, 0x62, 0x63, 0x00], HEADER_BYTES + 4);
    expect(await produce(resealed(bytes))).toMatchObject({
      errorCode: 87,
      errorMessage: expect.stringContaining("key"),
    });
  });
});

describe("an idempotent producer", () => {
  beforeEach(() => start());

  const sequenced = (baseSequence: number, values: string[], producerEpoch = 0) =>
    batchOf(values, { producerId: 4, producerEpoch, baseSequence });

  it("gets ids that differ", async () => {
    const ask = { transactionalId: null, transactionTimeoutMs: 1000 };
    const first = await client.call(InitProducerId, 4, ask);
    const second = await client.call(InitProducerId, 0, ask);
    expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 });
    expect(second.producerId).toBe(first.producerId + 1);
    expect(await client.call(InitProducerId, 4, { ...ask, producerId: 5 })).toMatchObject({ errorCode: 42 });
  });

  it("is answered with the original offset when it tries again", async () => {
    await produce(sequenced(0, ["a", "b"]));
    await produce(sequenced(2, ["c"]));
    expect(await produce(sequenced(0, ["a", "b"]))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(sequenced(2, ["c"]))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(partition().endOffset).toBe(3);
  });

  it("is known again after the log was reopened", async () => {
    client.close();
    await engine.close();
    const files = new MemoryFiles();
    const reopen = async () => {
      engine = await Engine.open("/data", { files });
      listener = await listen(engine, { port: 0 });
      client = await WireClient.connect(listener.port);
    };
    await reopen();
    await engine.createTopic("t");
    await produce(sequenced(0, ["a", "b"]));
    await produce(sequenced(2, ["c"]));
    client.close();
    await engine.close();
    await reopen();
    expect(await produce(sequenced(2, ["c"]))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await produce(sequenced(4, ["e"]))).toMatchObject({ errorCode: 45 });
    expect(await produce(sequenced(3, ["d"]))).toMatchObject({ errorCode: 0, baseOffset: 3 });
  });

  it("may leave no gap", async () => {
    await produce(sequenced(0, ["a"]));
    expect(await produce(sequenced(2, ["c"]))).toMatchObject({ errorCode: 45 });
    expect(await produce(sequenced(1, ["b"]))).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });

  it("is fenced by a newer epoch", async () => {
    await produce(sequenced(0, ["a"], 1));
    expect(await produce(sequenced(1, ["b"], 0))).toMatchObject({ errorCode: 47 });
  });
});

describe("a disk", () => {
  let files: FaultyFiles;

  const startOn = async (durability: "process" | "power") => {
    files = new FaultyFiles(new MemoryFiles());
    ({ engine, listener } = await startListener({}, { files, durability }));
    await engine.createTopic("t");
    client = await WireClient.connect(listener.port);
  };

  it("at power: nobody is answered before the sync, requests overlap, replies keep their order", async () => {
    await startOn("power");
    const release = files.holdSyncs(/t-0/);
    let answered = 0;
    const answers = ["a", "b", "c"].map(async (value) => {
      const answer = await produce(batchOf([value]), 9, -1);
      answered++;
      return answer;
    });
    await until(() => partition().endOffset === 3);
    expect(answered).toBe(0);
    release();
    expect((await Promise.all(answers)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
    expect(partition().durableOffset).toBe(3);
  });

  it("whose sync fails: the batch is not acknowledged", async () => {
    await startOn("power");
    files.fail({ on: "sync", path: /t-0.*log$/, code: "VARVE_IO" });
    expect(await produce(batchOf(["a"]), 9, -1)).toMatchObject({ errorCode: 56, baseOffset: -1 });
    expect(await produce(batchOf(["b"]), 9, -1)).toMatchObject({ errorCode: 56 });
  });

  it("that is full: refused, and taken when there is room", async () => {
    await startOn("process");
    files.fail({ on: "write", path: /t-0.*log$/, code: "VARVE_NO_SPACE" });
    expect(await produce(batchOf(["a"]))).toMatchObject({ errorCode: 56 });
    expect(await produce(batchOf(["a"]))).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });
});
