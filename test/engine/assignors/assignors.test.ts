/** Every assignor gives what Kafka's own gives: see test/oracle/AssignorCases.java, which made the cases. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GroupAssignment, MemberSubscription, TopicPartition } from "../../../src/engine/assignors/assignor.ts";
import { ASSIGNORS, type AssignorName } from "../../../src/engine/assignors/assignors.ts";

interface Case extends Record<AssignorName, Record<string, string[]>> {
  topics: Record<string, number>;
  members: {
    memberId: string;
    groupInstanceId: string | null;
    topics: string[];
    owned: string[];
    generationId: number;
  }[];
}

const path = new URL("../../fixtures/assignors/cases.json", import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(path, "utf8"));
const names = Object.keys(ASSIGNORS) as AssignorName[];

describe.each(names)("%s", (name) => {
  it(`gives what Kafka's gives, in ${cases.length} cases`, () => {
    for (const [index, one] of cases.entries()) {
      const assignment = ASSIGNORS[name].assign(countsOf(one), membersOf(one));
      expect(namesOf(assignment), `case ${index}`).toEqual(one[name]);
    }
  });
});

describe("the cases", () => {
  it("have members that take over from others, of the same topics and of different ones", () => {
    const sticky = cases.map((one) => {
      const given = Object.values(one["cooperative-sticky"]).flat().length;
      const subscribed = new Set(one.members.flatMap(({ topics }) => topics));
      const all = Object.entries(one.topics).reduce((sum, [topic, n]) => sum + (subscribed.has(topic) ? n : 0), 0);
      const isUniform = one.members.every(({ topics }) => topics.length === one.members[0].topics.length);
      return { hasTransfers: given < all, isUniform };
    });
    expect(sticky.filter(({ hasTransfers, isUniform }) => hasTransfers && isUniform).length).toBeGreaterThan(20);
    expect(sticky.filter(({ hasTransfers, isUniform }) => hasTransfers && !isUniform).length).toBeGreaterThan(20);
  });
});

const partitionCounts = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 1, max: 6 }), {
  minKeys: 1,
});
const memberArbitrary = fc.record({
  topics: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "missing")),
  owned: fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 0, max: 7 })), {
    selector: (pair) => pair.join("-"),
  }),
  generationId: fc.integer({ min: -1, max: 3 }),
});

/** Two are enough but where members subscribe to different topics: there each round may find another move. */
const MOST_ROUNDS = 5;

describe("cooperative-sticky, whatever the members claim", () => {
  const assign = (counts: Record<string, number>, members: MemberSubscription[]) => {
    const subscribed = new Set(members.flatMap(({ topics }) => topics));
    const known = Object.entries(counts).filter(([topic]) => subscribed.has(topic));
    return { known, assignment: ASSIGNORS["cooperative-sticky"].assign(new Map(known), members) };
  };

  it("gives each partition to one member at most that wants it, and all of them once claims are let go", () => {
    fc.assert(
      fc.property(
        partitionCounts,
        fc.array(memberArbitrary, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (...args) => {
          const [counts, drawn, isUniform] = args;
          let members: MemberSubscription[] = drawn.map(({ topics, owned, generationId }, index) => ({
            memberId: `m${index}`,
            groupInstanceId: null,
            topics: isUniform ? Object.keys(counts) : topics,
            ownedPartitions: owned.map(([topic, partition]) => ({ topic, partition })),
            generationId,
            userData: null,
          }));
          for (let round = 0, isSettled = false; !isSettled; round++) {
            const { known, assignment } = assign(counts, members);
            const given = Object.values(namesOf(assignment)).flat();
            expect(new Set(given).size).toBe(given.length);
            for (const member of members) {
              for (const { topic } of assignment.get(member.memberId)!) expect(member.topics).toContain(topic);
            }
            isSettled = given.length === known.reduce((sum, [, count]) => sum + count, 0);
            expect(isSettled || round < MOST_ROUNDS).toBe(true);
            members = members.map((member) => ({
              ...member,
              ownedPartitions: assignment.get(member.memberId)!,
              generationId: 10,
            }));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

function countsOf({ topics, members }: Case): Map<string, number> {
  const subscribed = new Set(members.flatMap((member) => member.topics));
  return new Map(Object.entries(topics).filter(([topic]) => subscribed.has(topic)));
}

function membersOf({ members }: Case): MemberSubscription[] {
  return members.map(({ owned, ...member }) => ({
    ...member,
    ownedPartitions: owned.map(partitionOf),
    userData: null,
  }));
}

function partitionOf(name: string): TopicPartition {
  const hyphen = name.lastIndexOf("-");
  return { topic: name.slice(0, hyphen), partition: Number(name.slice(hyphen + 1)) };
}

function namesOf(assignment: GroupAssignment): Record<string, string[]> {
  return Object.fromEntries(
    [...assignment].map(([memberId, partitions]) => [
      memberId,
      partitions.map(({ topic, partition }) => `${topic}-${partition}`).sort(),
    ]),
  );
}
