/** Flipped bits, a sample of them; structure.slow.test.ts does all. */
import { describe, expect, it } from "vitest";
import { randomFor } from "../sampling.ts";
import { FlipJudge, flipsOf, type Subject } from "./bit-flips.ts";
import { compactedSubjects, goldenSubjects, ownSubjects } from "./flip-subjects.ts";

const SAMPLE = 60;

async function judge(subject: Subject): Promise<string[]> {
  const flips = flipsOf(subject);
  const random = randomFor(subject.name);
  const judge = await FlipJudge.for(subject);
  const wrong: string[] = [];
  for (let i = 0; i < SAMPLE; i++) {
    // In any file alike, so that small ones get their share.
    const { file, bits } = flips[Math.floor(random() * flips.length)];
    const flip = { file, bit: Math.floor(random() * bits) };
    const verdict = await judge.verdict(flip);
    if (verdict !== undefined) wrong.push(verdict);
  }
  return wrong;
}

describe("a flipped bit costs one batch at most, and is never served", async () => {
  it.each([...goldenSubjects(), ...(await ownSubjects())])("$name", async (subject) => {
    expect(await judge(subject)).toEqual([]);
  });

  it.each(compactedSubjects())("$name, compacted", async (subject) => {
    expect(await judge(subject)).toEqual([]);
  });
});
