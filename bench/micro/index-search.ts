/**
 * How long does it take to find an entry in an index of 100,000? kafkajs has nothing of the kind; the yardstick is the same
 * search written with a DataView, the plain way to read big-endian numbers.
 */
import assert from "node:assert/strict";
import * as offsetIndex from "../../src/format/offset-index.ts";
import * as timeIndex from "../../src/format/time-index.ts";
import { FIRST_TIMESTAMP } from "../records.ts";
import { contest } from "./contest.ts";

const ENTRY_COUNT = 100_000;
const SEARCH_COUNT = 1000;
const BASE_OFFSET = 5_000_000_000;
const OFFSETS_PER_ENTRY = 30;
const POSITIONS_PER_ENTRY = 4200;
const MILLISECONDS_PER_ENTRY = 40;

const offsets = new Uint8Array(ENTRY_COUNT * offsetIndex.ENTRY_BYTES);
const times = new Uint8Array(ENTRY_COUNT * timeIndex.ENTRY_BYTES);
for (let index = 0; index < ENTRY_COUNT; index++) {
  const offset = BASE_OFFSET + index * OFFSETS_PER_ENTRY;
  offsetIndex.writeEntry(offsets, index, BASE_OFFSET, offset, index * POSITIONS_PER_ENTRY);
  timeIndex.writeEntry(times, index, BASE_OFFSET, FIRST_TIMESTAMP + index * MILLISECONDS_PER_ENTRY, offset);
}
/** Where to look, scattered over the whole index. */
const places = Array.from({ length: SEARCH_COUNT }, (_, i) => (i * 0.618_033_988_75 * ENTRY_COUNT) % ENTRY_COUNT);

const searches = {
  offset: (place: number) =>
    offsetIndex.search(offsets, ENTRY_COUNT, BASE_OFFSET, BASE_OFFSET + Math.floor(place * OFFSETS_PER_ENTRY)),
  time: (place: number) =>
    timeIndex.search(times, ENTRY_COUNT, FIRST_TIMESTAMP + Math.floor(place * MILLISECONDS_PER_ENTRY)),
};

const offsetView = new DataView(offsets.buffer);
const timeView = new DataView(times.buffer);
const yardsticks = {
  offset(place: number): number {
    const wanted = Math.floor(place * OFFSETS_PER_ENTRY);
    return lastAtMost((index) => offsetView.getInt32(index * offsetIndex.ENTRY_BYTES) <= wanted);
  },
  time(place: number): number {
    const wanted = BigInt(FIRST_TIMESTAMP + Math.floor(place * MILLISECONDS_PER_ENTRY));
    return lastAtMost((index) => timeView.getBigInt64(index * timeIndex.ENTRY_BYTES) <= wanted);
  },
};

for (const place of places) {
  assert.equal(searches.offset(place), yardsticks.offset(place));
  assert.equal(searches.time(place), yardsticks.time(place));
}

function lastAtMost(isAtMost: (index: number) => boolean): number {
  let low = 0;
  let high = ENTRY_COUNT;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isAtMost(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function searchAll(search: (place: number) => number): number {
  let sum = 0;
  for (const place of places) sum += search(place);
  return sum;
}

export default contest({
  title: "one search among 100,000 entries",
  unit: "look-up",
  cases: (["offset", "time"] as const).map((kind) => ({
    name: `${kind} index`,
    unitsPerCall: SEARCH_COUNT,
    contestants: {
      varve: () => searchAll(searches[kind]),
      DataView: () => searchAll(yardsticks[kind]),
    },
  })),
});
