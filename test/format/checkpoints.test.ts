import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatCleanShutdown,
  formatLeaderEpochs,
  formatMetaProperties,
  formatOffsetCheckpoint,
  formatPartitionMetadata,
  parseCleanShutdown,
  parseLeaderEpochs,
  parseMetaProperties,
  parseOffsetCheckpoint,
  parsePartitionMetadata,
} from "../../src/format/checkpoints.ts";
import { ZERO_UUID } from "../../src/format/uuid.ts";
import { golden, goldenFiles } from "./golden.ts";

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function refusal(call: () => unknown): { code: string; message: string; file?: string } {
  try {
    call();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("nothing was refused");
}

describe("offset checkpoints", () => {
  const files = goldenFiles("-offset-checkpoint");

  test.each(files)("Kafka's %s is written back byte for byte", (file) => {
    expect(formatOffsetCheckpoint(parseOffsetCheckpoint(golden(file), file))).toEqual(golden(file));
  });

  test("Kafka's entries", () => {
    expect(parseOffsetCheckpoint(golden("cleaner-offset-checkpoint"), "cleaner-offset-checkpoint")).toEqual([
      { topic: "g-compact2", partition: 0, offset: 294 },
      { topic: "g-compacttxn", partition: 0, offset: 54 },
      { topic: "g-compact", partition: 0, offset: 175 },
    ]);
    const recoveryPoints = parseOffsetCheckpoint(golden("recovery-point-offset-checkpoint"), "recovery");
    expect(recoveryPoints).toHaveLength(27);
    expect(recoveryPoints).toContainEqual({ topic: "__transaction_state", partition: 3, offset: 61 });
    expect(parseOffsetCheckpoint(golden("log-start-offset-checkpoint"), "log-start")).toEqual([]);
  });

  test("line ends of Windows", () => {
    expect(parseOffsetCheckpoint(bytesOf("0\r\n1\r\na 0 7\r\n"), "c")).toEqual([
      { topic: "a", partition: 0, offset: 7 },
    ]);
  });

  test.each([
    ["an empty file", "", "VARVE_CORRUPT", "line 1"],
    ["zeros", "\0\0\0\0", "VARVE_CORRUPT", "line 1"],
    ["a version that is no number", "x\n0\n", "VARVE_CORRUPT", "line 1"],
    ["a newer version", "1\n0\n", "VARVE_UNSUPPORTED_VERSION", "version 1"],
    ["no count", "0\n", "VARVE_CORRUPT", "line 2: the file ends"],
    ["a negative count", "0\n-1\n", "VARVE_CORRUPT", "line 2"],
    ["fewer lines than counted", "0\n2\na 0 1\n", "VARVE_CORRUPT", "line 2"],
    ["more lines than counted", "0\n1\na 0 1\nb 0 1\n", "VARVE_CORRUPT", "line 2"],
    ["a huge count", "0\n2147483647\na 0 1\n", "VARVE_CORRUPT", "line 2"],
    ["a field missing", "0\n2\na 0 1\nb 0\n", "VARVE_CORRUPT", "line 4"],
    ["a negative offset", "0\n1\na 0 -1\n", "VARVE_CORRUPT", "line 3"],
    ["an illegal topic", "0\n1\na/b 0 1\n", "VARVE_CORRUPT", "line 3"],
    ["a blank line", "0\n1\n\na 0 1\n", "VARVE_CORRUPT", "line 3"],
    ["a last line that was cut", "0\n1\na 0 64", "VARVE_CORRUPT", "line 3"],
    ["an offset of 2^53", "0\n1\na 0 9007199254740992\n", "VARVE_UNSAFE_INTEGER", "line 3"],
  ])("%s", (_, text, code, where) => {
    const error = refusal(() => parseOffsetCheckpoint(bytesOf(text), "recovery-point-offset-checkpoint"));
    expect(error).toMatchObject({ code, file: "recovery-point-offset-checkpoint" });
    expect(error.message).toContain(where);
  });

  test("cut at any byte it is refused", () => {
    const bytes = golden("recovery-point-offset-checkpoint");
    for (let length = 0; length < bytes.length; length++) {
      const error = refusal(() => parseOffsetCheckpoint(bytes.subarray(0, length), "checkpoint"));
      expect(error.code).toBe("VARVE_CORRUPT");
    }
  });

  test("what is formatted is parsed again", () => {
    const topic = fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/);
    const entry = fc.record({ topic, partition: fc.nat(), offset: fc.maxSafeNat() });
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        expect(parseOffsetCheckpoint(formatOffsetCheckpoint(entries), "checkpoint")).toEqual(entries);
      }),
    );
  });
});

