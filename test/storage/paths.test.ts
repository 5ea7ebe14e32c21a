import { describe, expect, it } from "vitest";
import { hasCode } from "../../src/errors.ts";
import {
  absolutePath,
  corruptPiece,
  deletedPartitionFolder,
  isTemporary,
  join,
  nameOf,
  parentOf,
  parsePartitionFolder,
  parseSegmentFile,
  partitionFolder,
  SEGMENT_FILES,
  segmentFile,
  temporaryPath,
  topicNameProblem,
  withState,
} from "../../src/storage/paths.ts";

const ID = "0123456789abcdef0123456789abcdef";

describe("paths", () => {
  it("joins and splits", () => {
    expect(join("/", "a", "b")).toBe("/a/b");
    expect(join("/data", "a")).toBe("/data/a");
    expect(parentOf("/data/a")).toBe("/data");
    expect(parentOf("/data")).toBe("/");
    expect(parentOf("C:/data")).toBe("C:/");
    expect(nameOf("/data/a")).toBe("a");
    expect(absolutePath("/data/../x/")).toBe("/x");
    expect(absolutePath("/a\\b", true)).toBe("/a/b");
    expect(absolutePath("/a\\b", false)).toBe("/a\\b");
  });

  it("knows temporary files", () => {
    expect(temporaryPath("/data/topics.json")).toBe("/data/topics.json.tmp");
    expect(isTemporary("topics.json.tmp")).toBe(true);
    expect(isTemporary("topics.json")).toBe(false);
  });
});

describe("topic names", () => {
  it.each(["a", "A.b_c-1", "a.", "-", "...", "x".repeat(249), "console", "com0", "com10", "nul-1", "my.con"])(
    "%s is legal",
    (name) => expect(topicNameProblem(name)).toBeUndefined(),
  );

  it.each([
    ["", "empty"],
    [".", '"."'],
    ["..", '".."'],
    ["x".repeat(250), "250 characters"],
    ["a/b", '"/" at position 1'],
    ["a\0", '"\\u0000" at position 1'],
    ["a b", '" "'],
    ["é", '"é"'],
    ["CON", "device"],
    ["nul.txt", "device"],
    ["Com1", "device"],
    ["lpt9.", "device"],
    ["CONIN$", '"$"'],
  ])("%j is not", (name, problem) => expect(topicNameProblem(name)).toContain(problem));
});

describe("partition folders", () => {
  it.each([
    ["orders", 0],
    ["with-dashes-7", 12],
    ["-", 0],
    ["a.b_c-", 3],
    ["x-0.abc-delete", 1],
    ["__consumer_offsets", 49],
    ["x".repeat(249), 99_999],
  ])("%s of %i goes there and back", (topic, partition) => {
    const name = partitionFolder(topic, partition);
    expect(name.length).toBeLessThanOrEqual(255);
    expect(parsePartitionFolder(name)).toEqual({ topic, partition, state: "live" });
    const deleted = deletedPartitionFolder(topic, partition, ID);
    expect(deleted.length).toBeLessThanOrEqual(255);
    const parsed = parsePartitionFolder(deleted)!;
    expect(parsed).toMatchObject({ partition, state: "deleted" });
    expect(topic.startsWith(parsed.topic)).toBe(true);
  });

  it("cuts a long topic as Kafka does", () => {
    const name = deletedPartitionFolder("t".repeat(249), 3, ID);
    expect(name).toBe(`${"t".repeat(255 - 42)}-3.${ID}-delete`);
    expect(deletedPartitionFolder("orders", 3, ID)).toBe(`orders-3.${ID}-delete`);
  });

  it("leaves what is Kafka's to Kafka", () => {
    expect(parsePartitionFolder(`orders-3.${ID}-future`)).toEqual({ topic: "orders", partition: 3, state: "future" });
    expect(parsePartitionFolder(`a.b-3.${ID}-stray`)).toEqual({ topic: "a.b", partition: 3, state: "stray" });
  });

  it.each([
    "orders",
    "orders-",
    "-0",
    "orders-01",
    "orders--",
    "orders-1a",
    "orders-2147483648",
    ".-0",
    "..-0",
    "a b-0",
    "lost+found",
    "orders-delete",
    "orders.x-delete",
    "orders-0.-delete",
    `orders-0.${ID}-gone`,
  ])("%s is none", (name) => expect(parsePartitionFolder(name)).toBeUndefined());
});

describe("the files of a segment", () => {
  it.each(SEGMENT_FILES)(".%s goes there and back", (kind) => {
    const name = segmentFile(4711, kind);
    expect(name).toBe(`00000000000000004711.${kind}`);
    expect(parseSegmentFile(name)).toEqual({ baseOffset: 4711, kind, state: "live" });
    for (const state of ["deleted", "cleaned", "swap"] as const) {
      expect(parseSegmentFile(withState(name, state))).toEqual({ baseOffset: 4711, kind, state });
    }
    expect(parseSegmentFile(corruptPiece(name, 1735689600000.5))).toEqual({
      baseOffset: 4711,
      kind,
      state: "corrupt",
      corruptSinceMs: 1735689600000,
    });
  });

  it("takes every safe offset, and says when one is not", () => {
    expect(parseSegmentFile(segmentFile(2 ** 53 - 1, "log"))?.baseOffset).toBe(2 ** 53 - 1);
    let thrown: unknown;
    try {
      parseSegmentFile("00009007199254740992.log");
    } catch (error) {
      thrown = error;
    }
    expect(hasCode(thrown, "VARVE_UNSAFE_INTEGER")).toBe(true);
  });

  it.each([
    "0.log",
    "00000000000000000000",
    "00000000000000000000.log.tmp",
    "00000000000000000000.foo",
    "leader-epoch-checkpoint",
    "a00000000000000000000.log",
    "00000000000000000000.log.corrupt-",
  ])("%s is none", (name) => expect(parseSegmentFile(name)).toBeUndefined());
});
