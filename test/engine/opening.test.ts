import { describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { append, errorOf, FOLDER, identity, openEngine, rebootEngine, reopenEngine, valuesOf } from "./engines.ts";

function put(files: MemoryFiles, path: string, content = ""): void {
  files.makeFolder(path.slice(0, path.lastIndexOf("/")));
  const file = files.open(path, "write");
  file.truncate(0);
  file.write(Buffer.from(content), 0, content.length, 0);
  file.close();
}

/** What a directory with one record in "orders" looks like: left open, and closed in order. */
async function twoImages(): Promise<{ open: MemoryFiles; closed: MemoryFiles }> {
  const files = new MemoryFiles();
  const engine = await openEngine({ files });
  append((await engine.createTopic("orders")).partition(0), "a", "b");
  const open = files.clone();
  await engine.close();
  return { open, closed: files };
}

function orders(engine: Engine): string[] {
  return valuesOf(engine.topic("orders").partition(0));
}

describe("what lies at the path", () => {
  it("nothing: it is made, unless create is false", async () => {
    const files = new MemoryFiles();
    const error = await errorOf(() => openEngine({ files, create: false }));
    expect(error).toMatchObject({ code: "VARVE_NOT_FOUND", file: FOLDER });
    expect(files.stat(FOLDER)).toBeUndefined();
    await (await openEngine({ files })).close();
    expect(files.list(FOLDER)).toEqual([".kafka_cleanshutdown", ...CLOSED]);
  });

  it.each(["topics.json.tmp", ".lock", ".DS_Store", "lost+found"])("only %s: it is taken for new", async (name) => {
    const files = new MemoryFiles();
    const gone = JSON.stringify({
      pid: 0,
      processStart: null,
      bootId: "",
      hostName: "",
      address: null,
      isRecovered: false,
      token: "0",
    });
    put(files, `${FOLDER}/${name}`, name === ".lock" ? gone : "");
    const engine = await openEngine({ files });
    expect(engine.openReport.lastClose).toBe("clean");
    await engine.close();
  });

  it.each([
    ["a partition folder of Kafka", "orders-0/00000000000000000000.log", "VARVE_FOREIGN", "readOnly: true"],
    ["a data directory of Kafka", "meta.properties", "VARVE_FOREIGN", "a data directory of Kafka"],
    ["somebody's files", "notes.txt", "VARVE_FOREIGN", "not empty"],
    ["the predecessor of a catalogue alone", "topics.json.previous", "VARVE_CATALOGUE", "varve repair"],
  ])("%s: it is refused and left as it is", async (_, name, code, words) => {
    const files = new MemoryFiles();
    put(files, `${FOLDER}/${name}`);
    const error = await errorOf(() => openEngine({ files }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(files.list(FOLDER)).toEqual([name.split("/")[0]]);
  });

  it("a file: there is no data directory", async () => {
    const files = new MemoryFiles();
    put(files, FOLDER);
    expect(await errorOf(() => openEngine({ files }))).toMatchObject({ code: "VARVE_NOT_FOUND" });
  });

  it("ours without any catalogue: it is lost, not foreign", async () => {
    const { closed } = await twoImages();
    for (const name of ["topics.json", "topics.json.previous"]) closed.remove(`${FOLDER}/${name}`);
    const error = await errorOf(() => openEngine({ files: closed }));
    expect(error.code).toBe("VARVE_CATALOGUE");
    expect(error.message).toContain("varve repair");
  });

  it.each(["", "a\0b", 7, undefined])("is no path at all: %j", async (path) => {
    expect(await errorOf(() => Engine.open(path as string))).toMatchObject({ code: "VARVE_INVALID_ARGUMENT" });
  });
});

const CLOSED = [
  "log-start-offset-checkpoint",
  "meta.properties",
  "recovery-point-offset-checkpoint",
  "replication-offset-checkpoint",
  "topics.json",
];

describe("options of open", () => {
  it.each([
    [{ durable: "power" }, "durable"],
    [{ durability: "disk" }, "durability"],
    [{ readonly: true }, "readonly"],
    [{ maxBytes: "1G" }, "maxBytes"],
    [{ logger: { warn: "loudly" } }, "logger"],
    [{ clock: {} }, "clock"],
  ])("%j is refused by name", async (options, option) => {
    expect(await errorOf(() => Engine.open(":memory:", options as object))).toMatchObject({
      code: "VARVE_INVALID_OPTION",
      option,
    });
  });
});

describe("how it was left", () => {
  it("closed: clean, and the partitions are opened when they are used", async () => {
    const { closed } = await twoImages();
    const engine = await reopenEngine({ files: closed });
    const partition = engine.topic("orders").partition(0);
    expect(engine.openReport).toMatchObject({ lastClose: "clean", recovered: [] });
    expect(partition.isReady).toBe(false);
    expect(partition.endOffset).toBe(2);
    expect(partition.sizeInBytes).toBeGreaterThan(0);
    await partition.ready();
    expect(orders(engine)).toEqual(["a", "b"]);
    await engine.close();
  });

  it("open, in this boot: the page cache survived", async () => {
    const { open } = await twoImages();
    const engine = await reopenEngine({ files: open });
    expect(engine.openReport.lastClose).toBe("process");
    expect(engine.openReport.recovered).toMatchObject([{ topic: "orders", partition: 0, endOffset: 2 }]);
    expect(engine.topic("orders").partition(0)).toMatchObject({ durableOffset: 2, leaderEpoch: 0 });
    expect(orders(engine)).toEqual(["a", "b"]);
    await engine.close();
  });

  it("open, in another boot: records may be lost, and the epoch rises", async () => {
    const { open } = await twoImages();
    const engine = await rebootEngine({ files: open });
    expect(engine.openReport.lastClose).toBe("machine");
    expect(engine.topic("orders").partition(0).leaderEpoch).toBe(1);
    await engine.close();
  });

  it.each([
    ["lost", (files: MemoryFiles) => files.remove(`${FOLDER}/.lock`)],
    [
      "there, with a marker that cannot be read",
      (files: MemoryFiles) => put(files, `${FOLDER}/.kafka_cleanshutdown`, "{"),
    ],
  ])("with the lock %s: nobody knows, so the worst is taken to be", async (_, damage) => {
    const { open } = await twoImages();
    damage(open);
    const engine = await rebootEngine({ files: open });
    expect(engine.openReport.lastClose).toBe("machine");
    await engine.close();
  });

  it("during the recovery from a crash of the machine: it is still to be recovered from that", async () => {
    const { open } = await twoImages();
    const faulty = new FaultyFiles(open);
    const release = faulty.holdSyncs(/orders-0/);
    const recovering = Engine.open(FOLDER, { files: faulty, identity: identity(5, { bootId: "boot-2" }) });
    await new Promise((resolve) => setImmediate(resolve));
    const killed = open.clone();
    release();
    await (await recovering).close();

    const engine = await Engine.open(FOLDER, { files: killed, identity: identity(6, { bootId: "boot-2" }) });
    expect(engine.openReport.lastClose).toBe("machine");
    await engine.close();
  });

  it("by an open that failed: as it was before that", async () => {
    const { open, closed } = await twoImages();
    for (const [files, lastClose] of [
      [open, "process"],
      [closed, "clean"],
    ] as const) {
      const faulty = new FaultyFiles(files);
      faulty.fail({ on: "read", path: /topics\.json$/, code: "VARVE_IO" });
      expect(await errorOf(() => reopenEngine({ files: faulty }))).toMatchObject({ code: "VARVE_IO" });
      const engine = await reopenEngine({ files });
      expect(engine.openReport.lastClose).toBe(lastClose);
      await engine.close();
    }
  });

  it("the marker is gone from the disk before anything but the lock is written", async () => {
    const { closed } = await twoImages();
    const faulty = new FaultyFiles(closed);
    const release = faulty.holdSyncs(/^\/data$/);
    const names = closed.list(FOLDER);
    const opening = reopenEngine({ files: faulty });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed.list(FOLDER)).toEqual([".lock", ...names!.filter((name) => name !== ".kafka_cleanshutdown")].sort());
    // The lock, and that it is in good hands.
    expect(faulty.counts.write).toBe(2);
    release();
    await (await opening).close();
  });
});

describe("what stands around the partitions", () => {
  it("meta.properties is made again from the catalogue", async () => {
    const { closed } = await twoImages();
    const before = Buffer.from(closed.read(`${FOLDER}/meta.properties`)!).toString();
    for (const content of ["", "version=1\ncluster.id=other\n", "\u0000"]) {
      put(closed, `${FOLDER}/meta.properties`, content);
      await (await reopenEngine({ files: closed })).close();
      expect(Buffer.from(closed.read(`${FOLDER}/meta.properties`)!).toString()).toBe(before);
    }
    put(closed, `${FOLDER}/meta.properties`, before.replace("version=1", "version=9"));
    expect(await errorOf(() => reopenEngine({ files: closed }))).toMatchObject({ code: "VARVE_UNSUPPORTED_VERSION" });
  });

  it("damaged checkpoints cost a look at every batch and nothing else", async () => {
    const { closed } = await twoImages();
    for (const name of ["recovery-point", "log-start", "replication"])
      put(closed, `${FOLDER}/${name}-offset-checkpoint`, "0\n9");
    const warnings: string[] = [];
    const engine = await reopenEngine({ files: closed, logger: { warn: (message) => warnings.push(message) } });
    expect(warnings.filter((warning) => warning.includes("checkpoint"))).toHaveLength(2);
    expect(orders(engine)).toEqual(["a", "b"]);
    await engine.close();
  });

  it("a folder that the catalogue does not know is left alone, and its name is not used", async () => {
    const { closed } = await twoImages();
    put(closed, `${FOLDER}/strange-0/00000000000000000000.log`, "whatever");
    const warnings: string[] = [];
    const engine = await reopenEngine({ files: closed, logger: { warn: (message) => warnings.push(message) } });
    expect(warnings.join()).toContain("strange-0 is not in the catalogue");
    expect([...engine.topics.keys()]).toEqual(["orders"]);
    expect(await errorOf(() => engine.createTopic("strange"))).toMatchObject({
      code: "VARVE_TOPIC_EXISTS",
      topic: "strange",
    });
    await engine.close();
    expect(closed.stat(`${FOLDER}/strange-0/00000000000000000000.log`)?.size).toBe(8);
  });

  it("a partition whose files are all gone goes on at its recovery point, and says so", async () => {
    const { closed } = await twoImages();
    closed.removeFolder(`${FOLDER}/orders-0`);
    const engine = await reopenEngine({ files: closed });
    const partition = engine.topic("orders").partition(0);
    const corrupt: unknown[] = [];
    engine.on("corrupt", (event) => corrupt.push(event));
    await partition.ready();
    expect(corrupt).toMatchObject([{ topic: "orders", partition: 0, from: 0, to: 2 }]);
    expect(append(partition, "c")).toBe(2);
    expect(engine.health()).toMatchObject({ ok: false, corruptRanges: 1 });
    await engine.close();
  });

  it("a partition that cannot be opened does not keep the others from it", async () => {
    const files = new MemoryFiles();
    const first = await openEngine({ files });
    for (const name of ["good", "bad"]) append((await first.createTopic(name)).partition(0), name);
    const image = files.clone();
    await first.close();
    const faulty = new FaultyFiles(image);
    const mend = faulty.fail({
      on: ["open", "read", "list"],
      path: /bad-0/,
      code: "VARVE_IO",
      times: Number.POSITIVE_INFINITY,
    });
    const engine = await reopenEngine({ files: faulty });
    expect(valuesOf(engine.topic("good").partition(0))).toEqual(["good"]);
    expect(engine.health()).toMatchObject({
      ok: false,
      failed: [{ topic: "bad", partition: 0, error: { code: "VARVE_IO" } }],
    });
    await engine.close();

    mend();
    const again = await reopenEngine({ files: faulty });
    expect(again.openReport.lastClose).not.toBe("clean");
    expect(valuesOf(again.topic("bad").partition(0))).toEqual(["bad"]);
    await again.close();
  });

  it("a damaged catalogue is replaced by its predecessor for good, where that is safe", async () => {
    const { closed } = await twoImages();
    const setting = await reopenEngine({ files: closed });
    await setting.topic("orders").alterConfig({ retentionMs: 1000 });
    await setting.topic("orders").alterConfig({ retentionMs: 2000 });
    await setting.close();
    put(closed, `${FOLDER}/topics.json`, "damaged");
    const engine = await reopenEngine({ files: closed });
    expect(engine.topic("orders").config.retentionMs).toBe(-1);
    await engine.close();
    await (await reopenEngine({ files: closed })).close();
  });
});
