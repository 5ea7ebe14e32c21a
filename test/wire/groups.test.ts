/** Groups over the wire, in every version: what the coordinator decides is tested with it; here, how it is asked and answered. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { Listener } from "../../src/wire/listener.ts";
import { OffsetCommit } from "../../src/wire/messages/08-offset-commit.ts";
import { OffsetFetch } from "../../src/wire/messages/09-offset-fetch.ts";
import { JoinGroup } from "../../src/wire/messages/11-join-group.ts";
import { Heartbeat } from "../../src/wire/messages/12-heartbeat.ts";
import { LeaveGroup } from "../../src/wire/messages/13-leave-group.ts";
import { SyncGroup } from "../../src/wire/messages/14-sync-group.ts";
import { DescribeGroups } from "../../src/wire/messages/15-describe-groups.ts";
import { ListGroups } from "../../src/wire/messages/16-list-groups.ts";
import { DeleteGroups } from "../../src/wire/messages/42-delete-groups.ts";
import { batchOf, startListener, WireClient } from "./wire-client.ts";

let engine: Engine;
let listener: Listener;
let client: WireClient;

beforeEach(async () => {
  ({ engine, listener } = await startListener());
  await engine.createTopic("t", { partitions: 2 });
  const records = batchOf(["a", "b", "c", "d", "e"]);
  const sealed = { bytes: records, start: 0, end: records.length, recordCount: 5, maxTimestamp: 0 };
  engine.topic("t").partition(0).append(sealed);
  client = await WireClient.connect(listener.port);
});

afterEach(async () => {
  client.close();
  await engine.close();
});

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const textOf = (from: Uint8Array) => Buffer.from(from).toString();
const versions = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

async function join(version = 9, memberId = "", by = client) {
  const request = {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: bytes("subscription") }],
  };
  const answer = await by.call(JoinGroup, version, request);
  return answer.errorCode === 79 ? by.call(JoinGroup, version, { ...request, memberId: answer.memberId }) : answer;
}

async function sync(generationId: number, memberId: string, version = 5) {
  const assignments = [{ memberId, assignment: bytes("mine") }];
  const names = { protocolType: "consumer", protocolName: "range" };
  return client.call(SyncGroup, version, { groupId: "g", generationId, memberId, assignments, ...names });
}

/** A group with one member, stable. */
async function stable() {
  const { generationId, memberId } = await join();
  await sync(generationId, memberId);
  return { generationId, memberId };
}

describe("a member", () => {
  it.each(versions(0, 9))("joins in version %i", async (version) => {
    const answer = await join(version);
    expect(answer).toMatchObject({ errorCode: 0, generationId: 1, protocolName: "range", leader: answer.memberId });
    expect(answer.members.map(({ metadata }) => textOf(metadata))).toEqual(["subscription"]);
  });

  it("is given its id first, from version 4 on", async () => {
    const request = { groupId: "g", sessionTimeoutMs: 10_000, memberId: "", protocolType: "consumer", protocols: [] };
    const protocols = [{ name: "range", metadata: bytes("") }];
    expect(await client.call(JoinGroup, 4, { ...request, protocols })).toMatchObject({ errorCode: 79 });
  });

  it.each(versions(0, 5))("takes its assignment in version %i", async (version) => {
    const { generationId, memberId } = await join();
    const { errorCode, assignment } = await sync(generationId, memberId, version);
    expect([errorCode, textOf(assignment)]).toEqual([0, "mine"]);
  });

  it.each(versions(0, 4))("is alive in version %i", async (version) => {
    const { generationId, memberId } = await stable();
    expect(await client.call(Heartbeat, version, { groupId: "g", generationId, memberId })).toMatchObject({
      errorCode: 0,
    });
    const stranger = { groupId: "g", generationId, memberId: "nobody" };
    expect(await client.call(Heartbeat, version, stranger)).toMatchObject({ errorCode: 25 });
    const late = { groupId: "g", generationId: generationId + 1, memberId };
    expect(await client.call(Heartbeat, version, late)).toMatchObject({ errorCode: 22 });
  });

  it.each(versions(0, 5))("leaves in version %i", async (version) => {
    const { memberId } = await stable();
    const members = [{ memberId, groupInstanceId: null }];
    const leave = () => client.call(LeaveGroup, version, { groupId: "g", memberId, members });
    expect((await leave()).errorCode).toBe(0);
    const again = await leave();
    expect(version < 3 ? again.errorCode : again.members[0].errorCode).toBe(25);
    expect((await engine.coordinator.describeGroups(["g"]))[0].groupState).toBe("Empty");
  });

  it("of the same group on another connection makes the first one join again", async () => {
    const { generationId, memberId } = await stable();
    const other = await WireClient.connect(listener.port);
    const second = join(9, "", other);
    const beat = async () => (await client.call(Heartbeat, 4, { groupId: "g", generationId, memberId })).errorCode;
    let errorCode = await beat();
    while (errorCode === 0) errorCode = await beat();
    expect(errorCode).toBe(27);
    const [mine, theirs] = await Promise.all([join(9, memberId), second]);
    expect(mine.generationId).toBe(theirs.generationId);
    expect(mine.leader).toBe(theirs.leader);
    other.close();
  });
});

