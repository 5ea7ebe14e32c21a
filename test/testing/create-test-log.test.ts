import { describe, expect, it } from "vitest";
import { createTestLog } from "../../src/testing/index.ts";

describe("createTestLog", () => {
  it("is in memory, on a clock of its own", async () => {
    const log = await createTestLog({ now: 42 });
    const topic = await log.createTopic<number>("t");
    expect((await topic.send({ value: 1 })).timestamp).toBe(42);
    log.clock.advance(8);
    expect((await topic.send({ value: 1 })).timestamp).toBe(50);
    await log.close();
  });

  it("fails on demand, and recovers", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    log.faults.fail({ on: "write", path: /\.log$/, code: "VARVE_NO_SPACE" });
    await expect(topic.send({ value: 1 })).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(await topic.send({ value: 2 })).toMatchObject({ offset: 0 });
    await log.close();
  });

  it("has a disk of a size, if asked", async () => {
    const log = await createTestLog({ capacity: 100_000 });
    const topic = await log.createTopic<string>("t");
    await expect(topic.send({ value: "x".repeat(200_000) })).rejects.toMatchObject({ code: "VARVE_NO_SPACE" });
    await topic.send({ value: "small" });
    await log.close();
  });

  it("restarts on the same files and the same clock", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    log.clock.advance(1000);
    const again = await log.restart();
    expect(again.clock).toBe(log.clock);
    expect((await again.topic<number>("t").all())[0].value).toBe(1);
    await again.close();
  });

  it("reports what was left open, and that varve left nothing", async () => {
    const log = await createTestLog();
    const topic = await log.createTopic<number>("orders");
    const producer = log.producer();
    await topic.send({ value: 1 });
    topic.consumer({ group: "billing" });
    log.consumer({ topics: [/^a/, "orders"] });
    expect(log.leaks().clients).toEqual([
      "a producer",
      "a consumer of orders in the group billing",
      "a consumer of /^a/, orders",
    ]);
    await producer.close();
    await log.close();
    expect(log.leaks()).toMatchObject({ isClean: false, timers: 0, files: [] });
    expect(log.leaks().text).toBe("left open: a consumer of orders in the group billing; a consumer of /^a/, orders");
  });

  it("is clean when all is closed", async () => {
    const log = await createTestLog({ failOnLeaks: true });
    const topic = await log.createTopic<number>("t");
    await topic.send({ value: 1 });
    await topic.all();
    await log.close();
    expect(log.leaks()).toEqual({ isClean: true, clients: [], timers: 0, files: [], text: "nothing was left open" });
  });

  it("fails at close, if asked", async () => {
    const log = await createTestLog({ failOnLeaks: true });
    log.producer();
    await expect(log.close()).rejects.toThrow("left open: a producer");
    expect(() => log.topics()).toThrow(expect.objectContaining({ code: "VARVE_CLOSED" }));
  });

  it("names an option that it does not have", async () => {
    await expect(createTestLog({ capicity: 5 } as never)).rejects.toMatchObject({
      code: "VARVE_INVALID_OPTION",
      option: "capicity",
    });
  });
});
