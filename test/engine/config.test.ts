import { describe, expect, it } from "vitest";
import {
  alteredConfig,
  checkTopicOptions,
  configFromDotted,
  configToDotted,
  fullConfig,
  TOPIC_OPTIONS,
} from "../../src/engine/config.ts";
import { errorOf } from "./engines.ts";

describe("the table of topic options", () => {
  it("has the defaults that are promised", () => {
    expect(fullConfig({})).toMatchObject({
      retentionMs: -1,
      retentionBytes: -1,
      segmentBytes: 128 * 1024 * 1024,
      segmentMs: 7 * 24 * 3_600_000,
      cleanupPolicy: "delete",
      compression: "producer",
      maxMessageBytes: 8 * 1024 * 1024,
      messageTimestampType: "CreateTime",
      minCleanableDirtyRatio: 0.5,
      deleteRetentionMs: 24 * 3_600_000,
      codec: "json",
      durability: undefined,
    });
  });

  it("accepts each of its own defaults, and names no option twice", () => {
    for (const option of Object.values(TOPIC_OPTIONS)) {
      if (option.default !== undefined) expect(option.accepts(option.default), option.dotted).toBe(true);
    }
    const dotted = Object.values(TOPIC_OPTIONS).map((option) => option.dotted);
    expect(new Set(dotted).size).toBe(dotted.length);
  });
});

describe("options of a topic", () => {
  it("are named with what was expected", async () => {
    const error = await errorOf(() => checkTopicOptions({ cleanupPolicy: "remove" }, "orders"));
    expect(error).toMatchObject({ code: "VARVE_INVALID_OPTION", option: "cleanupPolicy" });
    expect(error.message).toBe(
      'the option cleanupPolicy of the topic orders is "remove"; one of "delete", "compact", "compact,delete" was expected',
    );
    expect((await errorOf(() => checkTopicOptions({ retentionms: 1 }, "orders"))).message).toContain(
      "did you mean retentionMs?",
    );
  });

  it("change one by one; null takes one back to its default", () => {
    const set = { retentionMs: 1000, codec: "bytes" as const };
    expect(alteredConfig(set, { codec: null, segmentMs: 5 }, "t")).toEqual({ retentionMs: 1000, segmentMs: 5 });
    expect(set).toEqual({ retentionMs: 1000, codec: "bytes" });
  });

  it("that are unknown are refused in a change, also when they are null", async () => {
    for (const changes of [{ partitions: 4 }, { nonsense: null }]) {
      const error = await errorOf(() => alteredConfig({}, changes as object, "t"));
      expect(error.code).toBe("VARVE_INVALID_OPTION");
    }
  });
});

describe("Kafka's dotted names", () => {
  it("go both ways", () => {
    const config = { retentionMs: 1000, compression: "none", cleanupPolicy: "compact,delete", codec: "bytes" } as const;
    const dotted = configToDotted(config);
    expect(dotted).toEqual([
      ["retention.ms", "1000"],
      ["cleanup.policy", "compact,delete"],
      ["compression.type", "uncompressed"],
      ["varve.codec", "bytes"],
    ]);
    expect(configFromDotted(dotted, "t")).toEqual(config);
  });

  it("take Kafka's other spellings", () => {
    const entries = [
      ["cleanup.policy", "delete, compact"],
      ["retention.ms", "9223372036854775807"],
    ] as const;
    expect(configFromDotted(entries, "t")).toEqual({
      cleanupPolicy: "compact,delete",
      retentionMs: Number.MAX_SAFE_INTEGER,
    });
  });

  it.each([
    ["retention.ms", "soon"],
    ["retention.ms", ""],
    ["retention.msec", "1"],
    ["segment.bytes", "1.5"],
  ])("refuse %s=%s", async (name, value) => {
    const error = await errorOf(() => configFromDotted([[name, value]], "t"));
    expect(error).toMatchObject({ code: "VARVE_INVALID_OPTION", option: name });
  });
});
