/** The check of the tour's readings: it must see what is wrong. */
import { expect, it } from "vitest";
import { keyAt, Reading, valueAt } from "../../src/cli/tour-records.ts";

const COUNT = 10;

/** Each as [partition, number of the record], all right when nothing is changed. */
function verdict(change: (read: [partition: number, index: number, value?: string][]) => void): string | undefined {
  const read: [number, number, string?][] = Array.from({ length: COUNT }, (_, index) => [index % 2, index]);
  change(read);
  const reading = new Reading(COUNT, 2);
  for (const [offset, [partition, index, value]] of read.entries()) {
    reading.note(partition, offset, keyAt(index), value ?? valueAt(index));
  }
  return reading.verdict();
}

it("is content with every record once, in order in its partition", () => {
  expect(verdict(() => {})).toBeUndefined();
  expect(verdict((read) => read.sort((a, b) => a[0] - b[0]))).toBeUndefined();
});

it.each<[string, Parameters<typeof verdict>[0]]>([
  ["a missing record", (read) => read.splice(4, 1)],
  ["a record twice", (read) => read.push([0, 4])],
  ["two records of a partition swapped", (read) => ([read[2], read[4]] = [read[4], read[2]])],
  ["another value", (read) => (read[3] = [1, 3, valueAt(5)])],
  ["a record of nowhere", (read) => read.push([0, COUNT + 1])],
])("sees %s", (_, change) => {
  expect(verdict(change)).toEqual(expect.any(String));
});

it("has values of a hundred characters", () => {
  for (const index of [0, 7, 999_999]) expect(valueAt(index)).toHaveLength(100);
});