it("a listener that closes does not wait for the others of a group", async () => {
  const { generationId, memberId } = await stable();
  const other = await WireClient.connect(listener.port);
  const waiting = join(9, "", other);
  const beat = async () => (await client.call(Heartbeat, 4, { groupId: "g", generationId, memberId })).errorCode;
  while ((await beat()) === 0);
  await listener.close({ timeoutMs: 2 ** 31 - 1 });
  expect((await waiting).errorCode).toBe(15);
});

describe("offsets", () => {
  const commit = (version = 9, partitionIndex = 0, committedOffset = 5) => {
    const partitions = [{ partitionIndex, committedOffset, committedLeaderEpoch: 0, committedMetadata: "m" }];
    return client.call(OffsetCommit, version, { groupId: "g", memberId: "", topics: [{ name: "t", partitions }] });
  };

  it.each(versions(2, 9))("are committed in version %i", async (version) => {
    expect(await commit(version)).toMatchObject({ topics: [{ name: "t", partitions: [{ errorCode: 0 }] }] });
    expect(engine.offsets.committed("g", "t", 0)).toMatchObject({ offset: 5, metadata: "m" });
  });

  it("of a partition that there is not have an error of their own", async () => {
    expect(await commit(9, 7)).toMatchObject({ topics: [{ partitions: [{ partitionIndex: 7, errorCode: 3 }] }] });
  });

  it("past the end of the log are taken, negative ones are not", async () => {
    expect(await commit(9, 0, 1000)).toMatchObject({ topics: [{ partitions: [{ errorCode: 0 }] }] });
    expect(await commit(9, 0, -1)).toMatchObject({ topics: [{ partitions: [{ errorCode: 1 }] }] });
    expect(engine.offsets.committed("g", "t", 0)?.offset).toBe(1000);
  });

  it.each(versions(1, 7))("are fetched in version %i", async (version) => {
    await commit();
    const topics = [{ name: "t", partitionIndexes: [0, 1] }];
    const answer = await client.call(OffsetFetch, version, { groupId: "g", topics });
    expect(answer.topics[0].partitions).toMatchObject([
      { partitionIndex: 0, committedOffset: 5, metadata: "m", errorCode: 0 },
      { partitionIndex: 1, committedOffset: -1, errorCode: 0 },
    ]);
  });

  it.each([8, 9])("of several groups are fetched in version %i", async (version) => {
    await commit();
    const groups = [
      { groupId: "g", topics: null },
      { groupId: "h", topics: null },
    ];
    const answer = await client.call(OffsetFetch, version, { groups });
    expect(answer.groups).toMatchObject([
      { groupId: "g", errorCode: 0, topics: [{ name: "t", partitions: [{ committedOffset: 5 }] }] },
      { groupId: "h", errorCode: 0, topics: [] },
    ]);
  });
});

describe("groups", () => {
  it.each(versions(0, 5))("are described in version %i", async (version) => {
    const { memberId } = await stable();
    const { groups } = await client.call(DescribeGroups, version, { groups: ["g", "nobody", "g"] });
    expect(groups).toMatchObject([
      { groupId: "g", errorCode: 0, groupState: "Stable", protocolData: "range" },
      { groupId: "nobody", errorCode: 0, groupState: "Dead", members: [] },
    ]);
    const [{ members }] = groups;
    expect(members).toMatchObject([{ memberId, clientId: "test", clientHost: "/127.0.0.1" }]);
    expect(textOf(members[0].memberAssignment)).toBe("mine");
  });

  it.each(versions(0, 5))("are listed in version %i", async (version) => {
    await stable();
    const { groups } = await client.call(ListGroups, version, {});
    expect(groups).toMatchObject([{ groupId: "g", protocolType: "consumer" }]);
  });

  it("are listed by state and by type", async () => {
    await stable();
    const list = async (filter: { statesFilter?: string[]; typesFilter?: string[] }) =>
      (await client.call(ListGroups, 5, filter)).groups.length;
    expect(await list({ statesFilter: ["Stable"], typesFilter: ["classic"] })).toBe(1);
    expect(await list({ statesFilter: ["Empty"] })).toBe(0);
    expect(await list({ typesFilter: ["consumer"] })).toBe(0);
  });

  it.each(versions(0, 2))("are deleted in version %i, without members", async (version) => {
    const { memberId } = await stable();
    const remove = async () => (await client.call(DeleteGroups, version, { groupsNames: ["g"] })).results[0].errorCode;
    expect(await remove()).toBe(68);
    await client.call(LeaveGroup, 3, { groupId: "g", members: [{ memberId, groupInstanceId: null }] });
    expect(await remove()).toBe(0);
    expect(await remove()).toBe(69);
  });
});
