import { describe, expect, it } from "vitest";
import { boolean, checkOptions, integer, nearest, type OptionTable, oneOf, text } from "../../src/engine/options.ts";
import { errorOf } from "./engines.ts";

interface Options {
  partitions?: number;
  retentionMs?: number;
  policy?: "delete" | "compact";
  create?: boolean;
  name?: string;
}

const table: OptionTable<Options> = {
  partitions: integer(1, 100),
  retentionMs: integer(0, Number.MAX_SAFE_INTEGER, -1),
  policy: oneOf("delete", "compact"),
  create: boolean(),
  name: text(),
};

describe("checkOptions", () => {
  it("returns what was given, without what is undefined", () => {
    const given = { partitions: 3, retentionMs: -1, policy: "compact", create: undefined };
    expect(checkOptions(given, table, "open")).toEqual({ partitions: 3, retentionMs: -1, policy: "compact" });
    expect(checkOptions(undefined, table, "open")).toEqual({});
  });

  it.each([
    [{ partitions: 0 }, "partitions", "the option partitions of open is 0; a whole number from 1 to 100 was expected"],
    [
      { partitions: 1.5 },
      "partitions",
      "the option partitions of open is 1.5; a whole number from 1 to 100 was expected",
    ],
    [
      { partitions: "3" },
      "partitions",
      'the option partitions of open is "3"; a whole number from 1 to 100 was expected',
    ],
    [
      { retentionMs: -2 },
      "retentionMs",
      "the option retentionMs of open is -2; a whole number 0 or more, or -1 was expected",
    ],
    [{ policy: "none" }, "policy", 'the option policy of open is "none"; one of "delete", "compact" was expected'],
    [{ create: null }, "create", "the option create of open is null; true or false was expected"],
    [{ name: "" }, "name", 'the option name of open is ""; a string that is not empty was expected'],
    [{ retentionMS: 1 }, "retentionMS", "open has no option retentionMS; did you mean retentionMs?"],
    [{ "retention.ms": 1 }, "retention.ms", "open has no option retention.ms; did you mean retentionMs?"],
    [{ partition: 1 }, "partition", "open has no option partition; did you mean partitions?"],
    [{ zzz: 1 }, "zzz", "open has no option zzz; known are create, name, partitions, policy, retentionMs"],
    [
      { constructor: 1 },
      "constructor",
      "open has no option constructor; known are create, name, partitions, policy, retentionMs",
    ],
  ])("refuses %j", async (given, option, message) => {
    const error = await errorOf(() => checkOptions(given, table, "open"));
    expect(error).toMatchObject({ code: "VARVE_INVALID_OPTION", option, message });
  });

  it.each([null, 3, "partitions", [1]])("refuses %j in place of an object", async (given) => {
    expect(await errorOf(() => checkOptions(given, table, "open"))).toMatchObject({ code: "VARVE_INVALID_OPTION" });
  });
});

describe("nearest", () => {
  it("finds typing errors and other spellings, and no more", () => {
    const known = ["segmentBytes", "segmentMs", "codec"];
    expect(nearest("segment_bytes", known)).toBe("segmentBytes");
    expect(nearest("code", known)).toBe("codec");
    expect(nearest("segmentB", known)).toBe("segmentBytes");
    expect([nearest("segment", known), nearest("s", known), nearest("", known)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(nearest("segmentByte", known)).toBe("segmentBytes");
    expect(nearest("codek", known)).toBe("codec");
    expect(nearest("durability", known)).toBeUndefined();
  });
});
