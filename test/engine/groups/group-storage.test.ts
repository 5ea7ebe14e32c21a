/** Groups in `__consumer_offsets`: they come back from there, as Kafka would find them. */
import { describe, expect, it } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import { readGroupKey, readGroupMetadataValue } from "../../../src/format/group-metadata.ts";
import { COLUMNS, KEY_AT, KEY_LENGTH, VALUE_AT, VALUE_LENGTH } from "../../../src/format/record.ts";
import { MemoryFiles } from "../../../src/storage/memory-files.ts";
import { TestClock } from "../../../src/testing/clock.ts";
import { openEngine, reopenEngine } from "../engines.ts";
import { SimulatedMember } from "./members.ts";

async function engineWithTopics(files: MemoryFiles, clock: TestClock): Promise<Engine> {
  const engine = await openEngine({ files, clock });
  await engine.createTopic("orders", { partitions: 4 });
  await engine.createTopic("invoices", { partitions: 3 });
  return engine;
}

/** Every record of a group that lies in the log: undefined for a tombstone. */
function storedIn(engine: Engine) {
  const [partition] = engine.topic("__consumer_offsets").partitions;
  const found = [];
  for (const batch of partition!.read(0, 1 << 20, partition!.endOffset)) {
    const { bytes, rows, count } = batch.records(1 << 20);
    for (let row = 0; row < count * COLUMNS; row += COLUMNS) {
      const slice = (at: number, length: number) => bytes.subarray(rows[row + at], rows[row + at] + rows[row + length]);
      if (readGroupKey(slice(KEY_AT, KEY_LENGTH)).kind !== "group-metadata") continue;
      const isTombstone = rows[row + VALUE_LENGTH] < 0;
      found.push(isTombstone ? undefined : readGroupMetadataValue(slice(VALUE_AT, VALUE_LENGTH)));
    }
  }
  return found;
}

describe("a group", () => {
  it("is written when it has formed, when it is empty and when it is deleted, and comes back with its members", async () => {
    const files = new MemoryFiles();
    const clock = new TestClock();
    const first = await engineWithTopics(files, clock);
    const world = { clock, coordinator: first.coordinator, storage: undefined as never };
    const member = new SimulatedMember(world, { name: "a" }).start();
    await clock.advanceAsync(1000);
    expect(storedIn(first)).toMatchObject([
      {
        protocolType: "consumer",
        generation: 1,
        protocol: "cooperative-sticky",
        leader: member.memberId,
        members: [{ memberId: member.memberId, sessionTimeout: 10_000, clientHost: "/127.0.0.1" }],
      },
    ]);
    expect(await member.commit(0)).toBe(0);
    await first.close();

    const second = await reopenEngine({ files, clock });
    world.coordinator = second.coordinator;
    expect((await second.coordinator.describeGroups(["g"]))[0]).toMatchObject({
      groupState: "Stable",
      generationId: 1,
      members: [{ memberId: member.memberId }],
    });
    await clock.advanceAsync(5000);
    expect(member.errors).toEqual([79]);
    await member.leave();
    expect(storedIn(second)[1]).toMatchObject({ generation: 2, protocol: null, leader: null, members: [] });
    expect(await second.coordinator.deleteGroups(["g"])).toEqual([{ groupId: "g", errorCode: 0 }]);
    expect(storedIn(second)[2]).toBeUndefined();
    await second.close();
    expect(clock.pending).toBe(0);
  });

  it("of a directory that is only read is shown as it was written, and coordinated by nobody", async () => {
    const files = new MemoryFiles();
    const clock = new TestClock();
    const owner = await engineWithTopics(files, clock);
    const world = { clock, coordinator: owner.coordinator, storage: undefined as never };
    const member = new SimulatedMember(world, { name: "a", inProcess: true }).start();
    await clock.advanceAsync(0);
    const before = clock.pending;
    const reader = await openEngine({ files, clock, readOnly: true });
    const [group] = await reader.coordinator.describeGroups(["g"]);
    expect(group).toMatchObject({ groupState: "Stable", members: [{ memberId: member.memberId }] });
    expect((await reader.coordinator.joinGroup(member.joinRequest)).errorCode).toBe(16);
    expect(clock.pending).toBe(before);
    await reader.close();
    member.crash();
    await owner.close();
  });
});
