/** Every way in which a group rebalances, with time in the test's hand: at the end each partition has one owner. */
import { describe, expect, it } from "vitest";
import { KAFKA_ERRORS } from "../../../src/engine/kafka-errors.ts";
import { type MemberOptions, ownersOf, SimulatedMember, startWorld, TOPICS, type World } from "./members.ts";

const PARTITIONS = [...TOPICS.values()].reduce((sum, count) => sum + count, 0);

function start(world: World, options: MemberOptions): SimulatedMember {
  return new SimulatedMember(world, options).start();
}

async function groupOf(world: World) {
  return (await world.coordinator.describeGroups(["g"]))[0];
}

function expectOneOwnerEach(...members: SimulatedMember[]): void {
  const strays = [...ownersOf(members)].filter(([, owners]) => owners.length !== 1);
  expect(strays).toEqual([]);
}

/** Two members of the wire that have settled. */
async function startTwo(world: World, options: Partial<MemberOptions> = {}) {
  const a = start(world, { ...options, name: "a" });
  const b = start(world, { ...options, name: "b" });
  await world.clock.advanceAsync(5000);
  expectOneOwnerEach(a, b);
  return { a, b };
}

describe.each(["range", "roundrobin", "cooperative-sticky"] as const)("with %s", (assignor) => {
  it("a member alone owns everything, after it was given an id", async () => {
    const world = startWorld();
    const a = start(world, { name: "a", assignor });
    await world.clock.advanceAsync(1000);
    expect(a.errors).toEqual([KAFKA_ERRORS.MEMBER_ID_REQUIRED]);
    expect(a.memberId).toMatch(/^a-[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(a.ownedNames).toHaveLength(PARTITIONS);
    expect(await groupOf(world)).toMatchObject({ groupState: "Stable", generationId: 1, protocolData: assignor });
  });

  it("a second member gets its share", async () => {
    const world = startWorld();
    const a = start(world, { name: "a", assignor });
    await world.clock.advanceAsync(1000);
    const b = start(world, { name: "b", assignor });
    await world.clock.advanceAsync(10_000);
    expectOneOwnerEach(a, b);
    expect(b.owned.length).toBeGreaterThan(2);
  });

  it("members that come together form one generation", async () => {
    const world = startWorld();
    const members = ["a", "b", "c", "d", "e"].map((name) => start(world, { name, assignor }));
    await world.clock.advanceAsync(1000);
    expectOneOwnerEach(...members);
    expect((await groupOf(world)).generationId).toBe(1);
  });

  it("a member leaves, and the others take over", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world, { assignor });
    expect(await a.leave()).toBe(KAFKA_ERRORS.NONE);
    await world.clock.advanceAsync(4000);
    expectOneOwnerEach(b);
  });

  it("a member crashes, and the others take over when its session is over", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world, { assignor });
    a.crash();
    await world.clock.advanceAsync(5000);
    expect(b.ownedNames).not.toHaveLength(PARTITIONS);
    await world.clock.advanceAsync(15_000);
    expectOneOwnerEach(b);
  });
});

