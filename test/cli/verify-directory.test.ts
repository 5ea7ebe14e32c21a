/** Verification over directories in memory: what is sound is found sound, and what is damaged is named. */
import { beforeAll, describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { systemIdentity } from "../../src/engine/identity.ts";
import { BatchBuilder } from "../../src/format/batch-builder.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { randomFor } from "../sampling.ts";
import { copyGolden, DATA, flip, goldenPartitions, isUndetectable, verifyIn } from "./golden-copies.ts";

describe("what Kafka wrote", () => {
  it("is sound, as a directory", async () => {
    const { problems, tally } = await verifyIn(copyGolden());
    expect(problems).toEqual([]);
    expect(tally).toMatchObject({ problems: 0, batches: 471, records: 1124 });
  });

  it.each(goldenPartitions)("is sound, as a lone folder: %s", async (partition) => {
    expect((await verifyIn(copyGolden(partition), `${DATA}/${partition}`)).problems).toEqual([]);
  });
});

it("what compaction has left is sound, with the index of every batch and batches without records", async () => {
  const files = new MemoryFiles();
  const engine = await Engine.open(DATA, { files });
  const topic = await engine.createTopic("t", { cleanupPolicy: "compact", segmentBytes: 1500 });
  const partition = topic.partition(0);
  const builder = new BatchBuilder();
  for (let i = 0; i < 200; i++) {
    builder.append(`k${i % 7}`, i % 11 === 0 ? null : `value ${i}`, undefined, 1000 + i);
    partition.append(builder.seal({ producerId: i % 3, producerEpoch: 0, baseSequence: Math.floor(i / 3) }));
    builder.reset();
    if (i === 120) await engine.compact(partition);
  }
  await engine.compact(partition);
  expect(partition.segmentCount).toBeGreaterThan(3);
  await engine.close();
  const { problems, tally } = await verifyIn(files);
  expect(problems).toEqual([]);
  expect(tally.records).toBeLessThan(20);
});

describe("a flipped bit", () => {
  const sample = 400;

  it.each(goldenPartitions)("is found in any log: %s", async (partition) => {
    const files = copyGolden(partition);
    const random = randomFor(partition);
    const logs = (files.list(`${DATA}/${partition}`) ?? []).filter((name) => name.endsWith(".log"));
    const missed: string[] = [];
    let flips = 0;
    for (let i = 0; i < sample / goldenPartitions.length; i++) {
      const path = `${DATA}/${partition}/${logs[Math.floor(random() * logs.length)]}`;
      const { size } = files.stat(path)!;
      if (size === 0) continue;
      // Half of them where no checksum helps: in the base offset, the length, the epoch or the magic of the first batch.
      const bit = Math.floor(random() * (i % 2 === 0 ? size : 17) * 8);
      flip(files, path, bit);
      const { problems } = await verifyIn(files);
      flip(files, path, bit);
      flips++;
      if (problems.length === 0 && !isUndetectable(path, bit)) missed.push(`${path}, bit ${bit}`);
    }
    expect(missed).toEqual([]);
    expect(flips).toBeGreaterThan(0);
  });

  it("in any other file ends in a report or in none, never in an error", async () => {
    const files = copyGolden();
    const random = randomFor("others");
    const paths = [DATA, ...goldenPartitions.map((name) => `${DATA}/${name}`)].flatMap((folder) =>
      (files.list(folder) ?? []).map((name) => `${folder}/${name}`),
    );
    const others = paths.filter((path) => !path.endsWith(".log") && (files.stat(path)?.size ?? 0) > 0);
    let reported = 0;
    for (let i = 0; i < 200; i++) {
      const path = others[Math.floor(random() * others.length)];
      const bit = Math.floor(random() * files.stat(path)!.size * 8);
      if (files.stat(path)!.kind !== "file") continue;
      flip(files, path, bit);
      if ((await verifyIn(files)).problems.length > 0) reported++;
      flip(files, path, bit);
    }
    expect(reported).toBeGreaterThan(50);
    expect((await verifyIn(files)).problems).toEqual([]);
  });
});

describe("a directory of ours", () => {
  let sound: MemoryFiles;
  const dir = "/log";

  beforeAll(async () => {
    sound = new MemoryFiles();
    const engine = await Engine.open(dir, { files: sound });
    const topic = await engine.createTopic("t", { segmentBytes: 2000, indexIntervalBytes: 200 });
    await fill(engine, 60);
    await engine.offsets.commit("g", [{ topic: "t", partition: 0, offset: 10 }]);
    expect(topic.partitions[0]?.segmentCount).toBeGreaterThan(3);
    await engine.close();
  });

  async function fill(engine: Engine, count: number): Promise<void> {
    const partition = engine.topic("t").partitions[0]!;
    await partition.ready();
    for (let i = 0; i < count; i++) {
      const builder = new BatchBuilder();
      builder.append(`k${i}`, `a value that fills some bytes, number ${i}`, undefined, 1000 + i);
      partition.append(builder.seal());
    }
  }

  async function problemsAfter(damage: (files: MemoryFiles) => void) {
    const files = sound.clone();
    damage(files);
    const { problems } = await verifyIn(files, dir);
    return problems.map(({ file, error, code }) => `${file.slice(dir.length + 1)}: ${error} (${code})`);
  }

  const names = () => sound.list(`${dir}/t-0`)!;
  const logs = () => names().filter((name) => name.endsWith(".log"));

  it("is sound when it was closed", async () => {
    expect(await problemsAfter(() => {})).toEqual([]);
  });

  it("is sound while its owner is at work, and after its owner died", async () => {
    const files = sound.clone();
    const engine = await Engine.open(dir, { files });
    for (let round = 0; round < 5; round++) {
      await fill(engine, 10);
      expect((await verifyIn(files, dir)).problems).toEqual([]);
    }
    const dead = files.clone();
    await engine.close();
    expect((await verifyIn(dead, dir)).problems).toEqual([]);
  });

  it("writes nothing", async () => {
    const files = sound.clone();
    const before = JSON.stringify(
      files.list(`${dir}/t-0`)?.map((name) => [name, [...files.read(`${dir}/t-0/${name}`)!]]),
    );
    await verifyIn(files, dir);
    expect(
      JSON.stringify(files.list(`${dir}/t-0`)?.map((name) => [name, [...files.read(`${dir}/t-0/${name}`)!]])),
    ).toBe(before);
  });

  it.each<[string, (files: MemoryFiles) => void, RegExp]>([
    ["a lost segment", (files) => files.remove(`${dir}/t-0/${logs()[1]}`), /in no segment/],
    [
      "a lost index",
      (files) => files.remove(`${dir}/t-0/${logs()[1].replace("log", "index")}`),
      /\.index: the file is missing/,
    ],
    [
      "a lost time index",
      (files) => files.remove(`${dir}/t-0/${logs()[1].replace("log", "timeindex")}`),
      /\.timeindex: the file is missing/,
    ],
    [
      "an empty index",
      (files) => truncate(files, `${dir}/t-0/${logs()[1].replace("log", "index")}`, 0),
      /entries are missing: none leads to/,
    ],
    [
      "an index cut in half",
      (files) => truncate(files, `${dir}/t-0/${logs()[1].replace("log", "index")}`, 20),
      /entries are missing|no entry/,
    ],
    [
      "an empty time index",
      (files) => truncate(files, `${dir}/t-0/${logs()[1].replace("log", "timeindex")}`, 0),
      /largest timestamp/,
    ],
    ["a log cut short", (files) => truncate(files, `${dir}/t-0/${logs().at(-1)}`, 50), /the batch is cut short/],
    ["a log cut at a batch", (files) => truncate(files, `${dir}/t-0/${logs().at(-1)}`, 0), /whose log ends at/],
    [
      "a lost leader-epoch-checkpoint",
      (files) => files.remove(`${dir}/t-0/leader-epoch-checkpoint`),
      /leader-epoch-checkpoint: the file is missing/,
    ],
    [
      "another epoch",
      (files) => write(files, `${dir}/t-0/leader-epoch-checkpoint`, "0\n1\n3 0\n"),
      /it has epoch 3 for offset 0/,
    ],
    [
      "epochs that fall",
      (files) => write(files, `${dir}/t-0/leader-epoch-checkpoint`, "0\n2\n1 0\n0 5\n"),
      /do not ascend/,
    ],
    [
      "another topic's id",
      (files) => write(files, `${dir}/t-0/partition.metadata`, "version: 0\ntopic_id: ILNjCO80TIyDnxqwx11SBg"),
      /the catalogue/,
    ],
    ["a lost folder", (files) => files.removeFolder(`${dir}/t-0`), /t-0: the folder is missing/],
    [
      "a folder that nobody knows",
      (files) => files.makeFolder(`${dir}/stranger-0`),
      /does not know the partition folder stranger-0/,
    ],
    [
      "a damaged catalogue",
      (files) => write(files, `${dir}/topics.json`, "{}"),
      /topics\.json: .* \(VARVE_CATALOGUE\)/,
    ],
    ["a lost catalogue", (files) => files.remove(`${dir}/topics.json`), /topics\.json is missing/],
    [
      "a damaged checkpoint",
      (files) => write(files, `${dir}/recovery-point-offset-checkpoint`, "0\n1\nt 0\n"),
      /recovery-point-offset-checkpoint, line 3/,
    ],
    [
      "a checkpoint past the end",
      (files) => write(files, `${dir}/replication-offset-checkpoint`, "0\n1\nt 0 61\n"),
      /has offset 61 for t-0, whose log ends at 60/,
    ],
    [
      "damaged meta.properties",
      (files) => write(files, `${dir}/meta.properties`, "cluster.id=x\n"),
      /meta\.properties/,
    ],
    ["a poisoned partition", (files) => write(files, `${dir}/t-0/.poisoned`, ""), /\(VARVE_POISONED\)/],
    [
      "a snapshot of the future",
      (files) => files.rename(`${dir}/t-0/${snapshot()}`, `${dir}/t-0/00000000000000000099.snapshot`),
      /it is of offset 99/,
    ],
    [
      "a huge index",
      (files) => truncate(files, `${dir}/t-0/${logs()[1].replace("log", "index")}`, 65 * 2 ** 20),
      /has at most/,
    ],
  ])("%s is named", async (_, damage, expected) => {
    const problems = await problemsAfter(damage);
    expect(problems.filter((problem) => expected.test(problem)).length, problems.join("\n")).toBeGreaterThan(0);
  });

  const snapshot = () =>
    names()
      .filter((name) => name.endsWith(".snapshot"))
      .at(-1);

  it("a batch that ends short is looked at again while its owner may be writing it", async () => {
    const files = sound.clone();
    const engine = await Engine.open(dir, { files });
    await fill(engine, 1);
    const path = `${dir}/t-0/${logs().at(-1)}`;
    const whole = files.read(path)!.slice();
    truncate(files, path, whole.length - 10);
    setTimeout(() => put(files, path, whole), 5);
    expect((await verifyIn(files, dir)).problems).toEqual([]);
    truncate(files, path, whole.length - 10);
    expect((await verifyIn(files, dir)).problems).toMatchObject([{ error: "the batch is cut short" }]);
    put(files, path, whole);
    await engine.close();
  });
});

describe("what is no directory of logs", () => {
  it.each([
    ["/nowhere", "VARVE_NOT_FOUND"],
    ["/empty", "VARVE_FOREIGN"],
    ["/other", "VARVE_FOREIGN"],
    ["/etc", "VARVE_FOREIGN"],
  ])("is refused: %s", async (folder, code) => {
    const files = new MemoryFiles();
    files.makeFolder("/empty");
    files.makeFolder("/other");
    write(files, "/other/notes.txt", "hello");
    files.makeFolder("/etc");
    files.makeFolder("/etc/gtk-3");
    write(files, "/etc/gtk-3/settings.ini", "a folder that is named as a partition is");
    await expect(verifyIn(files, folder)).rejects.toMatchObject({ code });
  });

  it("our own process is an owner that is alive", () => {
    expect(systemIdentity.isAlive(systemIdentity.pid)).toBe(true);
  });
});

function truncate(files: MemoryFiles, path: string, size: number): void {
  const file = files.open(path, "write");
  if (size > file.size()) file.write(new Uint8Array(1), 0, 1, size - 1);
  else file.truncate(size);
  file.close();
}

function write(files: MemoryFiles, path: string, text: string): void {
  put(files, path, Buffer.from(text));
}

function put(files: MemoryFiles, path: string, bytes: Uint8Array): void {
  const file = files.open(path, "write");
  file.truncate(0);
  file.write(bytes, 0, bytes.length, 0);
  file.close();
}
