import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { murmur2, partitionForKey } from "../../src/format/murmur2.ts";
import { concat, text } from "./payloads.ts";

interface Golden {
  read_uncommitted: Record<string, { records: { key: string | null }[] }>;
}

describe("murmur2", () => {
  // From Kafka's UtilsTest; the last one is of Kafka's Utils.murmur2 too.
  test.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
    ["žluť", 990281038],
  ])("%s", (key, expected) => {
    const bytes = text(key);
    expect(murmur2(bytes, 0, bytes.length)).toBe(expected);
    expect(murmur2(concat(text("---"), bytes, text("--")), 3, 3 + bytes.length)).toBe(expected);
  });

  test("the partition of every key in three partitions written by Kafka's Java client", () => {
    const golden: Golden = JSON.parse(
      readFileSync(new URL("../fixtures/golden/expected.json", import.meta.url), "utf8"),
    );
    for (let partition = 0; partition < 3; partition++) {
      const { records } = golden.read_uncommitted[`g-part-${partition}`];
      const keys = records.map(({ key }) => Buffer.from(key!, "base64"));
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) expect(partitionForKey(key, 0, key.length, 3), key.toString()).toBe(partition);
    }
  });
});
