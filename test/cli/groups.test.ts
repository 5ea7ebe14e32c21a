/** `varve groups`, as its user calls it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { open, type VarveLog } from "../../src/index.ts";
import { type Result, varve } from "./running.ts";

let dir: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "varve-groups-"));
  const log = await open(dir);
  const topic = await log.createTopic("orders", { partitions: 2 });
  for (let value = 0; value < 10; value++) await topic.send({ partition: value % 2, value });
  await log.group("billing").run({ topics: ["orders"], until: "end", each: () => {} });
  await log.close();
});

afterEach(() => rmSync(dir, { recursive: true }));

const groups = (...args: string[]): Promise<Result> => varve(["--dir", dir, "groups", ...args]);

describe("varve groups", () => {
  it("lists them", async () => {
    expect((await groups("list", "--json")).objects()).toEqual([
      { name: "billing", state: "Empty", protocolType: "consumer" },
    ]);
    expect((await groups("list")).stdout).toBe("GROUP    STATE  PROTOCOL\nbilling  Empty  consumer\n");
  });

  it("describes one: what is committed, and how far that is from the end", async () => {
    const { stdout } = await groups("describe", "billing");
    expect(stdout).toContain("billing  Empty  0 members");
    expect(stdout).toMatch(/orders +0 +5 +5 +0 +-\norders +1 +5 +5 +0 +-\n/);
  });

  it.each([["describe"], ["delete"]])("does not %s one that nobody has heard of", async (command) => {
    const { code, stdout, stderr } = await groups(command, "bulling", "--json");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe('varve: there is no group "bulling": varve groups list shows all\n');
  });

  it("shows the members of a running owner", async () => {
    const log: VarveLog = await open(dir);
    const consumer = log.consumer({ topics: ["orders"], group: "billing" });
    const waiting = consumer[Symbol.asyncIterator]().next();
    await expect.poll(() => consumer.assignment.length).toBe(2);
    const [described] = (await groups("describe", "billing", "--json")).objects();
    expect(described).toMatchObject({ state: "Stable", members: [{ host: "in-process" }] });
    expect(described.members[0].partitions).toHaveLength(2);
    await log.close();
    await waiting;
  });

  it("resets, or only says what it would do", async () => {
    const dry = await groups("reset", "billing", "--to-earliest", "--dry-run", "--json");
    expect(dry.objects()).toEqual([
      { topic: "orders", partition: 0, from: 5, to: 0 },
      { topic: "orders", partition: 1, from: 5, to: 0 },
    ]);
    const committed = async () => {
      const [described] = (await groups("describe", "billing", "--json")).objects();
      return described.offsets.map((offset: { committed: number }) => offset.committed);
    };
    expect(await committed()).toEqual([5, 5]);
    expect((await groups("reset", "billing", "--shift-by", "-2")).code).toBe(0);
    expect(await committed()).toEqual([3, 3]);
    expect((await groups("reset", "billing", "--to-offset", "1", "--topic", "orders")).code).toBe(0);
    expect(await committed()).toEqual([1, 1]);
    expect((await groups("reset", "billing", "--to-latest")).stdout).toMatch(/orders +0 +1 +5/);
    expect(await committed()).toEqual([5, 5]);
  });

  it("wants exactly one place to reset to", async () => {
    for (const flags of [[], ["--to-latest", "--to-earliest"]]) {
      const { code, stderr } = await groups("reset", "billing", ...flags);
      expect(code).toBe(2);
      expect(stderr).toContain("one of --to-earliest");
    }
    expect((await groups("reset", "billing", "--shift-by", "x")).code).toBe(2);
  });

  it("resets a new group in the topics given, and says that it wants them", async () => {
    const { code, stderr } = await groups("reset", "audit", "--to-latest");
    expect([code, stderr]).toEqual([1, expect.stringContaining('there is no group "audit"')]);
    const reset = await groups("reset", "audit", "--to-latest", "--topic", "orders", "--json");
    expect(reset.objects().map(({ from, to }) => [from, to])).toEqual([
      [null, 5],
      [null, 5],
    ]);
  });

  it("deletes one", async () => {
    expect((await groups("delete", "billing")).stderr).toContain("deleted billing");
    expect((await groups("list", "--json")).objects()).toEqual([]);
  });
});
