import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  readAssignment,
  readSubscription,
  writeAssignment,
  writeSubscription,
} from "../../src/format/consumer-protocol.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** What the classes of Kafka 4.1.1 write, versions 0 to 3. */
const SUBSCRIPTIONS = [
  "00000000000200066f72646572730008696e766f696365730000000400000007",
  "00010000000200066f72646572730008696e766f6963657300000004000000070000000100066f7264657273000000020000000000000002",
  "00020000000200066f72646572730008696e766f6963657300000004000000070000000100066f726465727300000002000000000000000200000007",
  "00030000000200066f72646572730008696e766f6963657300000004000000070000000100066f72646572730000000200000000000000020000000700027231",
];
const ASSIGNMENTS = [
  "00000000000200066f72646572730000000200000000000000020008696e766f696365730000000100000001ffffffff",
  "00010000000200066f72646572730000000200000000000000020008696e766f696365730000000100000001ffffffff",
  "00020000000200066f72646572730000000200000000000000020008696e766f696365730000000100000001ffffffff",
  "00030000000200066f72646572730000000200000000000000020008696e766f696365730000000100000001ffffffff",
];

const subscription = {
  topics: ["orders", "invoices"],
  userData: unhex("00000007"),
  ownedPartitions: [{ topic: "orders", partitions: [0, 2] }],
  generationId: 7,
  rackId: "r1",
};

const assignment = {
  assignedPartitions: [
    { topic: "orders", partitions: [0, 2] },
    { topic: "invoices", partitions: [1] },
  ],
  userData: null,
};

describe("a subscription", () => {
  test.each(SUBSCRIPTIONS.map((bytes, version) => [version, bytes]))(
    "of version %i is as Kafka writes it",
    (version, bytes) => {
      expect(hex(writeSubscription(subscription, version as number))).toBe(bytes);
    },
  );

  test("of an old version has defaults for the rest", () => {
    expect(readSubscription(unhex(SUBSCRIPTIONS[0]))).toEqual({
      topics: ["orders", "invoices"],
      userData: unhex("00000007"),
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    });
    expect(readSubscription(unhex(SUBSCRIPTIONS[3]))).toEqual(subscription);
  });

  test("of a newer version is read as far as it is known", () => {
    expect(readSubscription(unhex(`0009${SUBSCRIPTIONS[3].slice(4)}cafe`))).toEqual(subscription);
  });

  test("that is broken is refused", () => {
    for (let length = 2; length < SUBSCRIPTIONS[3].length / 2; length++) {
      expect(() => readSubscription(unhex(SUBSCRIPTIONS[3]).subarray(0, length))).toThrow(/position/);
    }
    expect(() => readSubscription(unhex("ffff"))).toThrow("version -1");
  });

  test("survives", () => {
    const partitions = fc.array(fc.record({ topic: fc.string(), partitions: fc.array(fc.nat()) }));
    const any = fc.record({
      topics: fc.array(fc.string()),
      userData: fc.option(fc.uint8Array()),
      ownedPartitions: partitions,
      generationId: fc.integer({ min: -1, max: 0x7fffffff }),
      rackId: fc.option(fc.string()),
    });
    fc.assert(
      fc.property(any, (one) => {
        expect(readSubscription(writeSubscription(one))).toEqual(one);
      }),
    );
  });
});

describe("an assignment", () => {
  test.each(ASSIGNMENTS.map((bytes, version) => [version, bytes]))(
    "of version %i is as Kafka writes it",
    (version, bytes) => {
      expect(hex(writeAssignment(assignment, version as number))).toBe(bytes);
      expect(readAssignment(unhex(bytes as string))).toEqual(assignment);
    },
  );

  test("of no bytes is none", () => {
    expect(readAssignment(new Uint8Array(0)).assignedPartitions).toEqual([]);
  });
});