describe("a slow member", () => {
  it("that does not join in time is out, cannot commit, and comes back", async () => {
    const world = startWorld();
    const slow = start(world, { name: "slow", pollMs: 90_000, rebalanceTimeoutMs: 30_000, heartbeatMs: 2000 });
    await world.clock.advanceAsync(1000);
    const b = start(world, { name: "b", rebalanceTimeoutMs: 30_000 });
    await world.clock.advanceAsync(20_000);
    expect((await groupOf(world)).groupState).toBe("PreparingRebalance");
    expect(await slow.commit(1)).toBe(KAFKA_ERRORS.NONE);
    await world.clock.advanceAsync(10_500);
    expectOneOwnerEach(b);
    expect(await b.commit(7)).toBe(KAFKA_ERRORS.NONE);
    await world.clock.advanceAsync(120_000);
    expectOneOwnerEach(slow, b);
    expect(slow.errors).toContain(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
  });
});

describe("the leader", () => {
  /** Two members that have joined and not synced: raw requests. */
  async function joinTwo(world: World) {
    const requests = ["a", "b"].map((name) => {
      return { ...new SimulatedMember(world, { name }).joinRequest, requiresKnownMemberId: false };
    });
    const joins = requests.map((request) => world.coordinator.joinGroup(request));
    await world.clock.advanceAsync(200);
    const [leader, follower] = await Promise.all(joins);
    expect(leader.leader).toBe(leader.memberId);
    expect(leader.members.map(({ memberId }) => memberId)).toEqual([leader.memberId, follower.memberId]);
    expect(follower.members).toEqual([]);
    const identity = { groupId: "g", groupInstanceId: null, protocolType: "consumer", protocolName: null };
    const sync = (memberId: string) => {
      return world.coordinator.syncGroup({ ...identity, memberId, generationId: leader.generationId, assignments: [] });
    };
    return { leader, follower, sync, requests };
  }

  it("leaves while the others wait for it: they join again, and one of them leads", async () => {
    const world = startWorld();
    const { leader, follower, sync, requests } = await joinTwo(world);
    const waiting = sync(follower.memberId);
    await world.coordinator.leaveGroup({
      groupId: "g",
      members: [{ memberId: leader.memberId, groupInstanceId: null }],
    });
    expect((await waiting).errorCode).toBe(KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
    const again = await world.coordinator.joinGroup({ ...requests[1], memberId: follower.memberId });
    expect(again).toMatchObject({ errorCode: 0, leader: follower.memberId, generationId: 2 });
  });

  it("crashes while the others wait for it: its session ends", async () => {
    const world = startWorld();
    const { follower, sync } = await joinTwo(world);
    const waiting = sync(follower.memberId);
    await world.clock.advanceAsync(10_000);
    expect((await waiting).errorCode).toBe(KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
  });

  it("sends heartbeats and never syncs: it is out after the rebalance timeout", async () => {
    const world = startWorld();
    const { leader, follower, sync } = await joinTwo(world);
    const waiting = sync(follower.memberId);
    for (let elapsed = 0; elapsed < 60_000; elapsed += 5000) {
      const identity = { groupId: "g", memberId: leader.memberId, generationId: 1, groupInstanceId: null };
      expect(await world.coordinator.heartbeat(identity)).toEqual({ errorCode: KAFKA_ERRORS.NONE });
      await world.clock.advanceAsync(5000);
    }
    expect((await waiting).errorCode).toBe(KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
    expect((await groupOf(world)).members.map(({ memberId }) => memberId)).toEqual([follower.memberId]);
  });

  it("that cannot be written down makes everybody join again", async () => {
    const world = startWorld();
    world.storage.failure = new Error("the disk is full");
    const { leader, follower, sync } = await joinTwo(world);
    const answers = await Promise.all([sync(follower.memberId), sync(leader.memberId)]);
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([15, 15]);
    expect((await groupOf(world)).groupState).toBe("PreparingRebalance");
  });

  it("that joins again makes the group rebalance, a follower that has nothing new does not", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world, { assignor: "range" });
    const [leader, follower] = a.isLeader ? [a, b] : [b, a];
    const { generationId } = await groupOf(world);
    follower.rejoinLater();
    await world.clock.advanceAsync(5000);
    expect((await groupOf(world)).generationId).toBe(generationId);
    expect(follower.rounds).toBe(2);
    leader.rejoinLater();
    await world.clock.advanceAsync(5000);
    expect((await groupOf(world)).generationId).toBe(generationId + 1);
    expectOneOwnerEach(a, b);
  });
});

describe("a static member", () => {
  it("that comes back within its session has what it had, and nobody else notices", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world, { assignor: "range" });
    const c = start(world, { name: "c", instance: "i", assignor: "range" });
    await world.clock.advanceAsync(5000);
    const { generationId } = await groupOf(world);
    const before = c.ownedNames;
    c.crash();
    await world.clock.advanceAsync(3000);
    const again = start(world, { name: "c again", instance: "i", assignor: "range" });
    await world.clock.advanceAsync(20_000);
    expect(again.ownedNames).toEqual(before);
    expect((await groupOf(world)).generationId).toBe(generationId);
    expectOneOwnerEach(a, b, again);
  });

  it("that stays away is replaced", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world);
    const c = start(world, { name: "c", instance: "i" });
    await world.clock.advanceAsync(5000);
    c.crash();
    await world.clock.advanceAsync(30_000);
    expectOneOwnerEach(a, b);
  });

  it("that starts twice fences the first one", async () => {
    const world = startWorld();
    const first = start(world, { name: "first", instance: "i" });
    await world.clock.advanceAsync(1000);
    const second = start(world, { name: "second", instance: "i" });
    await world.clock.advanceAsync(5000);
    expect(first.errors).toEqual([KAFKA_ERRORS.FENCED_INSTANCE_ID]);
    expect(second.errors).toEqual([]);
    expectOneOwnerEach(second);
  });

  it("that leads and starts again is told to skip the assignment", async () => {
    const world = startWorld();
    const first = start(world, { name: "first", instance: "i" });
    await world.clock.advanceAsync(1000);
    first.crash();
    const { joinRequest } = new SimulatedMember(world, { name: "second", instance: "i" });
    const canSkip = await world.coordinator.joinGroup(joinRequest);
    expect(canSkip).toMatchObject({ errorCode: 0, skipAssignment: true, leader: canSkip.memberId });
    expect(canSkip.members).toHaveLength(1);
    const cannot = await world.coordinator.joinGroup({ ...joinRequest, canSkipAssignment: false });
    expect(cannot).toMatchObject({ errorCode: 0, skipAssignment: false, leader: canSkip.memberId, members: [] });
  });

  it("leaves by the name of its instance", async () => {
    const world = startWorld();
    start(world, { name: "a", instance: "i" });
    await world.clock.advanceAsync(1000);
    const members = [
      { memberId: "", groupInstanceId: "i" },
      { memberId: "", groupInstanceId: "other" },
    ];
    const { members: answers } = await world.coordinator.leaveGroup({ groupId: "g", members });
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, KAFKA_ERRORS.UNKNOWN_MEMBER_ID]);
    expect((await groupOf(world)).groupState).toBe("Empty");
  });
});

