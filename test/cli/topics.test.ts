/** `varve topics`, in words and as JSON. */
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { dataFolder } from "./data-folder.ts";

it("creates, lists, describes, alters and deletes", async () => {
  const { run } = dataFolder();
  const created = await run(
    "topics",
    "create",
    "orders",
    "--partitions",
    "3",
    "--config",
    "retention.ms=1000",
    "--json",
  );
  expect(created.objects()).toEqual([{ name: "orders", partitions: 3, records: 0, sizeInBytes: 0 }]);
  await run("topics", "create", "audit", "--config", "varve.durability=power", "--config", "cleanup.policy=compact");

  const listed = await run("topics", "list");
  expect(listed.stdout.split("\n").map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
    ["TOPIC", "PARTITIONS"],
    ["audit", "1"],
    ["orders", "3"],
    [""],
  ]);
  expect((await run("topics", "list", "--json")).objects().map(({ name }) => name)).toEqual(["audit", "orders"]);

  const [audit] = (await run("topics", "describe", "audit", "--json")).objects();
  expect(audit).toMatchObject({
    name: "audit",
    durability: "power",
    config: { "cleanup.policy": "compact", "varve.durability": "power", "retention.ms": "-1" },
    partitions: [{ partition: 0, startOffset: 0, endOffset: 0, durableOffset: 0 }],
  });
  expect((await run("topics", "describe", "audit")).stdout).toMatch(/^varve\.durability +power$/m);

  const altered = await run(
    "topics",
    "alter",
    "orders",
    "--partitions",
    "4",
    "--unset",
    "retention.ms",
    "--config",
    "segment.bytes=5000",
  );
  expect(altered.code).toBe(0);
  const [orders] = (await run("topics", "describe", "orders", "--json")).objects();
  expect(orders.partitions).toHaveLength(4);
  expect(orders.config).toMatchObject({ "retention.ms": "-1", "segment.bytes": "5000" });

  expect((await run("topics", "delete", "orders")).code).toBe(0);
  expect((await run("topics", "list", "--json")).objects().map(({ name }) => name)).toEqual(["audit"]);
});

it("leaves a topic that is there as it is when it may", async () => {
  const { run } = dataFolder();
  await run("topics", "create", "t");
  expect(await run("topics", "create", "t")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("VARVE_TOPIC_EXISTS"),
  });
  expect((await run("topics", "create", "t", "--if-not-exists")).code).toBe(0);
});

it.each([
  [2, "VARVE_INVALID_TOPIC", ["create", "a/b"]],
  [2, "did you mean retention.ms?", ["create", "u", "--config", "retention.mss=1"]],
  [2, "expected", ["create", "u", "--config", "retention.ms=soon"]],
  [2, "name=value", ["create", "u", "--config", "retention.ms"]],
  [2, "whole number from 1", ["create", "u", "--partitions", "0"]],
  [2, "nothing to change", ["alter", "t"]],
  [2, "known are cleanup.policy, ", ["alter", "t", "--unset", "nonsense"]],
  [1, "VARVE_UNKNOWN_TOPIC", ["alter", "u", "--config", "retention.ms=1"]],
  [1, "VARVE_UNKNOWN_TOPIC", ["describe", "u"]],
  [1, '"T"; did you mean t?', ["describe", "T"]],
  [1, "VARVE_UNKNOWN_TOPIC", ["delete", "u"]],
])("fails with %i and says %s", async (code, message, args) => {
  const { run } = dataFolder();
  await run("topics", "create", "t");
  expect(await run("topics", ...args)).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(message) });
  expect((await run("topics", "list", "--json")).objects().map(({ name }) => name)).toEqual(["t"]);
});

it("makes a directory for create alone, and not for a mistake", async () => {
  const { run, dir } = dataFolder();
  expect((await run("topics", "create", "a/b")).code).toBe(2);
  expect(existsSync(dir)).toBe(false);
  const advice = "--dir names another one, and varve topics create makes one (VARVE_NOT_FOUND)";
  expect(await run("topics", "list")).toMatchObject({ code: 1, stderr: expect.stringContaining(advice) });
  expect(await run("topics", "delete", "t")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("VARVE_NOT_FOUND"),
  });
});
