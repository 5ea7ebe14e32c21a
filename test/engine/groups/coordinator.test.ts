/** Who may say what to the coordinator, and what it answers about groups and offsets. */
import { describe, expect, it } from "vitest";
import type { GroupCoordinatorOptions } from "../../../src/engine/groups/coordinator.ts";
import type { CommitOffsetsRequest } from "../../../src/engine/groups/requests.ts";
import { KAFKA_ERRORS } from "../../../src/engine/kafka-errors.ts";
import { readAssignment, readSubscription } from "../../../src/format/consumer-protocol.ts";
import { TestClock } from "../../../src/testing/clock.ts";
import { SimulatedMember, startWorld, type World } from "./members.ts";

const DAY_MS = 86_400_000;

async function stable(options: Partial<GroupCoordinatorOptions> = {}) {
  const world = startWorld(options);
  const member = new SimulatedMember(world, { name: "a" }).start();
  await world.clock.advanceAsync(1000);
  const identity = { groupId: "g", memberId: member.memberId, generationId: 1, groupInstanceId: null };
  return { world, member, identity };
}

function commitOf(given: Partial<CommitOffsetsRequest> = {}): CommitOffsetsRequest {
  return {
    groupId: "g",
    memberId: "",
    generationId: -1,
    groupInstanceId: null,
    isWire: true,
    topics: [{ name: "orders", partitions: [{ partition: 1, offset: 42, leaderEpoch: -1, metadata: "" }] }],
    ...given,
  };
}

async function commit(world: World, given: Partial<CommitOffsetsRequest> = {}): Promise<number> {
  const { topics } = await world.coordinator.commitOffsets(commitOf(given));
  return topics[0].partitions[0].errorCode;
}

describe("heartbeats", () => {
  it("of a stranger, of another generation, of another instance and of no group are refused", async () => {
    const { world, identity } = await stable();
    const beat = async (given: object) => (await world.coordinator.heartbeat({ ...identity, ...given })).errorCode;
    expect(await beat({})).toBe(KAFKA_ERRORS.NONE);
    expect(await beat({ memberId: "nobody" })).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect(await beat({ generationId: 2 })).toBe(KAFKA_ERRORS.ILLEGAL_GENERATION);
    expect(await beat({ groupInstanceId: "i" })).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect(await beat({ groupId: "none" })).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect(await beat({ groupId: "" })).toBe(KAFKA_ERRORS.INVALID_GROUP_ID);
  });

  it("tell of a rebalance until the member has joined, and keep the session while it takes", async () => {
    const { world, identity } = await stable();
    const { joinRequest } = new SimulatedMember(world, { name: "b" });
    const joining = world.coordinator.joinGroup({ ...joinRequest, requiresKnownMemberId: false });
    for (let beat = 0; beat < 3; beat++) {
      expect(await world.coordinator.heartbeat(identity)).toEqual({ errorCode: KAFKA_ERRORS.REBALANCE_IN_PROGRESS });
      await world.clock.advanceAsync(5);
    }
    await world.clock.advanceAsync(5000);
    expect(await joining).toMatchObject({ errorCode: 0, generationId: 2 });
  });

  it("that are late because we were asleep cost nobody its session", async () => {
    class SleepyClock extends TestClock {
      asleepMs = 0;
      override monotonic(): number {
        return super.monotonic() + this.asleepMs;
      }
    }
    const clock = new SleepyClock();
    const world = startWorld({ clock });
    const { joinRequest } = new SimulatedMember(world, { name: "a", sessionTimeoutMs: 10_000 });
    const joining = world.coordinator.joinGroup({ ...joinRequest, requiresKnownMemberId: false });
    await clock.advanceAsync(200);
    const identity = { groupId: "g", memberId: (await joining).memberId, generationId: 1, groupInstanceId: null };
    await clock.advanceAsync(5000);
    clock.asleepMs = 60_000;
    await clock.advanceAsync(6000);
    expect(await world.coordinator.heartbeat(identity)).toEqual({ errorCode: KAFKA_ERRORS.NONE });
    await clock.advanceAsync(10_000);
    expect(await world.coordinator.heartbeat(identity)).toEqual({ errorCode: KAFKA_ERRORS.UNKNOWN_MEMBER_ID });
  });
});

