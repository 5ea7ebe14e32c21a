import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  readGroupKey,
  readGroupMetadataValue,
  readOffsetCommitValue,
  writeGroupMetadataKey,
  writeGroupMetadataValue,
  writeOffsetCommitKey,
  writeOffsetCommitValue,
} from "../../src/format/group-metadata.ts";

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

/** What the classes of Kafka 4.1.1 write. */
const OFFSET_VALUES = [
  "0000000000000000126700036dc3a90000018bcfe5687b",
  "0001000000000000126700036dc3a90000018bcfe5687b0000000000000063",
  "0002000000000000126700036dc3a90000018bcfe5687b",
  "000300000000000012670000000200036dc3a90000018bcfe5687b",
  "0004000000000000126700000002046dc3a90000018bcfe5687b01001020b36308ef344c8c839f1ab0c75d5206",
];

const GROUP_VALUES = [
  "00000008636f6e73756d657200000007000572616e67650003612d31000000010003612d31000161000a2f3132372e302e302e310000afc80000000201020000000103",
  "00010008636f6e73756d657200000007000572616e67650003612d31000000010003612d31000161000a2f3132372e302e302e31000493e00000afc80000000201020000000103",
  "00020008636f6e73756d657200000007000572616e67650003612d310000018bcfe5687b000000010003612d31000161000a2f3132372e302e302e31000493e00000afc80000000201020000000103",
  "00030008636f6e73756d657200000007000572616e67650003612d310000018bcfe5687b000000020003612d31ffff000161000a2f3132372e302e302e31000493e00000afc800000002010200000001030003622d31000162000161000a2f3132372e302e302e31000493e00000afc80000000201020000000103",
  "000409636f6e73756d6572000000070672616e676504612d310000018bcfe5687b0304612d310002610b2f3132372e302e302e31000493e00000afc803010202030004622d31026202610b2f3132372e302e302e31000493e00000afc803010202030000",
];

const member = {
  memberId: "a-1",
  groupInstanceId: null,
  clientId: "a",
  clientHost: "/127.0.0.1",
  rebalanceTimeout: 300_000,
  sessionTimeout: 45_000,
  subscription: Uint8Array.of(1, 2),
  assignment: Uint8Array.of(3),
};
const group = {
  protocolType: "consumer",
  generation: 7,
  protocol: "range",
  leader: "a-1",
  currentStateTimestamp: 1_700_000_000_123,
  members: [member, { ...member, memberId: "b-1", groupInstanceId: "b" }],
};

describe("keys", () => {
  test("an offset commit, a group", () => {
    expect(hex(writeOffsetCommitKey("g", "orders", 7))).toBe("000100016700066f726465727300000007");
    expect(hex(writeGroupMetadataKey("g"))).toBe("0002000167");
    const commit = { kind: "offset-commit", group: "g", topic: "orders", partition: 7 };
    expect(readGroupKey(unhex("000100016700066f726465727300000007"))).toEqual({ version: 1, ...commit });
    expect(readGroupKey(unhex("000000016700066f726465727300000007"))).toEqual({ version: 0, ...commit });
    expect(readGroupKey(unhex("0002000167"))).toEqual({ kind: "group-metadata", version: 2, group: "g" });
  });

  test.each([3, 4, 15, 0x7fff])("version %i is left alone", (version) => {
    const bytes = Uint8Array.of(version >> 8, version, 0xff, 0xff);
    expect(readGroupKey(bytes)).toEqual({ kind: "unknown", version });
  });

  test.each(["", "00", "ffff", "0001", "000100016700066f", "000200016700", "0002ffff"])("%j is damaged", (text) => {
    expect(codeOf(() => readGroupKey(unhex(text)))).toBe("VARVE_CORRUPT");
  });

  test("what is written is read again", () => {
    const name = fc.string({ unit: "grapheme", maxLength: 50 });
    fc.assert(
      fc.property(name, name, fc.nat(), (group, topic, partition) => {
        const read = readGroupKey(writeOffsetCommitKey(group, topic, partition));
        expect(read).toEqual({ kind: "offset-commit", version: 1, group, topic, partition });
        expect(readGroupKey(writeGroupMetadataKey(group))).toEqual({ kind: "group-metadata", version: 2, group });
      }),
    );
  });
});