describe("leader epochs", () => {
  test.each(goldenFiles("leader-epoch-checkpoint"))("Kafka's %s is written back byte for byte", (file) => {
    expect(formatLeaderEpochs(parseLeaderEpochs(golden(file)))).toEqual(golden(file));
  });

  test("Kafka's entries", () => {
    expect(parseLeaderEpochs(golden("g-small-0/leader-epoch-checkpoint"))).toEqual([
      { epoch: 0, startOffset: 0 },
      { epoch: 2, startOffset: 160 },
    ]);
  });

  test.each([
    ["0\n1\n0\n", "VARVE_CORRUPT", "leader-epoch-checkpoint, line 3"],
    ["0\n1\n0 0 0\n", "VARVE_CORRUPT", "line 3"],
    ["2\n1\n0 0\n", "VARVE_UNSUPPORTED_VERSION", "version 2"],
  ])("%j", (text, code, where) => {
    const error = refusal(() => parseLeaderEpochs(bytesOf(text)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
  });
});

describe("partition.metadata", () => {
  test.each(goldenFiles("partition.metadata"))("Kafka's %s is written back byte for byte", (file) => {
    expect(formatPartitionMetadata(parsePartitionMetadata(golden(file)))).toEqual(golden(file));
  });

  test("Kafka's id", () => {
    expect(parsePartitionMetadata(golden("g-small-0/partition.metadata"))).toBe("ILNjCO80TIyDnxqwx11SBg");
  });

  test.each([
    ["", "VARVE_CORRUPT", "line 1"],
    ["version: x\ntopic_id: ILNjCO80TIyDnxqwx11SBg", "VARVE_CORRUPT", "line 1"],
    ["version: 1\ntopic_id: ILNjCO80TIyDnxqwx11SBg", "VARVE_UNSUPPORTED_VERSION", "version 1"],
    ["version: 0", "VARVE_CORRUPT", "line 2: the file ends"],
    ["version: 0\ntopic_id: ILNjCO80TIyDnxqwx11SB", "VARVE_CORRUPT", "line 2"],
    ["version: 0\ntopic_id: ILNjCO80TIyDnxqwx11SBh", "VARVE_CORRUPT", "line 2"],
    [`version: 0\ntopic_id: ${ZERO_UUID}`, "VARVE_CORRUPT", "line 2"],
    ["version: 0\ntopic_id: ILNjCO80TIyDnxqwx11SBg\nmore", "VARVE_CORRUPT", "line 3"],
  ])("%j", (text, code, where) => {
    const error = refusal(() => parsePartitionMetadata(bytesOf(text)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
  });
});

describe("meta.properties", () => {
  test("Kafka's own", () => {
    expect(parseMetaProperties(golden("meta.properties"))).toEqual({
      version: 1,
      clusterId: "4L6g3nShT-eMCtK--X86sw",
      nodeId: 1,
      directoryId: "FhZO1GDardcslaEej1jqog",
    });
  });

  test("version 0, of a ZooKeeper cluster", () => {
    const text = "#\n#Mon Nov 20\nversion=0\nbroker.id=7\ncluster.id=abc\n";
    expect(parseMetaProperties(bytesOf(text))).toEqual({ version: 0, clusterId: "abc", nodeId: 7 });
  });

  test("everything that Java's format allows", () => {
    const text = [
      "! a comment \\",
      "  \tversion : 1",
      "cluster.id\t a\\u0062\\",
      "   c\\=d",
      "node.id=1",
      "node.id=2",
      "other",
      "directory.id = e\\\\",
    ];
    expect(parseMetaProperties(bytesOf(text.join("\r\n")))).toEqual({
      version: 1,
      clusterId: "abc=d",
      nodeId: 2,
      directoryId: "e\\",
    });
  });

  test("what is formatted is parsed again", () => {
    const text = fc.string({ unit: "binary", maxLength: 40 });
    fc.assert(
      fc.property(text, fc.nat(), text, (clusterId, nodeId, directoryId) => {
        const properties = { clusterId, nodeId, directoryId };
        expect(parseMetaProperties(formatMetaProperties(properties))).toEqual({ version: 1, ...properties });
      }),
    );
  });

  test.each([
    ["", "VARVE_CORRUPT", "meta.properties"],
    ["cluster.id=a\n", "VARVE_CORRUPT", "version"],
    ["#\nversion=one\n", "VARVE_CORRUPT", "line 2"],
    ["version=2\n", "VARVE_UNSUPPORTED_VERSION", "version 2"],
    ["version=1\nnode.id=-1\n", "VARVE_CORRUPT", "line 2"],
    ["version=1\ncluster.id=\\u12\n", "VARVE_CORRUPT", "line 2"],
  ])("%j", (text, code, where) => {
    const error = refusal(() => parseMetaProperties(bytesOf(text)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(where);
  });

  test("any bytes parse or are refused with a code", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const bytes = new Uint8Array([...bytesOf("version=1\n"), ...noise]);
        try {
          expect(parseMetaProperties(bytes).version).toBeLessThanOrEqual(1);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^VARVE_/);
        }
      }),
    );
  });
});

describe(".kafka_cleanshutdown", () => {
  test("Kafka's own, the empty one of older releases, ours", () => {
    expect(parseCleanShutdown(golden(".kafka_cleanshutdown"))).toEqual({ version: 0, brokerEpoch: 354 });
    expect(parseCleanShutdown(new Uint8Array(0))).toEqual({ version: 0, brokerEpoch: -1 });
    expect(textOf(formatCleanShutdown())).toBe('{"version":0,"brokerEpoch":-1}');
    expect(formatCleanShutdown(354)).toEqual(golden(".kafka_cleanshutdown"));
  });

  test.each([
    ['{"version":0,"brokerEp', "VARVE_CORRUPT"],
    ["null", "VARVE_CORRUPT"],
    ["[]", "VARVE_CORRUPT"],
    ['{"version":"0","brokerEpoch":1}', "VARVE_CORRUPT"],
    ['{"version":0}', "VARVE_CORRUPT"],
    ['{"version":0,"__proto__":{"brokerEpoch":1}}', "VARVE_CORRUPT"],
    ['{"version":1,"epoch":1}', "VARVE_UNSUPPORTED_VERSION"],
  ])("%j", (text, code) => {
    expect(refusal(() => parseCleanShutdown(bytesOf(text))).code).toBe(code);
  });
});
