/** The lock between real processes, on the real disk. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { readLock } from "../../src/engine/lock.ts";
import { DiskFiles } from "../../src/storage/disk-files.ts";
import { type Child, source, startChild } from "../child.ts";
import { append, errorOf, valuesOf } from "./engines.ts";

let folder: string;
const children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-lock-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  rmSync(folder, { recursive: true, force: true });
});

function start(code: string, ...args: string[]): Child {
  const child = startChild(code, args);
  children.push(child);
  return child;
}

const owner = `
  import { Engine } from "${source("engine/engine.ts")}";
  import { BatchBuilder } from "${source("format/batch-builder.ts")}";
  const engine = await Engine.open(process.argv[2]);
  await engine.announce("127.0.0.1:9092");
  const topic = await engine.createTopic("orders");
  const builder = new BatchBuilder();
  builder.append(null, "acknowledged", undefined, 1);
  topic.partition(0).append(builder.seal());
  process.send("open");
  setInterval(() => {}, 1000);
`;

test("an owner in another process is named; once it is killed the directory opens, with all that it had written", async () => {
  const dir = join(folder, "data");
  const child = start(owner, dir);
  expect(await child.next()).toBe("open");

  const error = await errorOf(() => Engine.open(dir));
  expect(error).toMatchObject({ code: "VARVE_LOCKED", retriable: true });
  expect(error.message).toContain(`process ${child.pid}`);
  expect(error.message).toContain("127.0.0.1:9092");

  const reader = await Engine.open(dir, { readOnly: true });
  expect(valuesOf(reader.topic("orders").partition(0))).toEqual(["acknowledged"]);
  await reader.close();

  await child.kill();
  const engine = await Engine.open(dir);
  expect(engine.openReport.lastClose).toBe(process.platform === "linux" ? "process" : expect.any(String));
  expect(valuesOf(engine.topic("orders").partition(0))).toEqual(["acknowledged"]);
  await engine.close();
  expect(readdirSync(dir)).not.toContain(".lock");
});

test("a second open in the same process is refused at once, and the first one goes on", async () => {
  const dir = join(folder, "data");
  const engine = await Engine.open(dir);
  const error = await errorOf(() => Engine.open(dir));
  expect(error).toMatchObject({ code: "VARVE_LOCKED" });
  expect(error.message).toContain(`process ${process.pid}`);
  const topic = await engine.createTopic("orders");
  expect(append(topic.partition(0), "a")).toBe(0);
  await engine.close();
  await (await Engine.open(dir)).close();
});

test("files are 0600 in folders 0700", async () => {
  const dir = join(folder, "deep", "data");
  const engine = await Engine.open(dir);
  await engine.createTopic("orders");
  await engine.close();
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, "orders-0")).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(dir)) {
    if (statSync(join(dir, name)).isFile())
      expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600]);
  }
});

const ROUNDS = 40;

/** Takes each of the locks at the moment it is told, and says which it got. */
const racer = `
  import { Lock } from "${source("engine/lock.ts")}";
  import { systemIdentity } from "${source("engine/identity.ts")}";
  import { systemChance } from "${source("storage/clock.ts")}";
  import { DiskFiles } from "${source("storage/disk-files.ts")}";
  process.send("ready");
  process.once("message", async ({ folders, at, every }) => {
    const won = [];
    for (const [round, folder] of folders.entries()) {
      while (Date.now() < at + round * every);
      const options = { files: new DiskFiles(), folder, identity: systemIdentity, chance: systemChance, takeover: false };
      await Lock.acquire(options).then(() => won.push(round), (error) => {
        if (error.code !== "VARVE_LOCKED") throw error;
      });
    }
    process.send(won);
    setInterval(() => {}, 1000);
  });
`;

test("processes that race for a stale lock, or for none: one wins each", async () => {
  const folders = Array.from({ length: ROUNDS }, (_, round) => join(folder, String(round)));
  const files = new DiskFiles();
  for (const [round, path] of folders.entries()) {
    files.makeFolder(path);
    const gone = {
      pid: 0,
      processStart: null,
      bootId: "b",
      hostName: "h",
      address: null,
      isRecovered: true,
      token: "ab",
    };
    if (round % 4 !== 0) writeFileSync(join(path, ".lock"), JSON.stringify(gone));
  }
  const racers = [start(racer), start(racer)];
  for (const one of racers) expect(await one.next()).toBe("ready");
  for (const one of racers) one.send({ folders, at: Date.now() + 50, every: 10 });
  const won = await Promise.all(racers.map((one) => one.next<number[]>()));

  expect(won.flat().sort((a, b) => a - b)).toEqual(folders.map((_, round) => round));
  for (const [index, rounds] of won.entries()) {
    for (const round of rounds) expect(readLock(files, folders[round])?.pid).toBe(racers[index].pid);
  }
  for (const path of folders) expect(readdirSync(path)).toEqual([".lock"]);
});
