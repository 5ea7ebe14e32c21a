/** `varve verify` as a command: its lines, its summary, its exit code. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { dataFolder } from "./data-folder.ts";
import { GOLDEN } from "./golden-copies.ts";
import { varve } from "./running.ts";

/** A folder of Kafka's with one bit of a batch flipped, and one of an index. */
function damaged(): { folder: string; log: string; index: string } {
  const { dir } = dataFolder();
  const folder = join(dir, "g-small-0");
  mkdirSync(dir);
  cpSync(join(GOLDEN, "g-small-0"), folder, { recursive: true });
  const log = join(folder, "00000000000000000003.log");
  const index = join(folder, "00000000000000000031.index");
  for (const [path, at] of [
    [log, 100],
    [index, 3],
  ] as const) {
    const bytes = readFileSync(path);
    bytes[at] ^= 1;
    writeFileSync(path, bytes);
  }
  return { folder, log, index };
}

it("is silent on stdout when all is well, and sums up on stderr", async () => {
  const { code, stdout, stderr } = await varve(["verify", GOLDEN]);
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toBe("checked 219 files, 471 batches, 1,124 records, 101.2 KiB: no problems\n");
});

describe("what is wrong", () => {
  it("is a line of dump's kind each, by the path that its user gave", async () => {
    const { folder, log, index } = damaged();
    const { code, objects, stderr } = await varve(["verify", "--json", `${folder}/`]);
    expect(code).toBe(1);
    expect(objects()).toEqual([
      { file: log, position: 78, error: expect.stringContaining("CRC32C"), code: "VARVE_CORRUPT" },
      { file: index, position: 0, error: expect.any(String), code: "VARVE_CORRUPT" },
    ]);
    expect(stderr).toMatch(/: 2 problems\n$/);
    const dumped = await varve(["dump", "--json", log]);
    expect(dumped.objects().filter(({ error }) => error)).toEqual([objects()[0]]);
  });

  it("is told in words without --json", async () => {
    const { folder, log } = damaged();
    expect((await varve(["verify", folder])).stdout).toContain(`${log}:78: CRC32C`);
  });
});

it("takes --dir when it is given no directory", async () => {
  const { dir, run } = dataFolder();
  await (await open(dir)).close();
  expect(await run("verify")).toMatchObject({ code: 0, stderr: expect.stringContaining("no problems") });
});

it("shows how far it is on a terminal alone", async () => {
  const { dir, runWith, run } = dataFolder();
  const log = await open(dir);
  const topic = await log.createTopic<string>("t", { codec: "string" });
  const producer = log.producer();
  for (let i = 0; i < 3; i++) await producer.sendBatch(topic, [{ value: "x".repeat(100_000) }]);
  await log.close();
  expect((await run("verify")).stderr).not.toContain("verifying");
  const { stderr } = await runWith({ isTerminal: true }, "verify");
  expect(stderr).toMatch(/verifying [█░]+ +\d+%/);
  expect(stderr).toContain("checked");
});

it("ends at an interrupt, and says so", async () => {
  const ending = new AbortController();
  ending.abort();
  const { dir, runWith } = dataFolder();
  const log = await open(dir);
  const producer = log.producer();
  const topic = await log.createTopic<string>("t", { codec: "string" });
  for (let i = 0; i < 3; i++) await producer.sendBatch(topic, [{ value: "x".repeat(100_000) }]);
  await log.close();
  expect(await runWith({ signal: ending.signal }, "verify")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("interrupted"),
  });
});

it.each([
  ["/nowhere/at/all", "VARVE_NOT_FOUND"],
  [import.meta.dirname, "VARVE_FOREIGN"],
])("refuses %s", async (folder, code) => {
  expect(await varve(["verify", folder])).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(code) });
});