describe("joins", () => {
  const join = (world: World, given: object) => {
    const { joinRequest } = new SimulatedMember(world, { name: "x" });
    return world.coordinator.joinGroup({ ...joinRequest, ...given });
  };

  it("with what the group cannot do are refused", async () => {
    const { world } = await stable({ minSessionTimeoutMs: 6000 });
    const metadata = new Uint8Array(0);
    const refusals: [object, number][] = [
      [{ groupId: "" }, KAFKA_ERRORS.INVALID_GROUP_ID],
      [{ sessionTimeoutMs: 5999 }, KAFKA_ERRORS.INVALID_SESSION_TIMEOUT],
      [{ sessionTimeoutMs: 1_800_001 }, KAFKA_ERRORS.INVALID_SESSION_TIMEOUT],
      [{ protocols: [{ name: "range", metadata }] }, KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL],
      [{ protocols: [] }, KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL],
      [{ protocolType: "connect" }, KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL],
      [{ groupId: "new", protocolType: "" }, KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL],
      [{ memberId: "nobody" }, KAFKA_ERRORS.UNKNOWN_MEMBER_ID],
      [{ memberId: "nobody", groupId: "new" }, KAFKA_ERRORS.UNKNOWN_MEMBER_ID],
      [{ memberId: "nobody", groupInstanceId: "i" }, KAFKA_ERRORS.UNKNOWN_MEMBER_ID],
    ];
    for (const [given, errorCode] of refusals) {
      expect(await join(world, given)).toMatchObject({ errorCode, generationId: -1, members: [] });
    }
  });

  it("beyond the largest size are refused", async () => {
    const { world } = await stable({ groupMaxSize: 1 });
    expect(await join(world, {})).toMatchObject({ errorCode: KAFKA_ERRORS.GROUP_MAX_SIZE_REACHED, memberId: "" });
  });

  it("agree on the protocol that most want and all can", async () => {
    const world = startWorld();
    const protocols = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.from(name) }));
    const joins = [protocols("a", "b", "c"), protocols("b", "c", "a"), protocols("d", "c", "b")].map((given) =>
      join(world, { protocols: given, requiresKnownMemberId: false }),
    );
    await world.clock.advanceAsync(1000);
    const [leader, ...others] = await Promise.all(joins);
    expect([leader, ...others].map(({ protocolName }) => protocolName)).toEqual(["b", "b", "b"]);
    expect(leader.members.map(({ metadata }) => Buffer.from(metadata).toString())).toEqual(["b", "b", "b"]);
  });

  it("of an id that was given out are waited for, as long as its session would last", async () => {
    const world = startWorld();
    await join(world, {});
    const other = join(world, { requiresKnownMemberId: false, groupInstanceId: "i" });
    await world.clock.advanceAsync(9000);
    let isAnswered = false;
    void other.then(() => {
      isAnswered = true;
    });
    await world.clock.advanceAsync(0);
    expect(isAnswered).toBe(true);
  });

  it("that are made twice are answered twice", async () => {
    const { world, member, identity } = await stable();
    const first = join(world, { groupId: "twice", groupInstanceId: "i" });
    await world.clock.advanceAsync(200);
    const { memberId } = await first;
    const joinAgain = () => join(world, { groupId: "twice", groupInstanceId: "i", memberId, protocolType: "consumer" });
    expect(await joinAgain()).toMatchObject({
      errorCode: 0,
      generationId: 1,
      leader: memberId,
      members: [{ memberId }],
    });
    expect(member.memberId).toBe(identity.memberId);
  });
});

