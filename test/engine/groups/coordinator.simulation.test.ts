/**
 * Many members that come, go, crash, come back, sleep and change their minds, with a coordinator that restarts: at no moment do two
 * of those that are in the group own the same partition, and when it has become quiet each partition has one owner.
 */
import { expect, it } from "vitest";
import { Random } from "../../simulation/random.ts";
import { ownersOf, SimulatedMember, startWorld, TOPICS, type World } from "./members.ts";

const SEEDS = 60;
const STEPS = 60;
/** Longer than the rebalance timeout: such members are left behind. */
const SLOW_MS = 20_000;

it.each(Array.from({ length: SEEDS }, (_, seed) => seed))("seed %i", async (seed) => {
  const random = new Random(seed, 77);
  const world = startWorld();
  const assignor = (["cooperative-sticky", "range", "roundrobin"] as const)[seed % 3];
  const running: SimulatedMember[] = [];
  let count = 0;

  function add(instance?: string, isSlow = random.oneIn(5)): void {
    const inProcess = instance === undefined && random.oneIn(3);
    const times = { pollMs: isSlow ? SLOW_MS : 10, heartbeatMs: 1000 + random.below(2000) };
    const limits = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 15_000 };
    running.push(
      new SimulatedMember(world, { name: `m${count++}`, assignor, instance, inProcess, ...times, ...limits }).start(),
    );
  }

  const events = [
    () => add(),
    () => add(),
    () => add(`i${random.below(3)}`),
    () => take(random, running)?.crash(),
    () => void take(random, running)?.leave(),
    () => pick(random, running)?.subscribe(random.oneIn(2) ? ["orders"] : [...TOPICS.keys()]),
    () => pick(random, running)?.rejoinLater(),
    () => restart(world, running),
  ];

  for (let step = 0; step < STEPS; step++) {
    if (running.length < 6 || !random.oneIn(3)) events[random.below(events.length)]();
    await world.clock.advanceAsync(random.oneIn(3) ? 8000 : random.below(200));
    await expectNoTwoOwners(world, running);
  }

  for (const member of running) if (member.pollMs === SLOW_MS) member.crash();
  add(undefined, false);
  for (const member of running) if (!member.isStopped) member.subscribe([...TOPICS.keys()]);
  await world.clock.advanceAsync(200_000);
  await expectNoTwoOwners(world, running);
  const owners = ownersOf(running.filter((member) => !member.isStopped));
  expect([...owners].filter(([, names]) => names.length !== 1)).toEqual([]);
  const [group] = await world.coordinator.describeGroups(["g"]);
  expect(group.groupState).toBe("Stable");
  expect(group.members.map(({ memberId }) => memberId).sort()).toEqual(
    running.flatMap((member) => (member.isStopped ? [] : [member.memberId])).sort(),
  );
});

/**
 * A member that the group has dropped, or a static one that it went on without, may believe that it owns something until it asks; its
 * commits are refused.
 */
async function expectNoTwoOwners(world: World, running: readonly SimulatedMember[]): Promise<void> {
  const [group] = await world.coordinator.describeGroups(["g"]);
  const present = new Set(group.members.map(({ memberId }) => memberId));
  const isCurrent = ({ memberId, generationId }: SimulatedMember) => {
    return present.has(memberId) && generationId === group.generationId;
  };
  const owners = ownersOf(running.filter(isCurrent));
  expect([...owners].filter(([, names]) => names.length > 1)).toEqual([]);
}

/** Members of the process die with it. */
function restart(world: World, running: readonly SimulatedMember[]): void {
  for (const member of running) if (member.isInProcess) member.crash();
  world.coordinator.close();
  world.coordinator = startWorld({}, world).coordinator;
}

function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[random.below(list.length)];
}

function take<T>(random: Random, list: T[]): T | undefined {
  return list.splice(random.below(list.length), 1)[0];
}
