/**
 * Every bit of every file of small partitions is flipped: of the larger ones, and unless VARVE_FULL is set of all, a part of
 * them, by the seed.
 */
import { describe, expect, it } from "vitest";
import { isFull, randomFor } from "../sampling.ts";
import { FlipJudge, flipsOf } from "./bit-flips.ts";
import { compactedSubjects, goldenSubjects, ownSubjects } from "./flip-subjects.ts";

/** Of one partition; a few milliseconds each. */
const MOST_FLIPS = 60_000;

describe("every flipped bit costs one batch at most, and is never served", async () => {
  it.each([...goldenSubjects(), ...(await ownSubjects()), ...compactedSubjects()])("$name", async (subject) => {
    const judge = await FlipJudge.for(subject);
    const random = randomFor(subject.name);
    const all = flipsOf(subject).reduce((sum, { bits }) => sum + bits, 0);
    const share = isFull ? MOST_FLIPS / all : 1 / 30;
    const wrong: string[] = [];
    for (const { file, bits } of flipsOf(subject)) {
      for (let bit = 0; bit < bits; bit++) {
        if (random() > share) continue;
        const verdict = await judge.verdict({ file, bit });
        if (verdict !== undefined) wrong.push(verdict);
      }
    }
    expect(wrong).toEqual([]);
  });
});