describe("syncs", () => {
  it("of another protocol or generation are refused; of a stable member they give what it has", async () => {
    const { world, identity } = await stable();
    const sync = (given: object) => {
      return world.coordinator.syncGroup({
        ...identity,
        protocolType: null,
        protocolName: null,
        assignments: [],
        ...given,
      });
    };
    const { errorCode, assignment, protocolName } = await sync({});
    expect({ errorCode, protocolName }).toEqual({ errorCode: 0, protocolName: "cooperative-sticky" });
    expect(readAssignment(assignment).assignedPartitions).toHaveLength(7);
    expect((await sync({ protocolName: "range" })).errorCode).toBe(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    expect((await sync({ protocolType: "connect" })).errorCode).toBe(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    expect((await sync({ generationId: 0 })).errorCode).toBe(KAFKA_ERRORS.ILLEGAL_GENERATION);
    expect((await sync({ memberId: "nobody" })).errorCode).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect((await sync({ groupId: "none" })).errorCode).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
  });
});

describe("commits", () => {
  it("of members and, where there are none, of anybody are kept", async () => {
    const { world, identity } = await stable();
    expect(await commit(world, identity)).toBe(KAFKA_ERRORS.NONE);
    expect(await commit(world)).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect(await commit(world, { ...identity, generationId: 0 })).toBe(KAFKA_ERRORS.ILLEGAL_GENERATION);
    expect(await commit(world, { ...identity, memberId: "nobody" })).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
    expect(await commit(world, { groupId: "outside" })).toBe(KAFKA_ERRORS.NONE);
    expect(await commit(world, { groupId: "none", generationId: 3 })).toBe(KAFKA_ERRORS.ILLEGAL_GENERATION);
    expect(await commit(world, { groupId: "" })).toBe(KAFKA_ERRORS.INVALID_GROUP_ID);
  });

  it("during the assignment are put off", async () => {
    const { world } = await stable();
    const { joinRequest } = new SimulatedMember(world, { name: "b", group: "h" });
    const joining = world.coordinator.joinGroup({ ...joinRequest, requiresKnownMemberId: false });
    await world.clock.advanceAsync(200);
    const { memberId, generationId } = await joining;
    expect(await commit(world, { groupId: "h", memberId, generationId })).toBe(KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
  });

  it("that are wrong are refused one by one", async () => {
    const { world } = await stable();
    const entry = { offset: 1, leaderEpoch: -1, metadata: "" };
    const partitions = [
      { ...entry, partition: 0 },
      { ...entry, partition: 9 },
      { ...entry, partition: 1, metadata: "x".repeat(4097) },
    ];
    const topics = [
      { name: "orders", partitions },
      { name: "missing", partitions: [{ ...entry, partition: 0 }] },
    ];
    const result = await world.coordinator.commitOffsets(commitOf({ groupId: "outside", topics }));
    expect(result.topics.map((topic) => topic.partitions.map(({ errorCode }) => errorCode))).toEqual([[0, 3, 12], [3]]);
    const fetched = await world.coordinator.fetchOffsets({ groupId: "outside", topics: null });
    expect(fetched.topics).toEqual([
      { name: "orders", partitions: [{ partition: 0, offset: 1, leaderEpoch: -1, metadata: "", errorCode: 0 }] },
    ]);
  });

  it("that cannot be written say so", async () => {
    const { world } = await stable();
    world.storage.failure = Object.assign(new Error("full"), { code: "VARVE_NO_SPACE" });
    expect(await commit(world, { groupId: "outside" })).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
  });

  it("can be fetched, by anybody; of what was not committed there is none", async () => {
    const { world } = await stable();
    await commit(world, { groupId: "outside" });
    const topics = [{ name: "orders", partitions: [1, 2] }];
    const { topics: found } = await world.coordinator.fetchOffsets({ groupId: "outside", topics });
    expect(found[0].partitions.map(({ offset }) => offset)).toEqual([42, -1]);
    expect(await world.coordinator.fetchOffsets({ groupId: "none", topics: null })).toMatchObject({ topics: [] });
  });
});

describe("committed offsets", () => {
  const offsetOf = async (world: World, groupId = "g") => {
    const topics = [{ name: "orders", partitions: [1] }];
    return (await world.coordinator.fetchOffsets({ groupId, topics })).topics[0].partitions[0].offset;
  };
  const pass = async (world: World, ms: number) => {
    await world.clock.advanceAsync(ms);
    await world.coordinator.expireOffsets();
  };

  it("of a group that had members expire when it has been empty for seven days, and the group goes", async () => {
    const { world, member, identity } = await stable();
    await commit(world, identity);
    await pass(world, 1000);
    await member.leave();
    await pass(world, 7 * DAY_MS - 1);
    expect(await offsetOf(world)).toBe(42);
    await pass(world, 1);
    expect(await offsetOf(world)).toBe(-1);
    expect(await world.coordinator.listGroups()).toEqual([]);
    expect(world.storage.written.size).toBe(0);
  });

  it("of a group without members expire each by itself", async () => {
    const world = startWorld();
    await commit(world, { groupId: "outside" });
    await pass(world, 7 * DAY_MS - 1);
    expect(await offsetOf(world, "outside")).toBe(42);
    await pass(world, 1);
    expect(await offsetOf(world, "outside")).toBe(-1);
  });

  it("of topics that no member subscribes to any more expire too", async () => {
    const { world, member, identity } = await stable();
    await commit(world, identity);
    member.crash();
    const other = new SimulatedMember(world, { name: "b", topics: ["invoices"], inProcess: false }).start();
    await world.clock.advanceAsync(30_000);
    expect(other.ownedNames).toHaveLength(3);
    world.clock.jump(7 * DAY_MS);
    await pass(world, 0);
    expect(await offsetOf(world)).toBe(-1);
    expect(await world.coordinator.listGroups()).toMatchObject([{ groupId: "g", groupState: "Stable" }]);
  });

  it("of a group that had a member of this process never expire, also after a restart", async () => {
    const world = startWorld();
    const member = new SimulatedMember(world, { name: "a", inProcess: true }).start();
    await world.clock.advanceAsync(0);
    expect(await member.commit(42, "orders", 1)).toBe(KAFKA_ERRORS.NONE);
    await member.leave();
    world.coordinator.close();
    world.coordinator = startWorld({}, world).coordinator;
    await world.coordinator.ready();
    await pass(world, 365 * DAY_MS);
    expect(await offsetOf(world)).toBe(42);
  });

  it("never expire with a retention of -1", async () => {
    const world = startWorld({ offsetsRetentionMs: -1 });
    await commit(world, { groupId: "outside" });
    await pass(world, 365 * DAY_MS);
    expect(await offsetOf(world, "outside")).toBe(42);
  });
});

describe("groups", () => {
  it("are described: members with what they want and have", async () => {
    const { world, member } = await stable();
    const [group, missing] = await world.coordinator.describeGroups(["g", "none"]);
    expect(group).toMatchObject({
      errorCode: 0,
      groupState: "Stable",
      protocolType: "consumer",
      protocolData: "cooperative-sticky",
      members: [{ memberId: member.memberId, clientId: "a", clientHost: "/127.0.0.1", groupInstanceId: null }],
    });
    expect(readSubscription(group.members[0].metadata).topics).toEqual(["orders", "invoices"]);
    expect(readAssignment(group.members[0].assignment).assignedPartitions).toHaveLength(7);
    expect(missing).toMatchObject({ errorCode: KAFKA_ERRORS.GROUP_ID_NOT_FOUND, groupState: "Dead", members: [] });
  });

  it("are listed, by state and type", async () => {
    const { world } = await stable();
    await commit(world, { groupId: "outside" });
    const list = async (filter?: object) => {
      return (await world.coordinator.listGroups(filter)).map(({ groupId, groupState }) => `${groupId} ${groupState}`);
    };
    expect(await list()).toEqual(["g Stable", "outside Empty"]);
    expect(await list({ states: ["stable"] })).toEqual(["g Stable"]);
    expect(await list({ states: ["Empty", "Dead"] })).toEqual(["outside Empty"]);
    expect(await list({ types: ["consumer"] })).toEqual([]);
    expect(await list({ types: ["Classic"] })).toEqual(["g Stable", "outside Empty"]);
  });

  it("are deleted when nobody is in them, with their offsets", async () => {
    const { world, member } = await stable();
    await commit(world, { groupId: "outside" });
    const remove = async (...ids: string[]) => {
      return (await world.coordinator.deleteGroups(ids)).map(({ errorCode }) => errorCode);
    };
    expect(await remove("g", "outside", "none", "")).toEqual([68, 0, 69, 24]);
    await member.leave();
    expect(await remove("g")).toEqual([0]);
    expect(await world.coordinator.listGroups()).toEqual([]);
    expect(world.storage.written.size).toBe(0);
    expect(world.storage.groups()).toEqual([]);
  });

  it("answer whoever waits when the coordinator closes, and leave no timer", async () => {
    const { world, member } = await stable();
    const { joinRequest } = new SimulatedMember(world, { name: "b" });
    const waiting = world.coordinator.joinGroup({ ...joinRequest, requiresKnownMemberId: false });
    await world.clock.advanceAsync(0);
    member.crash();
    world.coordinator.close();
    expect((await waiting).errorCode).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
    expect(world.clock.pending).toBe(0);
    expect((await world.coordinator.joinGroup(joinRequest)).errorCode).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
  });
});
