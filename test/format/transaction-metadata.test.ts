import { describe, expect, test } from "vitest";
import { MessageReader } from "../../src/format/message-reader.ts";
import {
  readTransactionKey,
  readTransactionValue,
  type TransactionLogValue,
  transactionValueWriter,
  writeTransactionKey,
} from "../../src/format/transaction-metadata.ts";
import { batchesOf, golden } from "./golden.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
}

const HEADER_BYTES = 61;
const COUNT_AT = 57;

/** Key and value of every record of an uncompressed log. */
function recordsOf(log: Uint8Array): [key: Uint8Array, value: Uint8Array][] {
  return batchesOf(log).flatMap(({ position, size }) => {
    const count = new DataView(log.buffer, log.byteOffset + position).getInt32(COUNT_AT);
    const from = new MessageReader(log, 0, position + HEADER_BYTES, position + size);
    return Array.from({ length: count }, (): [Uint8Array, Uint8Array] => {
      const end = from.varint() + from.at;
      from.take(1);
      from.varlong();
      from.varint();
      const [key, value] = [bytesAt(from), bytesAt(from)];
      from.take(end - from.at);
      return [key, value];
    });
  });
}

function bytesAt(from: MessageReader): Uint8Array {
  const length = from.varint();
  return from.bytes.slice(from.take(length), from.at);
}

describe("Kafka's own logs", () => {
  test.each([
    ["__transaction_state-0", "tx-A", 13],
    ["__transaction_state-1", "tx-B", 16],
    ["__transaction_state-2", undefined, 121],
    ["__transaction_state-3", undefined, 61],
  ])("%s: every record is read, and written back byte for byte", (folder, only, count) => {
    const records = recordsOf(golden(`${folder}/00000000000000000000.log`));
    expect(records).toHaveLength(count);
    for (const [key, value] of records) {
      const read = readTransactionKey(key);
      if (read.kind !== "transaction") throw new Error(`an unknown key of version ${read.version}`);
      if (only !== undefined) expect(read.transactionalId).toBe(only);
      expect(writeTransactionKey(read.transactionalId)).toEqual(key);
      expect(transactionValueWriter().write(readTransactionValue(value))).toEqual(value);
    }
  });

  test("a transactional id from its birth to its first commit", () => {
    const values = recordsOf(golden("__transaction_state-0/00000000000000000000.log"))
      .slice(0, 4)
      .map(([, value]) => readTransactionValue(value));
    expect(values.map(({ transactionStatus }) => transactionStatus)).toEqual([
      "Empty",
      "Ongoing",
      "PrepareCommit",
      "CompleteCommit",
    ]);
    expect(values.map(({ transactionPartitions }) => transactionPartitions)).toEqual([
      null,
      [{ topic: "g-txn", partitionIds: [0] }],
      [{ topic: "g-txn", partitionIds: [0] }],
      [],
    ]);
    expect(values[0]).toMatchObject({ producerId: 2, producerEpoch: 0, transactionTimeoutMs: 60_000 });
    expect(values[0].transactionStartTimestampMs).toBe(-1);
  });

  test("an abort", () => {
    const records = recordsOf(golden("__transaction_state-0/00000000000000000000.log"));
    const statuses = records.map(([, value]) => readTransactionValue(value).transactionStatus);
    expect(statuses.slice(4, 7)).toEqual(["Ongoing", "PrepareAbort", "CompleteAbort"]);
  });
});

/** What the classes of Kafka 4.1.1 write. */
const V0 = "0000000000000000000400010000ea600100000001000174000000020000000000000002000000000000000b000000000000000a";
const V1 = "0001000000000000000400010000ea600102027403000000000000000200000000000000000b000000000000000a00";
const V1_TAGS =
  "0001000000000000000400010000ea600102027403000000000000000200000000000000000b000000000000000a0400080000000000000003010800000000000000050202000203020000";

const value: TransactionLogValue = {
  producerId: 4,
  previousProducerId: -1,
  nextProducerId: -1,
  producerEpoch: 1,
  nextProducerEpoch: -1,
  transactionTimeoutMs: 60_000,
  transactionStatus: "Ongoing",
  transactionPartitions: [{ topic: "t", partitionIds: [0, 2] }],
  transactionLastUpdateTimestampMs: 11,
  transactionStartTimestampMs: 10,
  clientTransactionVersion: 0,
};

describe("values", () => {
  test("version 0, both ways", () => {
    expect(readTransactionValue(unhex(V0))).toEqual(value);
    expect(hex(transactionValueWriter().write(value))).toBe(V0);
  });

  test("version 1, with and without tagged fields", () => {
    expect(readTransactionValue(unhex(V1))).toEqual(value);
    expect(readTransactionValue(unhex(V1_TAGS))).toEqual({
      ...value,
      previousProducerId: 3,
      nextProducerId: 5,
      nextProducerEpoch: 0,
      clientTransactionVersion: 2,
    });
  });

  test.each([V0, V1, V1_TAGS])("cut at any byte: %s", (text) => {
    const bytes = unhex(text);
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => readTransactionValue(bytes.subarray(0, length)))).toBe("VARVE_CORRUPT");
    }
  });

  test("a newer version, a status that does not exist", () => {
    expect(codeOf(() => readTransactionValue(unhex(`0002${V1.slice(4)}`)))).toBe("VARVE_UNSUPPORTED_VERSION");
    const bytes = unhex(V0);
    bytes[16] = 8;
    expect(() => readTransactionValue(bytes)).toThrow("no transaction status has number 8");
    const write = () => transactionValueWriter().write({ ...value, transactionStatus: "Sleeping" as "Empty" });
    expect(codeOf(write)).toBe("VARVE_INVALID_ARGUMENT");
  });
});

test("keys: another version is left alone, a damaged one refused", () => {
  expect(hex(writeTransactionKey("tx-A"))).toBe("0000000474782d41");
  expect(readTransactionKey(unhex("0000000474782d41"))).toEqual({
    kind: "transaction",
    version: 0,
    transactionalId: "tx-A",
  });
  expect(readTransactionKey(unhex("000100"))).toEqual({ kind: "unknown", version: 1 });
  expect(codeOf(() => readTransactionKey(unhex("ffff")))).toBe("VARVE_CORRUPT");
  expect(codeOf(() => readTransactionKey(unhex("0000000574782d41")))).toBe("VARVE_CORRUPT");
});
