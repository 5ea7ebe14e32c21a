import { describe, expect, it } from "vitest";
import { TestClock } from "../../src/testing/clock.ts";

describe("TestClock", () => {
  it("stands still until it is moved", () => {
    const clock = new TestClock({ now: 5000 });
    expect([clock.now(), clock.monotonic()]).toEqual([5000, 0]);
    clock.advance(10);
    expect([clock.now(), clock.monotonic()]).toEqual([5010, 10]);
  });

  it("runs what falls due, in order, each at its time, also what was scheduled on the way", () => {
    const clock = new TestClock({ now: 0 });
    const ran: string[] = [];
    const note = (name: string) => ran.push(`${name} at ${clock.now()}`);
    clock.schedule(30, () => note("c"));
    clock.schedule(10, () => {
      note("a");
      clock.schedule(0, () => note("a, then"));
      clock.schedule(10, () => note("b, later scheduled"));
      clock.schedule(100, () => note("never"));
    });
    clock.schedule(20, () => note("b"));
    clock.schedule(-5, () => note("first"));
    clock.advance(30);
    expect(ran).toEqual(["first at 0", "a at 10", "a, then at 10", "b at 20", "b, later scheduled at 20", "c at 30"]);
    expect(clock.pending).toBe(1);
    expect(clock.now()).toBe(30);
  });

  it("runs a timer neither early, nor twice, nor when cancelled", () => {
    const clock = new TestClock();
    let runs = 0;
    const cancel = clock.schedule(10, () => runs++);
    clock.advance(9);
    expect(runs).toBe(0);
    clock.advance(1);
    clock.advance(100);
    expect(runs).toBe(1);
    cancel();
    const other = clock.schedule(10, () => runs++);
    other();
    other();
    expect(clock.pending).toBe(0);
    clock.advance(100);
    expect(runs).toBe(1);
  });

  it("jumps with the wall clock alone", () => {
    const clock = new TestClock({ now: 1000 });
    let runs = 0;
    clock.schedule(10, () => runs++);
    clock.jump(-600);
    expect([clock.now(), clock.monotonic(), runs]).toEqual([400, 0, 0]);
    clock.jump(1_000_000);
    expect([clock.now(), clock.monotonic(), runs]).toEqual([1_000_400, 0, 0]);
    clock.advance(10);
    expect(runs).toBe(1);
  });

  it("lets promises settle between timers", async () => {
    const clock = new TestClock({ now: 0 });
    const ran: number[] = [];
    const loop = async () => {
      ran.push(clock.now());
      await Promise.resolve();
      clock.schedule(10, loop);
    };
    void loop();
    await clock.advanceAsync(35);
    expect(ran).toEqual([0, 10, 20, 30]);
    expect(clock.now()).toBe(35);
  });

  it("keeps its time when a timer throws", () => {
    const clock = new TestClock({ now: 0 });
    clock.schedule(10, () => {
      throw new Error("of the timer");
    });
    expect(() => clock.advance(20)).toThrow("of the timer");
    expect([clock.now(), clock.pending]).toEqual([10, 0]);
  });
});
