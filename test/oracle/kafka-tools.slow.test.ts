/** The oracle itself on trial: Kafka's tool finds no fault with Kafka's own files, and each planted fault in a copy of them. */
import { isUtf8 } from "node:buffer";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DumpedFile } from "./dump-output.ts";
import { dumpLogSegments } from "./kafka-tools.ts";

const golden = join(import.meta.dirname, "../fixtures/golden");
const dumpable = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-oracle-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the golden data directory: the tool may create a missing index, and the tests below bend files. */
function copyOfGolden(name: string): string {
  const copy = join(folder, name);
  cpSync(golden, copy, { recursive: true });
  return copy;
}

describe("Kafka's own files", () => {
  it("have no fault, and the tool reads back their records", async () => {
    const copy = copyOfGolden("whole");
    const files = readdirSync(copy, { recursive: true, encoding: "utf8" })
      .filter((name) => dumpable.includes(extname(name)))
      .map((name) => join(copy, name));
    const dump = await dumpLogSegments(files);
    // Compaction leaves gaps between offsets, and pre-compaction/ was copied from a running broker, whose indexes have room to
    // grow. Nothing else may be so.
    const faults = dump.problems.filter(
      ({ kind, file }) =>
        !(kind === "gap" && file?.includes("g-compact")) && !(kind === "index" && file?.includes("pre-compaction")),
    );
    expect(faults).toEqual([]);
    expect(dump.files.map((file) => file.path)).toEqual(files);

    const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")).read_uncommitted;
    for (const [partition, { records }] of Object.entries<{ records: Expected[] }>(expected)) {
      const ofPartition = dump.files.filter((file) => file.path.startsWith(join(copy, partition, "/")));
      expect(recordsOf(ofPartition), partition).toEqual(records.map(asDumped));
    }
  });

  it("of the transaction coordinator are decoded", async () => {
    const file = join(copyOfGolden("transactions"), "__transaction_state-0/00000000000000000000.log");
    const [{ batches }] = (await dumpLogSegments([file], { decoder: "transaction-log" })).files;
    const { key, value } = batches[0].records[0];
    expect(JSON.parse(key!)).toMatchObject({ type: "0", data: { transactionalId: expect.any(String) } });
    expect(JSON.parse(value!)).toMatchObject({ version: "0", data: { producerId: expect.any(Number) } });
  });
});

describe("a planted fault", () => {
  const faults: [what: string, file: string, plant: (path: string) => void, kind: string][] = [
    ["a flipped payload bit", "g-none-0/00000000000000000000.log", flip(200, 1), "batch"],
    ["a batch of magic 1", "g-none-0/00000000000000000000.log", flip(16, 3), "batch,other"],
    ["bytes behind the last batch", "g-lz4-0/00000000000000000000.log", append(Buffer.alloc(9, 1)), "trailing"],
    ["zeros behind the last batch", "g-zstd-0/00000000000000000000.log", append(Buffer.alloc(100)), "died"],
    ["a bent offset in an .index", "g-small-0/00000000000000000003.index", flip(3, 1), "index"],
    ["a bent position in an .index", "g-small-0/00000000000000000087.index", flip(6, 64), "died,index"],
    ["zeros behind the last entry", "g-small-0/00000000000000000059.index", append(Buffer.alloc(16)), "index"],
    ["a bent timestamp in a .timeindex", "g-small-0/00000000000000000031.timeindex", flip(7, 1), "index"],
    ["a bent offset in a .timeindex", "g-small-0/00000000000000000059.timeindex", flip(11, 1), "index"],
    ["a bent .snapshot", "g-small-0/00000000000000000115.snapshot", flip(12, 1), "snapshot"],
    ["a newer .txnindex", "g-small-0/00000000000000000115.txnindex", flip(0, 1), "died,index"],
    ["a missing batch", "g-gzip-0/00000000000000000000.log", cutOutSecondBatch, "gap"],
  ];

  it("is found, each one, and none besides", async () => {
    const found: string[] = [];
    const files = faults.map(([what, file, plant]) => {
      const path = join(copyOfGolden(what.replaceAll(" ", "-")), file);
      plant(path);
      return path;
    });
    // All in one call: a fault on which the tool dies must not hide the others.
    const { problems } = await dumpLogSegments(files);
    for (const [at, [what, , , kind]] of faults.entries()) {
      const own = problems.filter(({ file, message }) => file === files[at] || message.includes(files[at]));
      const unnamed = kind === "snapshot" ? problems.filter((problem) => problem.kind === "snapshot") : [];
      found.push(`${what}: ${[...new Set([...own, ...unnamed].map((problem) => problem.kind))]}`);
    }
    expect(found).toEqual(faults.map(([what, , , kind]) => `${what}: ${kind}`));
  });

  it("cannot be a neighbour that is not there", async () => {
    const partition = join(copyOfGolden("alone"), "g-small-0");
    rmSync(join(partition, "00000000000000000003.index"));
    await expect(dumpLogSegments([join(partition, "00000000000000000003.timeindex")])).rejects.toThrow("there is no");
  });
});

function recordsOf(files: DumpedFile[]) {
  const batches = files.flatMap((file) => file.batches).filter((batch) => !batch.isControl);
  return batches
    .flatMap((batch) => batch.records)
    .map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, value }))
    .sort((a, b) => a.offset - b.offset);
}

interface Expected {
  offset: number;
  ts: number;
  key: string | null;
  value: string | null;
}

/** Bytes that are not UTF-8 do not survive the tool: of such a record it gives neither key nor value. */
function asDumped({ offset, ts, key, value }: Expected) {
  const bytes = [key, value].map((base64) => (base64 === null ? null : Buffer.from(base64, "base64")));
  const legible = bytes.every((some) => some === null || isUtf8(some));
  const [keyText, valueText] = bytes.map((some) => (legible ? (some?.toString() ?? null) : undefined));
  return { offset, timestamp: ts, key: keyText, value: valueText };
}

function flip(position: number, mask: number) {
  return (path: string) => {
    const bytes = readFileSync(path);
    bytes[position] ^= mask;
    writeFileSync(path, bytes);
  };
}

function append(bytes: Uint8Array) {
  return (path: string) => appendFileSync(path, bytes);
}

function cutOutSecondBatch(path: string): void {
  const bytes = readFileSync(path);
  const sizeAt = (position: number) => 12 + bytes.readInt32BE(position + 8);
  const start = sizeAt(0);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + sizeAt(start))]));
}
