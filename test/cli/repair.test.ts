/** `varve repair`: what can be made again is, and what cannot is named. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { type DataFolder, dataFolder } from "./data-folder.ts";
import { GOLDEN } from "./golden-copies.ts";

const RECORDS = 200;
let sound: DataFolder;

beforeAll(async () => {
  sound = dataFolder();
  const log = await open(sound.dir);
  const topic = await log.createTopic<string>("t", {
    codec: "string",
    segmentBytes: 4000,
    indexIntervalBytes: 300,
    retentionMs: 3_600_000_000,
  });
  for (let i = 0; i < RECORDS; i++)
    await topic.send({ key: `k${i}`, value: `a value with a few bytes in it, number ${i}` });
  for await (const _ of log.consumer({ topics: [topic], group: "g", until: "end" }));
  await log.close();
});

function copy(): DataFolder {
  const folder = dataFolder();
  cpSync(sound.dir, folder.dir, { recursive: true });
  return folder;
}

const inPartition = (folder: DataFolder, name: string) => join(folder.dir, "t-0", name);
const segments = () => readdirSync(join(sound.dir, "t-0")).filter((name) => name.endsWith(".log"));

async function values(folder: DataFolder): Promise<unknown[]> {
  const log = await open(folder.dir, { readOnly: true });
  const records = await log.topic("t", { codec: "string" }).all();
  await log.close();
  return records.map(({ value }) => value);
}

const expected = () => Array.from({ length: RECORDS }, (_, i) => `a value with a few bytes in it, number ${i}`);

function treeOf(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => {
    const path = join(dir, name);
    return statSync(path).isFile() ? `${name} ${readFileSync(path).toString("base64")}` : name;
  });
}

describe("files that the log tells of", () => {
  it.each<[string, string, (folder: DataFolder) => void]>([
    ["rebuild", "an index", (folder) => rmSync(inPartition(folder, segments()[1].replace("log", "index")))],
    [
      "rebuild",
      "an emptied index",
      (folder) => truncateSync(inPartition(folder, segments()[1].replace("log", "index")), 0),
    ],
    [
      "rebuild",
      "the last index",
      (folder) => writeFileSync(inPartition(folder, segments().at(-1)!.replace("log", "index")), Buffer.alloc(16, 7)),
    ],
    [
      "rebuild",
      "a time index",
      (folder) => truncateSync(inPartition(folder, segments()[0].replace("log", "timeindex")), 5),
    ],
    [
      "rebuild",
      "a snapshot",
      (folder) => writeFileSync(inPartition(folder, segments()[1].replace("log", "snapshot")), "nonsense"),
    ],
    ["rewrite", "the epochs", (folder) => writeFileSync(inPartition(folder, "leader-epoch-checkpoint"), "nonsense")],
    ["rewrite", "the topic's id", (folder) => writeFileSync(inPartition(folder, "partition.metadata"), "nonsense")],
    [
      "rewrite",
      "a checkpoint",
      (folder) => writeFileSync(join(folder.dir, "recovery-point-offset-checkpoint"), "nonsense"),
    ],
    ["rewrite", "meta.properties", (folder) => writeFileSync(join(folder.dir, "meta.properties"), "nonsense")],
    [
      "remove",
      "an index of no segment",
      (folder) => writeFileSync(inPartition(folder, "00000000000000009999.index"), "12345678"),
    ],
    ["catalogue", "the catalogue", (folder) => writeFileSync(join(folder.dir, "topics.json"), "{}")],
  ])("%s: %s", async (action, _, damage) => {
    const folder = copy();
    damage(folder);
    expect((await folder.run("verify", folder.dir)).code).toBe(1);
    const { code, stderr, objects } = await folder.run("repair", "--json", folder.dir);
    expect(stderr).toContain("everything is sound now");
    expect([code, objects().map((line) => line.action)]).toEqual([0, expect.arrayContaining([action])]);
    expect(await folder.run("verify", folder.dir)).toMatchObject({ code: 0, stdout: "" });
    expect(await values(folder)).toEqual(expected());
    expect((await folder.run("consume", "t", "--group", "g", "--until", "end")).stdout).toBe("");
  });
});

it("a lost catalogue is seen from the folders, with retention off", async () => {
  const folder = copy();
  for (const name of readdirSync(folder.dir)) if (name.startsWith("topics.json")) rmSync(join(folder.dir, name));
  expect(await folder.run("produce", "t")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("VARVE_CATALOGUE"),
  });
  const { code, stdout, stderr } = await folder.run("repair", folder.dir);
  expect(code).toBe(0);
  expect(stdout).toContain("topics.json: topics.json is missing");
  expect(stderr).toContain("the catalogue has 2 topics");
  const [topic] = (await folder.run("topics", "describe", "t", "--json")).objects();
  expect(topic.config["retention.ms"]).toBe("-1");
  expect(await values(folder)).toEqual(expected());
});

it("a torn tail is cut", async () => {
  const folder = copy();
  const path = inPartition(folder, segments().at(-1)!);
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(100, 1)]));
  rmSync(join(folder.dir, ".kafka_cleanshutdown"));
  const { code, objects } = await folder.run("repair", "--json", folder.dir);
  expect([code, objects()]).toEqual([0, [{ action: "recover", file: path, reason: expect.any(String) }]]);
  expect(await values(folder)).toEqual(expected());
});

it("rot stays, is named, and ends with 1", async () => {
  const folder = copy();
  const path = inPartition(folder, segments()[1]);
  const bytes = readFileSync(path);
  bytes[100] ^= 1;
  writeFileSync(path, bytes);
  const { code, objects, stderr } = await folder.run("repair", "--json", folder.dir);
  expect(code).toBe(1);
  expect(objects().at(-1)).toMatchObject({ file: path, code: "VARVE_CORRUPT" });
  expect(stderr).toContain("0 files repaired: 1 problem cannot be mended\n");
  expect(stderr).toContain("varve consume --on-corrupt skip");
  expect(readFileSync(path)).toEqual(bytes);
  const read = await folder.run("consume", "t", "--until", "end");
  expect([read.code, read.stderr]).toEqual([1, expect.stringContaining("VARVE_CORRUPT")]);
  for (const group of [[], ["--group", "skippers"]]) {
    const rest = await folder.run("consume", "t", "--until", "end", "--on-corrupt", "skip", ...group);
    expect([rest.code, rest.stderr]).toEqual([0, expect.stringMatching(/^varve: skipped: .*damaged.*\n$/)]);
    const kept = rest.stdout.split("\n").slice(0, -1);
    expect(kept).toEqual(expected().filter((value) => kept.includes(value)));
    expect(kept).toHaveLength(RECORDS - 1);
  }
});

describe("--dry-run", () => {
  it("says what would be done, and changes nothing", async () => {
    const folder = copy();
    rmSync(inPartition(folder, segments()[0].replace("log", "index")));
    writeFileSync(join(folder.dir, "topics.json"), "{}");
    const before = treeOf(folder.dir);
    const { code, stdout, stderr } = await folder.run("repair", "--dry-run", folder.dir);
    expect([code, treeOf(folder.dir)]).toEqual([0, before]);
    expect(stdout).toContain("would be rebuilt from the log");
    expect(stdout).toContain("would be rebuilt from the partition folders");
    expect(stderr).toContain("nothing was changed");
  });
});

it("a sound directory is left as it is", async () => {
  const folder = copy();
  const before = treeOf(folder.dir);
  expect(await folder.run("repair")).toMatchObject({ code: 0, stdout: "", stderr: "nothing is to be repaired\n" });
  expect(treeOf(folder.dir)).toEqual(before);
});

describe("is refused", () => {
  it("while the directory has an owner, also with --dry-run", async () => {
    const folder = copy();
    const owner = await open(folder.dir);
    for (const options of [[], ["--dry-run"]]) {
      const { code, stderr } = await folder.run("repair", ...options);
      expect([code, stderr]).toEqual([1, expect.stringMatching(new RegExp(`process ${process.pid}.*VARVE_LOCKED`))]);
    }
    await owner.close();
  });

  it("for what is no data directory of ours", async () => {
    const folder = dataFolder();
    expect(await folder.run("repair")).toMatchObject({ code: 1, stderr: expect.stringContaining("VARVE_NOT_FOUND") });
    for (const foreign of [GOLDEN, join(GOLDEN, "g-none-0")]) {
      expect(await folder.run("repair", foreign)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("VARVE_FOREIGN"),
      });
    }
  });
});

it("--adopt makes a directory of Kafka ours", async () => {
  const folder = dataFolder();
  cpSync(GOLDEN, folder.dir, { recursive: true });
  rmSync(join(folder.dir, "pre-compaction"), { recursive: true });
  expect((await folder.run("repair", "--adopt")).stderr).toContain("everything is sound now");
  expect(existsSync(join(folder.dir, "topics.json"))).toBe(true);
  await folder.runWith({ stdin: "new\n" }, "produce", "g-part", "--partition", "0");
  const { stdout } = await folder.run("consume", "g-part", "--partition", "0", "--until", "end");
  expect(stdout.split("\n")).toHaveLength(9 + 1 + 1);
});
