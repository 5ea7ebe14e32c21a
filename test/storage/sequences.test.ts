/** Every row of the table at the head of sequences.ts, and what a ProducerState makes of it across a snapshot. */
import { describe, expect, it } from "vitest";
import { Batch, placeBatch } from "../../src/format/batch.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { ProducerState } from "../../src/storage/producer-state.ts";
import { judgeSequence, type StoredSequence, storedSequences } from "../../src/storage/sequences.ts";

const stored = (baseSequence: number, lastSequence: number, baseOffset: number): StoredSequence => {
  const lastOffset = baseOffset + lastSequence - baseSequence;
  return { baseSequence, lastSequence, baseOffset, lastOffset, timestamp: 5 };
};
const known = { epoch: 3, lastSequence: 9 };
const recent = [stored(0, 4, 100), stored(5, 9, 105)];
const batch = (producerEpoch: number, baseSequence: number, lastSequence = baseSequence) => {
  return { producerEpoch, baseSequence, lastSequence };
};

describe("judgeSequence", () => {
  it.each([
    ["an unknown producer, whatever its sequence", undefined, batch(0, 17), { kind: "next" }],
    ["an older epoch", known, batch(2, 10), { kind: "fenced", epoch: 3 }],
    ["a newer epoch from 0", known, batch(4, 0), { kind: "next" }],
    ["a newer epoch from elsewhere", known, batch(4, 10), { kind: "out-of-order", expected: 0 }],
    ["the last batch again", known, batch(3, 5, 9), { kind: "duplicate", of: recent[1] }],
    ["an earlier batch again", known, batch(3, 0, 4), { kind: "duplicate", of: recent[0] }],
    ["what follows", known, batch(3, 10, 12), { kind: "next" }],
    ["a gap", known, batch(3, 11), { kind: "out-of-order", expected: 10 }],
    ["a part of what is there", known, batch(3, 5, 8), { kind: "out-of-order", expected: 10 }],
    ["after a marker: from 0", { epoch: 3, lastSequence: -1 }, batch(3, 1), { kind: "out-of-order", expected: 0 }],
    ["behind 2^31−1 comes 0", { epoch: 3, lastSequence: 0x7fff_ffff }, batch(3, 0, 2), { kind: "next" }],
  ])("%s", (_, producer, sequenced, verdict) => {
    expect(judgeSequence(producer, producer === known ? recent : [], sequenced)).toEqual(verdict);
  });
});

describe("storedSequences", () => {
  const entry = { producerId: 1, epoch: 0, coordinatorEpoch: -1, currentTxnFirstOffset: -1, timestamp: 5 };

  it("is the last batch of a snapshot", () => {
    const sequences = storedSequences({ ...entry, lastSequence: 9, lastOffset: 109, offsetDelta: 4 });
    expect(sequences).toEqual([stored(5, 9, 105)]);
  });

  it("knows where a batch began that went over 2^31−1", () => {
    const [{ baseSequence }] = storedSequences({ ...entry, lastSequence: 1, lastOffset: 109, offsetDelta: 3 });
    expect(baseSequence).toBe(0x7fff_fffe);
  });

  it("is nothing for a producer that has only ended transactions", () => {
    expect(storedSequences({ ...entry, lastSequence: -1, lastOffset: -1, offsetDelta: 0 })).toEqual([]);
  });
});

describe("ProducerState", () => {
  const produced = (baseSequence: number, count: number, producerEpoch = 0): Batch => {
    const builder = new BatchBuilder();
    for (let i = 0; i < count; i++) builder.append(null, "v", undefined, 0);
    const bytes = builder.seal({ producerId: 7, producerEpoch, baseSequence }).bytes.slice();
    placeBatch(bytes, 0, 0, 0);
    return new Batch(bytes, 0);
  };

  it("remembers five batches, not six", () => {
    const state = new ProducerState();
    for (let i = 0; i < 6; i++) state.update(produced(2 * i, 2));
    expect(state.judge(produced(2, 2)).kind).toBe("duplicate");
    expect(state.judge(produced(0, 2)).kind).toBe("out-of-order");
    expect(state.judge(produced(12, 2)).kind).toBe("next");
  });

  it("remembers one batch across a snapshot", () => {
    const before = new ProducerState();
    before.update(produced(0, 2));
    before.update(produced(2, 3));
    const state = ProducerState.fromSnapshot(before.toSnapshot());
    expect(state.judge(produced(2, 3)).kind).toBe("duplicate");
    expect(state.judge(produced(0, 2)).kind).toBe("out-of-order");
    expect(state.judge(produced(5, 1)).kind).toBe("next");
  });

  it("forgets the batches of an epoch that is over", () => {
    const state = new ProducerState();
    state.update(produced(0, 2));
    state.update(produced(0, 1, 1));
    expect(state.judge(produced(0, 2, 1)).kind).toBe("out-of-order");
    expect(state.judge(produced(0, 2, 0))).toEqual({ kind: "fenced", epoch: 1 });
  });
});