describe("offset commits", () => {
  const value = { offset: 4711, leaderEpoch: 2, metadata: "mé", commitTimestamp: 1_700_000_000_123 };
  const noTopic = "AAAAAAAAAAAAAAAAAAAAAA";

  test.each([
    [0, { leaderEpoch: -1, expireTimestamp: -1, topicId: noTopic }],
    [1, { leaderEpoch: -1, expireTimestamp: 99, topicId: noTopic }],
    [2, { leaderEpoch: -1, expireTimestamp: -1, topicId: noTopic }],
    [3, { leaderEpoch: 2, expireTimestamp: -1, topicId: noTopic }],
    [4, { leaderEpoch: 2, expireTimestamp: -1, topicId: "ILNjCO80TIyDnxqwx11SBg" }],
  ])("version %i as Kafka writes it", (version, differs) => {
    expect(readOffsetCommitValue(unhex(OFFSET_VALUES[version]))).toEqual({ ...value, ...differs });
  });

  test("version 3 is written", () => {
    expect(hex(writeOffsetCommitValue(value))).toBe(OFFSET_VALUES[3]);
    expect(hex(writeOffsetCommitValue({ ...value, expireTimestamp: 5 }))).toBe(OFFSET_VALUES[3]);
  });

  test("a newer version, a negative one", () => {
    expect(codeOf(() => readOffsetCommitValue(unhex(`0005${OFFSET_VALUES[4].slice(4)}`)))).toBe(
      "VARVE_UNSUPPORTED_VERSION",
    );
    expect(codeOf(() => readOffsetCommitValue(unhex(`ffff${OFFSET_VALUES[4].slice(4)}`)))).toBe("VARVE_CORRUPT");
  });

  test("an offset past 2^53 is refused, or a decimal string", () => {
    const bytes = unhex(OFFSET_VALUES[3]);
    bytes[2] = 0x7f;
    expect(codeOf(() => readOffsetCommitValue(bytes))).toBe("VARVE_UNSAFE_INTEGER");
    expect(readOffsetCommitValue(bytes, { unsafe: "string" }).offset).toBe("9151314442816852583");
  });
});

describe("groups", () => {
  const early = { ...member, groupInstanceId: null };
  test.each([
    [0, { currentStateTimestamp: -1, members: [{ ...early, rebalanceTimeout: 45_000 }] }],
    [1, { currentStateTimestamp: -1, members: [early] }],
    [2, { members: [early] }],
    [3, {}],
    [4, {}],
  ])("version %i as Kafka writes it", (version, differs) => {
    expect(readGroupMetadataValue(unhex(GROUP_VALUES[version]))).toEqual({ ...group, ...differs });
  });

  test("version 3 is written", () => {
    expect(hex(writeGroupMetadataValue(group))).toBe(GROUP_VALUES[3]);
  });

  test("a group that has become empty", () => {
    const empty = { protocolType: "", generation: 8, protocol: null, leader: null, currentStateTimestamp: 5 };
    const bytes = "0003000000000008ffffffff000000000000000500000000";
    expect(hex(writeGroupMetadataValue({ ...empty, members: [] }))).toBe(bytes);
    expect(readGroupMetadataValue(unhex(bytes))).toEqual({ ...empty, members: [] });
  });

  test("what is read does not change with the input", () => {
    const bytes = unhex(GROUP_VALUES[3]);
    const value = readGroupMetadataValue(bytes);
    bytes.fill(0xee);
    expect(value).toEqual(group);
  });
});

describe("cut at any byte", () => {
  const rows = [
    ...OFFSET_VALUES.map((bytes) => [bytes, readOffsetCommitValue] as const),
    ...GROUP_VALUES.map((bytes) => [bytes, readGroupMetadataValue] as const),
  ];
  test.each(rows)("%s", (text, read) => {
    const bytes = unhex(text);
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => read(bytes.subarray(0, length)))).toBe("VARVE_CORRUPT");
    }
  });
});
