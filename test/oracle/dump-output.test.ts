/** The reader of DumpLogSegments' output, against what the tool printed of the golden segments, and against its complaints. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseDump } from "./dump-output.ts";

const golden = join(import.meta.dirname, "../fixtures/golden");
const dumps = readdirSync(golden, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".dump.txt"));

describe("the dumps of the golden segments", () => {
  it("are there", () => expect(dumps.length).toBeGreaterThan(20));

  it.each(dumps)("%s has no problem and as many records as its batches count", (name) => {
    const dump = parseDump(readFileSync(join(golden, name), "latin1"), "");
    expect(dump.problems).toEqual([]);
    const batches = dump.files[0].batches;
    expect(batches.length).toBeGreaterThan(0);
    for (const batch of batches) expect(batch.records).toHaveLength(batch.count);
  });

  it("give every field of a batch and of a record", () => {
    const name = "g-small-0/00000000000000000003.dump.txt";
    const [control, batch] = parseDump(readFileSync(join(golden, name), "latin1"), "").files[0].batches;
    expect(control.records[0]).toMatchObject({ offset: 3, endTxnMarker: "COMMIT" });
    expect(batch).toEqual({
      baseOffset: 4,
      lastOffset: 4,
      count: 1,
      baseSequence: 3,
      lastSequence: 3,
      producerId: 4,
      producerEpoch: 0,
      partitionLeaderEpoch: 0,
      isTransactional: true,
      isControl: false,
      deleteHorizonMs: undefined,
      position: 78,
      timestampType: "CreateTime",
      maxTimestamp: 1700000003000,
      size: 77,
      magic: 2,
      compresscodec: "none",
      crc: 1699180479,
      isvalid: true,
      records: [
        {
          offset: 4,
          timestampType: "CreateTime",
          timestamp: 1700000003000,
          keySize: 2,
          valueSize: 7,
          sequence: 3,
          headerKeys: [],
          key: "k4",
          value: "small-4",
        },
      ],
    });
  });
});

describe("a record line", () => {
  const line = (sizes: string, rest: string) =>
    `Dumping a.log\nbaseOffset: 0 isvalid: true\n| offset: 0 CreateTime: 5 ${sizes} sequence: -1 headerKeys: [a,b]${rest}\n`;
  const record = (sizes: string, rest: string) => parseDump(line(sizes, rest), "").files[0].batches[0].records[0];

  it.each([
    ["keySize: -1 valueSize: 3", " payload: abc", null, "abc"],
    ["keySize: 0 valueSize: -1", " key: ", "", null],
    ["keySize: -1 valueSize: -1", "", null, null],
    ["keySize: 14 valueSize: 11", " key: k payload: no! payload:  key: : ok]", "k payload: no!", " key: : ok]"],
    ["keySize: -1 valueSize: 6", " payload: a\n\nb\n|", null, "a\n\nb\n|"],
  ])("%s%s", (sizes, rest, key, value) => {
    expect(record(sizes, rest)).toMatchObject({ key, value, headerKeys: ["a", "b"] });
  });

  it("whose bytes the tool replaced has neither key nor value", () => {
    const bytes = Buffer.from(" key: a payload: \ufffd").toString("latin1");
    expect(record("keySize: 1 valueSize: 1", bytes)).not.toHaveProperty("value");
  });
});

describe("a complaint", () => {
  it.each([
    ["Mismatches in :/d/0.index\n  Index offset: 1, log offset: 2", "index", "/d/0.index"],
    ["Found timestamp mismatch in :/d/0.timeindex\n  Index timestamp: 1, log timestamp: 2", "index", "/d/0.timeindex"],
    ["Found out of order timestamp in :/d/0.timeindex\n  Index timestamp: 1", "index", "/d/0.timeindex"],
    [
      "The following indexed offsets are not found in the log.\nIndexed offset: 1, found log offset: 2",
      "index",
      undefined,
    ],
    ["Non-consecutive offsets in /d/0.log\n  1 is followed by 3", "gap", "/d/0.log"],
    ["Snapshot is corrupt (CRC is no longer valid).", "snapshot", undefined],
    ['Exception in thread "main" java.lang.Oops\n\tat a.b(C.java:1)\nCaused by: x', "died", "/d/9.log"],
    ["[2026] WARN something (kafka.X)", "other", undefined],
  ])("%s", (stderr, kind, file) => {
    expect(parseDump("Dumping /d/9.log\n", `${stderr}\n`).problems).toEqual([{ kind, file, message: stderr }]);
  });

  it("on stdout is one too", () => {
    const stdout =
      "Dumping 9.log\nbaseOffset: 0 crc: 1 isvalid: false\nwhat?\nFound 7 invalid bytes at the end of 9.log\n";
    expect(parseDump(stdout, "").problems.map((problem) => problem.kind)).toEqual(["batch", "other", "trailing"]);
  });

  it("is due for a batch of an older magic, which the tool may call valid", () => {
    const stdout =
      "Dumping 9.log\noffset: 3 position: 0 CreateTime: 1 magic: 0 isvalid: true\n| offset: 3 CreateTime: 1\n";
    expect(parseDump(stdout, "").problems.map((problem) => problem.kind)).toEqual(["batch", "other"]);
  });

  it("by the Java machine about itself is none", () => {
    expect(parseDump("", "Picked up JAVA_TOOL_OPTIONS: -Xint\n").problems).toEqual([]);
  });
});
