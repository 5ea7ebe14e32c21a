/** The index of keys against a map, by partition and key. */
import { expect, it } from "vitest";
import { KeyIndex } from "../../src/client/key-index.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, OFFSET_DELTA, type RecordTable, VALUE_LENGTH } from "../../src/format/record.ts";
import { randomFor } from "../sampling.ts";

const SEEDS = Uint8Array.from({ length: 12 }, (_, i) => i * 37);

/** The records of a batch; one without a key is not taken in. */
function tableOf(records: readonly { key: string | null; isTombstone: boolean }[]): RecordTable {
  const bytes = Buffer.from(records.map(({ key }) => key ?? "").join(""));
  const count = records.length;
  const rows = new Int32Array(count * COLUMNS);
  let at = 0;
  records.forEach(({ key, isTombstone }, i) => {
    const row = i * COLUMNS;
    rows[row + OFFSET_DELTA] = i;
    rows[row + KEY_AT] = at;
    rows[row + KEY_LENGTH] = key === null ? -1 : Buffer.byteLength(key);
    rows[row + VALUE_LENGTH] = isTombstone ? -1 : 5;
    at += Buffer.byteLength(key ?? "");
  });
  return { bytes, rows, count, timestampDeltas: new Float64Array(count) };
}

it.each([100, 60_000])("agrees with a map of %i keys, however many are taken in between two questions", (keyCount) => {
  const random = randomFor(`index of ${keyCount}`);
  const index = new KeyIndex(SEEDS);
  const expected = new Map<string, number>();
  const keys = Array.from({ length: keyCount }, (_, i) => `${"x".repeat(i % 7)}${i}`);
  // Far beyond what 32 bits hold.
  const ends = [0, 2 ** 40];
  const compare = (samples: readonly string[]) => {
    for (const key of samples)
      for (const partition of [0, 1])
        expect(index.offsetOf(Buffer.from(key), partition)).toBe(expected.get(`${partition} ${key}`) ?? -1);
  };
  for (let round = 0; round < 12; round++) {
    const partition = round % 2;
    const baseOffset = ends[partition];
    const from = baseOffset + Math.floor(random() * 3);
    const count = [1, 300, 20_000][round % 3];
    const records = Array.from({ length: count }, () => ({
      key: random() < 0.01 ? null : keys[Math.floor(random() * keyCount)],
      isTombstone: random() < 0.3,
    }));
    index.add(tableOf(records), partition, baseOffset, from);
    ends[partition] += count;
    records.forEach(({ key, isTombstone }, i) => {
      if (key === null || baseOffset + i < from) return;
      if (isTombstone) expected.delete(`${partition} ${key}`);
      else expected.set(`${partition} ${key}`, baseOffset + i);
    });
    if (round % 4 === 1) compare(keys.slice(0, 50));
  }
  expect(index.size).toBe(expected.size);
  compare(keyCount > 1000 ? keys.filter((_, i) => i % 20 === 0) : keys);
  expect(index.offsetOf(Buffer.from("never"), 0)).toBe(-1);
});
