/** Which epoch holds where, and where the records of one end, as a follower or a client asks for it. */
import { expect, it } from "vitest";
import { LeaderEpochs } from "../../src/storage/leader-epochs.ts";

/** 0 from 10, 2 from 20, 5 from 30. */
function epochs(): LeaderEpochs {
  const epochs = new LeaderEpochs();
  for (const [epoch, start] of [
    [0, 10],
    [2, 20],
    [5, 30],
  ])
    epochs.assign(epoch, start);
  return epochs;
}

it.each([
  [9, undefined],
  [10, 0],
  [19, 0],
  [20, 2],
  [30, 5],
  [99, 5],
])("offset %i was written in epoch %s", (offset, epoch) => {
  expect(epochs().at(offset)).toBe(epoch);
});

it.each([
  [0, { epoch: 0, endOffset: 20 }],
  // That has no records: those before it end there.
  [1, { epoch: 0, endOffset: 20 }],
  [2, { epoch: 2, endOffset: 30 }],
  [4, { epoch: 2, endOffset: 30 }],
  [5, { epoch: 5, endOffset: 40 }],
  [6, undefined],
])("the records of epoch %i, or of the one before it, end", (epoch, end) => {
  expect(epochs().endOf(epoch, 40)).toEqual(end);
});

it("an epoch before the first has no records: where those begin it ends", () => {
  expect(new LeaderEpochs([{ epoch: 3, startOffset: 7 }]).endOf(2, 40)).toEqual({ epoch: 2, endOffset: 7 });
});

it("an epoch is raised where the end has moved back, and what began behind that is forgotten", () => {
  const some = epochs();
  some.raise(25);
  expect([some.latest, some.latestStart, some.at(24), some.at(25)]).toEqual([6, 25, 2, 6]);
  expect(some.endOf(2, 40)).toEqual({ epoch: 2, endOffset: 25 });
  some.assign(6, 33);
  expect(some.latestStart).toBe(25);
});