describe("a cooperative rebalance", () => {
  it("takes two rounds, and nobody stops reading what it keeps", async () => {
    const world = startWorld();
    const a = start(world, { name: "a" });
    await world.clock.advanceAsync(1000);
    const before = a.ownedNames;
    const b = start(world, { name: "b" });
    const history: string[][] = [];
    for (let step = 0; step < 500; step++) {
      await world.clock.advanceAsync(20);
      history.push(a.ownedNames);
      for (const owners of ownersOf([a, b]).values()) expect(owners.length).toBeLessThan(2);
    }
    expectOneOwnerEach(a, b);
    const kept = before.filter((name) => a.ownedNames.includes(name));
    expect(kept).toHaveLength(4);
    for (const owned of history) expect(owned).toEqual(expect.arrayContaining(kept));
    expect((await groupOf(world)).generationId).toBe(3);
  });

  it("follows a subscription that changes", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world);
    a.subscribe(["orders"]);
    await world.clock.advanceAsync(20_000);
    expectOneOwnerEach(a, b);
    expect(a.owned.every(({ topic }) => topic === "orders")).toBe(true);
  });
});

describe("members of this process and of the wire", () => {
  it("share a group; those of this process need no heartbeats", async () => {
    const world = startWorld();
    const inside = start(world, { name: "inside", inProcess: true });
    await world.clock.advanceAsync(0);
    expectOneOwnerEach(inside);
    const wire = start(world, { name: "wire" });
    await world.clock.advanceAsync(120_000);
    expectOneOwnerEach(inside, wire);
    wire.crash();
    await world.clock.advanceAsync(20_000);
    expectOneOwnerEach(inside);
  });

  it("that do not join in time are out, of this process too", async () => {
    const world = startWorld();
    const stuck = start(world, { name: "stuck", inProcess: true, pollMs: 10_000_000 });
    await world.clock.advanceAsync(0);
    const wire = start(world, { name: "wire" });
    await world.clock.advanceAsync(70_000);
    expectOneOwnerEach(wire);
    expect(await stuck.commit(1)).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
  });
});

describe("after a restart", () => {
  it("members of the wire go on where they were", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world);
    const { generationId, leader } = await groupOf(world);
    world.coordinator.close();
    expect(world.clock.pending).toBe(2);
    const next = startWorld({}, world);
    world.coordinator = next.coordinator;
    expect(await groupOf(next)).toMatchObject({ groupState: "Stable", generationId, leader });
    await world.clock.advanceAsync(30_000);
    expect(await groupOf(next)).toMatchObject({ groupState: "Stable", generationId });
    expectOneOwnerEach(a, b);
    expect(a.errors.concat(b.errors)).toEqual([79, 79]);
    expect(await a.commit(3)).toBe(KAFKA_ERRORS.NONE);
  });

  it("those that do not come back are out after a session", async () => {
    const world = startWorld();
    const { a, b } = await startTwo(world);
    a.crash();
    world.coordinator.close();
    world.coordinator = startWorld({}, world).coordinator;
    await world.clock.advanceAsync(30_000);
    expectOneOwnerEach(b);
  });

  it("members of the process that is gone are out at once", async () => {
    const world = startWorld();
    const inside = start(world, { name: "inside", inProcess: true });
    const wire = start(world, { name: "wire" });
    await world.clock.advanceAsync(10_000);
    expectOneOwnerEach(inside, wire);
    inside.crash();
    world.coordinator.close();
    world.coordinator = startWorld({}, world).coordinator;
    await world.clock.advanceAsync(5000);
    expectOneOwnerEach(wire);
  });

  it("a generation is never used twice", async () => {
    const world = startWorld();
    const inside = start(world, { name: "inside", inProcess: true });
    await world.clock.advanceAsync(0);
    inside.crash();
    world.coordinator.close();
    world.coordinator = startWorld({}, world).coordinator;
    const again = start(world, { name: "again", inProcess: true });
    await world.clock.advanceAsync(0);
    expect(again.generationId).toBe(2);
  });
});
