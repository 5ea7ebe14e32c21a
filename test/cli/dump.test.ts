/** `varve dump` against what Kafka's own tool and Kafka's own consumer say of the same files. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { HEADER_BYTES, placeBatch, sealBatch } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { sizeOfVarlong, writeVarint, writeVarlong } from "../../src/format/varint.ts";
import { open } from "../../src/index.ts";
import { batchesOf, golden, goldenFiles } from "../format/golden.ts";
import { type DumpedBatch, type DumpedRecord, parseDump } from "../oracle/dump-output.ts";
import { varve } from "./running.ts";

const root = fileURLToPath(new URL("../fixtures/golden", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "varve-dump-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function dump(path: string, encoding = "base64") {
  const { code, objects } = await varve(["dump", "--json", "--encoding", encoding, path]);
  return { code, lines: objects() };
}

/** A file of its own folder, with these bytes. */
function file(name: string, bytes: Uint8Array, folder = "t-0"): string {
  const path = join(mkdtempSync(join(scratch, "case-")), folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

describe("a .log", () => {
  const dumped = goldenFiles(".dump.txt");

  it("is what DumpLogSegments says, every batch and record", async () => {
    expect(dumped.length).toBeGreaterThan(10);
    for (const path of dumped) {
      const { files } = parseDump(Buffer.from(golden(path)).toString("latin1"), "");
      const { code, lines } = await dump(join(root, path.replace(".dump.txt", ".log")));
      expect(code).toBe(0);
      const expected = files[0].batches.flatMap((batch) => batch.records.map((record) => expectedLine(batch, record)));
      expect(lines.map(comparable), path).toEqual(expected);
    }
  });

  it("is what Kafka's consumer reads, keys, values and headers byte for byte", async () => {
    const { read_uncommitted: partitions } = JSON.parse(readFileSync(join(root, "expected.json"), "utf8"));
    let count = 0;
    for (const [folder, { records }] of Object.entries<{ records: ExpectedRecord[] }>(partitions)) {
      const logs = goldenFiles(".log").filter((path) => path.startsWith(`${folder}/`));
      if (logs.length === 0) continue;
      const lines: Record<string, unknown>[] = [];
      for (const path of logs) lines.push(...(await dump(join(root, path))).lines);
      const found = lines
        .filter(({ isControl }) => !isControl)
        .map(({ offset, timestamp, timestampType, key, value, headers, partitionLeaderEpoch }) => ({
          offset,
          ts: timestamp,
          tsType: timestampType,
          key,
          value,
          leaderEpoch: partitionLeaderEpoch,
          headers,
        }));
      expect(found, folder).toEqual(
        records.map(({ offset, ts, tsType, key, value, leaderEpoch, headers }) => ({
          offset,
          ts,
          tsType,
          key,
          value,
          leaderEpoch,
          headers,
        })),
      );
      count += found.length;
    }
    expect(count).toBeGreaterThan(500);
  });

  it("has the fields of the documents, in their order, and nothing else", async () => {
    const { lines } = await dump(join(root, "g-none-0/00000000000000000000.log"));
    const fields =
      "file position offset timestamp timestampType key value headers partitionLeaderEpoch producerId producerEpoch sequence isTransactional isControl compression";
    expect(Object.keys(lines[0])).toEqual(fields.split(" "));
  });

  it("shows markers", async () => {
    const { lines } = await dump(join(root, "g-txn-0/00000000000000000007.log"));
    const markers = lines.filter(({ isControl }) => isControl);
    expect(markers.slice(0, 2).map(({ control }) => control)).toEqual([
      { type: "commit", coordinatorEpoch: 0 },
      { type: "abort", coordinatorEpoch: 0 },
    ]);
    expect(lines.some(({ isControl, control }) => !isControl && control !== undefined)).toBe(false);
  });

  it("keeps null apart from empty, in every encoding", async () => {
    const log = batch([
      [null, null],
      ["", ""],
      ["é", "\u0000"],
    ]);
    const values = async (encoding: string) =>
      (await dump(file("00000000000000000000.log", log), encoding)).lines.map(({ key, value }) => [key, value]);
    expect(await values("utf8")).toEqual([
      [null, null],
      ["", ""],
      ["é", "\u0000"],
    ]);
    expect(await values("base64")).toEqual([
      [null, null],
      ["", ""],
      ["w6k=", "AA=="],
    ]);
    expect(await values("hex")).toEqual([
      [null, null],
      ["", ""],
      ["c3a9", "00"],
    ]);
  });

  it("prints numbers of 64 bits to the last digit", async () => {
    const { code, lines } = await dump(file("00000000000000000000.log", farApart(1, 2 ** 60)));
    expect(code).toBe(0);
    expect(lines.map(({ timestamp, producerId }) => [timestamp, producerId])).toEqual([
      [1, "1152921504606846976"],
      ["1152921504606846977", "1152921504606846976"],
    ]);
  });

  it("steps over damage, names it, and fails", async () => {
    const bytes = golden("g-small-0/00000000000000000003.log").slice();
    const places = batchesOf(bytes);
    bytes[places[2].position + 70] ^= 1;
    const path = file("00000000000000000003.log", bytes);
    const { code, lines } = await dump(path);
    expect(code).toBe(1);
    const damaged = lines.filter(({ error }) => error !== undefined);
    expect(damaged).toEqual([
      { file: path, position: places[2].position, error: expect.stringMatching(/CRC32C/), code: "VARVE_CORRUPT" },
    ]);
    expect(lines).toHaveLength(places.length);
    expect(lines[2]).toBe(damaged[0]);
    expect(lines[3]).toMatchObject({ position: places[3].position, offset: places[3].baseOffset });
  });

  it("ends where preallocated zeros begin", async () => {
    const log = batch([["k", "v"]]);
    const { code, lines } = await dump(file("00000000000000000000.log", Buffer.concat([log, new Uint8Array(5000)])));
    expect([code, lines.length]).toEqual([0, 1]);
  });

  it("tells a torn tail", async () => {
    const log = batch([["k", "v"]]);
    const { code, lines } = await dump(file("00000000000000000000.log", Buffer.concat([log, log.subarray(0, 30)])));
    expect(code).toBe(1);
    expect(lines[1]).toMatchObject({ position: log.length, code: "VARVE_CORRUPT" });
  });

  it("is followed through a link, which gives it its name", async () => {
    const link = join(mkdtempSync(join(scratch, "link-")), "00000000000000000000.log");
    symlinkSync(join(root, "g-part-0/00000000000000000000.log"), link);
    const { code, lines } = await dump(link);
    expect([code, lines.length, lines[0].file]).toEqual([0, 9, link]);
  });

  it("is told in words without --json", async () => {
    const { code, stdout } = await varve(["dump", join(root, "g-txn-0/00000000000000000007.log")]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "batch at 156  offsets 9 to 9  1 record  73 bytes  epoch 0  producer 2 epoch 0 sequence 3",
    );
    expect(stdout).toContain('  9  2023-11-14T22:13:20.007Z  "A" → "A1-0"');
    expect(stdout).toContain("abort marker, coordinator epoch 0");
  });
});

describe("the records of Kafka's internal topics", () => {
  it("are decoded: transactions", async () => {
    const { lines } = await dump(join(root, "__transaction_state-0/00000000000000000000.log"), "utf8");
    expect(lines[1]).toMatchObject({
      decodedKey: { kind: "transaction", transactionalId: "tx-A" },
      decodedValue: {
        producerId: 2,
        transactionStatus: "Ongoing",
        transactionPartitions: [{ topic: "g-txn", partitionIds: [0] }],
      },
    });
  });

  it("are decoded: committed offsets", async () => {
    const dir = mkdtempSync(join(scratch, "offsets-"));
    const log = await open(dir);
    const topic = await log.createTopic("t", { codec: "string" });
    await topic.send({ value: "a" });
    for await (const _ of log.consumer({ topics: [topic], group: "g", until: "end" }));
    await log.close();
    const { lines } = await dump(join(dir, "__consumer_offsets-0/00000000000000000000.log"), "utf8");
    const commit = lines.find(({ decodedKey }) => decodedKey?.kind === "offset-commit");
    expect(commit).toMatchObject({ decodedKey: { group: "g", topic: "t", partition: 0 }, decodedValue: { offset: 1 } });
  });

  it("are left alone where they make no sense", async () => {
    const { code, lines } = await dump(file("00000000000000000000.log", batch([["k", "v"]]), "__consumer_offsets-0"));
    expect([code, "decodedValue" in lines[0]]).toEqual([0, false]);
  });
});

describe("an index", () => {
  it("is shown entry by entry, with absolute offsets", async () => {
    const { lines } = await dump(join(root, "g-small-0/00000000000000000003.index"));
    expect(lines.slice(0, 2)).toEqual([
      { offset: 5, position: 155 },
      { offset: 7, position: 309 },
    ]);
    expect((await dump(join(root, "g-small-0/00000000000000000003.timeindex"))).lines[0]).toEqual({
      timestamp: 1795252671555,
      offset: 3,
    });
    expect((await dump(join(root, "g-small-0/00000000000000000003.txnindex"))).lines).toEqual([
      { producerId: 4, firstOffset: 12, lastOffset: 15, lastStableOffset: 16 },
    ]);
  });

  it("ends where preallocated zeros begin", async () => {
    const path = "pre-compaction/g-compact-0/00000000000000000175.index";
    expect(golden(path).length).toBe(1024);
    const { code, lines } = await dump(join(root, path));
    expect([code, lines.length]).toEqual([0, 3]);
  });

  it("names the one entry that is wrong", async () => {
    const bytes = golden("g-small-0/00000000000000000003.index").slice();
    bytes[3 * 8] ^= 0x40;
    const path = file("00000000000000000003.index", bytes);
    const { code, lines } = await dump(path);
    expect(code).toBe(1);
    expect(lines.filter(({ error }) => error)).toEqual([
      { file: path, position: 24, error: expect.any(String), code: "VARVE_CORRUPT" },
    ]);
    expect(lines).toHaveLength(12);
  });
});

describe("a small file", () => {
  it.each([
    [
      "g-small-0/00000000000000000003.snapshot",
      [
        {
          producerId: 4,
          epoch: 0,
          lastSequence: 2,
          lastOffset: 2,
          offsetDelta: 0,
          timestamp: 1700000002000,
          coordinatorEpoch: -1,
          currentTxnFirstOffset: 0,
        },
      ],
    ],
    [
      "g-small-0/leader-epoch-checkpoint",
      [
        { epoch: 0, startOffset: 0 },
        { epoch: 2, startOffset: 160 },
      ],
    ],
    ["g-small-0/partition.metadata", [{ version: 0, topicId: "ILNjCO80TIyDnxqwx11SBg" }]],
    [
      "meta.properties",
      [{ version: 1, clusterId: "4L6g3nShT-eMCtK--X86sw", nodeId: 1, directoryId: "FhZO1GDardcslaEej1jqog" }],
    ],
    [
      "cleaner-offset-checkpoint",
      [
        { topic: "g-compact2", partition: 0, offset: 294 },
        { topic: "g-compacttxn", partition: 0, offset: 54 },
        { topic: "g-compact", partition: 0, offset: 175 },
      ],
    ],
    ["log-start-offset-checkpoint", []],
    [".kafka_cleanshutdown", [{ version: 0, brokerEpoch: 354 }]],
  ])("is shown by Kafka's names: %s", async (path, expected) => {
    expect(await dump(join(root, path))).toEqual({ code: 0, lines: expected });
  });

  it.each([
    ["00000000000000000003.snapshot", "g-small-0/00000000000000000003.snapshot"],
    ["leader-epoch-checkpoint", "g-small-0/leader-epoch-checkpoint"],
  ])("is named when it is damaged: %s", async (name, path) => {
    const bytes = golden(path).slice();
    bytes[2] ^= 0x80;
    const copy = file(name, bytes);
    expect(await dump(copy)).toEqual({
      code: 1,
      lines: [{ file: copy, position: 0, error: expect.any(String), code: "VARVE_CORRUPT" }],
    });
  });
});

describe("what is no such file", () => {
  it("is a line of its own, and the others are shown all the same", async () => {
    const good = join(root, "g-part-0/leader-epoch-checkpoint");
    const copy = join(scratch, "notes.txt");
    copyFileSync(good, copy);
    const { code, objects } = await varve(["dump", "--json", join(scratch, "nowhere.log"), copy, good]);
    expect(code).toBe(1);
    expect(objects().map(({ code, epoch }) => code ?? epoch)).toEqual([
      "VARVE_NOT_FOUND",
      "VARVE_INVALID_ARGUMENT",
      0,
      2,
    ]);
  });
});

it("stops when nobody reads any more", async () => {
  let pieces = 0;
  const logs = goldenFiles(".log").map((path) => join(root, path));
  const { code } = await varve(["dump", ...logs], { onStdout: () => ++pieces === 1 });
  expect([code, pieces]).toEqual([0, 1]);
});

interface ExpectedRecord {
  offset: number;
  ts: number;
  tsType: string;
  key: string | null;
  value: string | null;
  leaderEpoch: number;
  headers: [string, string | null][];
}

/** A line without what DumpLogSegments does not tell. */
// biome-ignore lint/suspicious/noExplicitAny: it is taken apart here
function comparable(line: Record<string, any>) {
  const { file, isControl, control, key, value, headers, ...rest } = line;
  const bytes = (text: string | null) => (text === null ? -1 : Buffer.from(text, "base64").length);
  const names = (headers as [string, unknown][]).map(([name]) => name);
  return { ...rest, isControl, marker: control?.type, keySize: bytes(key), valueSize: bytes(value), headerKeys: names };
}

function expectedLine(batch: DumpedBatch, record: DumpedRecord) {
  return {
    position: batch.position,
    offset: record.offset,
    timestamp: record.timestamp,
    timestampType: record.timestampType,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    sequence: record.sequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    marker: record.endTxnMarker?.toLowerCase(),
    compression: batch.compresscodec,
    keySize: record.keySize,
    valueSize: record.valueSize,
    headerKeys: record.headerKeys,
  };
}

/** One stored batch at offset 0. */
function batch(records: readonly (readonly [string | null, string | null])[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const [key, value] of records) builder.append(key, value, undefined, 1);
  const { bytes, end } = builder.seal();
  const copy = bytes.slice(0, end);
  placeBatch(copy, 0, 0, 0);
  return copy;
}

/** Two records without key, value and headers, whose timestamps are `delta` apart: more than a number of ours can be. */
function farApart(timestamp: number, delta: number): Uint8Array {
  const bytes = new Uint8Array(200);
  let end = HEADER_BYTES;
  for (const [offsetDelta, timestampDelta] of [0, delta].entries()) {
    const size = 1 + sizeOfVarlong(timestampDelta) + 4;
    end = writeVarlong(bytes, writeVarint(bytes, end, size) + 1, timestampDelta);
    // Offset delta, no key, no value, no headers.
    for (const number of [offsetDelta, -1, -1, 0]) end = writeVarint(bytes, end, number);
  }
  const fields = { attributes: 0, lastOffsetDelta: 1, producerEpoch: 0, baseSequence: 0, recordCount: 2 };
  sealBatch(bytes, 0, end, { ...fields, baseTimestamp: timestamp, maxTimestamp: timestamp, producerId: delta });
  return bytes.slice(0, end);
}
