/** Which records of a key are not its last: among those taken in, before them, and so far on that no bit is kept for them. */
import { expect, it } from "vitest";
import { COLUMNS, KEY_AT, KEY_LENGTH } from "../../src/format/record.ts";
import { loadKeyFingerprints } from "../../src/storage/key-fingerprints.ts";
import { OffsetMap } from "../../src/storage/offset-map.ts";

const KEY = Buffer.from("key");
const OTHER = Buffer.from("other");
const FIRST = 1000;
/** More offsets than there are bits. */
const FAR = FIRST + 2 ** 27;

async function mapOf(offsets: readonly number[]): Promise<OffsetMap> {
  const map = new OffsetMap(await loadKeyFingerprints(), FIRST, FIRST + 2 ** 28, 10, undefined);
  const row = new Int32Array(COLUMNS);
  row[KEY_AT] = 0;
  row[KEY_LENGTH] = KEY.length;
  for (const offset of offsets) {
    map.take(KEY, row);
    map.put(0, offset);
  }
  return map;
}

it.each([
  ["near", [FIRST, FIRST + 8, FIRST + 9]],
  ["far", [FAR, FAR + 8, FAR + 9]],
  ["near and far", [FIRST, FAR - 1, FAR]],
])("all of the key but the last are superseded, %s", async (_, offsets) => {
  const map = await mapOf(offsets);
  const answers = offsets.map((offset) => map.isSuperseded(KEY, 0, KEY.length, offset));
  expect(answers).toEqual([true, true, false]);
  expect([map.size, map.latestOffset]).toEqual([1, offsets[2]]);
});

it("what lies before the first offset is, where the key was taken in", async () => {
  const map = await mapOf([FIRST]);
  expect(map.isSuperseded(KEY, 0, KEY.length, FIRST - 1)).toBe(true);
  expect(map.isSuperseded(OTHER, 0, OTHER.length, FIRST - 1)).toBe(false);
});
