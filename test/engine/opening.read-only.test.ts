import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { append, batchOf, errorOf, FOLDER, openEngine, reopenEngine, valuesOf } from "./engines.ts";

const golden = fileURLToPath(new URL("../fixtures/golden", import.meta.url));
const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")).read_uncommitted as Record<
  string,
  { beginningOffset: number; endOffset: number; records: { offset: number; value: string | null }[] }
>;

describe("a data directory of Kafka, read-only", () => {
  it("shows its topics, with ids and all bounds, and stays as it is", async () => {
    const before = fingerprint(golden);
    const engine = await Engine.open(golden, { readOnly: true });
    for (const [folder, { beginningOffset, endOffset }] of Object.entries(expected)) {
      const { topic, index } = placeOf(folder);
      const partition = engine.topic(topic).partition(index);
      await partition.ready();
      expect([folder, partition.startOffset, partition.endOffset]).toEqual([folder, beginningOffset, endOffset]);
    }
    expect(engine.topic("g-part").partitionCount).toBe(3);
    expect(engine.topic("g-none").id).toMatch(/^[\w-]{22}$/);
    expect(engine.topic("g-compact").config.cleanupPolicy).toBe("compact");
    expect(engine.health()).toMatchObject({ ok: true });
    await engine.close();
    expect(fingerprint(golden)).toEqual(before);
  });

  describe("one partition folder, alone in the world", () => {
    let copies: string;
    beforeAll(() => {
      copies = mkdtempSync(join(tmpdir(), "varve-golden-"));
    });
    afterAll(() => rmSync(copies, { recursive: true, force: true }));

    it.each(Object.keys(expected))("%s", async (folder) => {
      const copy = join(copies, folder);
      cpSync(join(golden, folder), copy, { recursive: true });
      const engine = await Engine.open(copy, { readOnly: true });
      const { topic, index } = placeOf(folder);
      const partition = engine.topic(topic).partition(index);
      await partition.ready();
      expect(partition.endOffset).toBe(expected[folder].endOffset);
      const end = partition.endOffset;
      const offsets = new Set<number>();
      for (let offset = partition.startOffset; offset < end; ) {
        const batches = partition.read(offset, 1 << 20, end);
        if (batches.length === 0) break;
        for (const batch of batches) for (let at = batch.baseOffset; at <= batch.lastOffset; at++) offsets.add(at);
        offset = batches[batches.length - 1].nextOffset;
      }
      expect(expected[folder].records.filter(({ offset }) => !offsets.has(offset))).toEqual([]);
      expect(engine.openReport.corrupt).toEqual([]);
      await engine.close();
    });
  });
});

describe("a directory of varve, read-only", () => {
  it("opens while its owner runs, without lock and without a trace", async () => {
    const files = new MemoryFiles();
    const owner = await openEngine({ files });
    append((await owner.createTopic("orders")).partition(0), "a");
    const before = files.clone();
    const reader = await reopenEngine({ files, readOnly: true });
    expect(valuesOf(reader.topic("orders").partition(0))).toEqual(["a"]);
    expect(tree(files)).toEqual(tree(before));
    append(owner.topic("orders").partition(0), "b");
    await reader.close();
    await owner.close();
  });

  it("refuses everything that would write", async () => {
    const files = new MemoryFiles();
    const owner = await openEngine({ files });
    append((await owner.createTopic("orders")).partition(0), "a");
    await owner.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 1 }]);
    await owner.close();
    const before = tree(files);
    const engine = await openEngine({ files, readOnly: true });
    const topic = engine.topic("orders");
    const partition = topic.partition(0);
    await partition.ready();
    const calls = [
      () => engine.createTopic("more"),
      () => engine.deleteTopic("orders"),
      () => topic.addPartitions(3),
      () => topic.alterConfig({ retentionMs: 1 }),
      () => partition.append(batchOf(["b"])),
      () => partition.truncate(),
      () => partition.deleteRecordsBefore(1),
      () => engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 1 }]),
    ];
    for (const call of calls) expect(await errorOf(call)).toMatchObject({ code: "VARVE_READ_ONLY" });
    await engine.offsets.ready();
    expect(engine.offsets.committed("g", "orders", 0)?.offset).toBe(1);
    await engine.close();
    expect(tree(files)).toEqual(before);
  });

  it("takes the topics from the folders when the catalogue is lost", async () => {
    const files = new MemoryFiles();
    const owner = await openEngine({ files });
    append((await owner.createTopic("orders", { partitions: 2 })).partition(1), "a");
    await owner.close();
    files.remove(`${FOLDER}/topics.json`);
    const engine = await openEngine({ files, readOnly: true });
    const partition = engine.topic("orders").partition(1);
    await partition.ready();
    expect(valuesOf(partition)).toEqual(["a"]);
    await engine.close();
  });

  it.each([undefined, "notes.txt"])("needs something to read; %s is not enough", async (name) => {
    const files = new MemoryFiles();
    files.makeFolder(FOLDER);
    if (name) files.open(`${FOLDER}/${name}`, "create").close();
    const code = name ? "VARVE_FOREIGN" : "VARVE_NOT_FOUND";
    expect(await errorOf(() => openEngine({ files, readOnly: true }))).toMatchObject({ code });
  });
});

function placeOf(folder: string): { topic: string; index: number } {
  const dash = folder.lastIndexOf("-");
  return { topic: folder.slice(0, dash), index: Number(folder.slice(dash + 1)) };
}

function fingerprint(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${statSync(join(folder, name)).size} ${statSync(join(folder, name)).mtimeMs}`)
    .sort();
}

function tree(files: MemoryFiles, folder = "/"): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of files.list(folder) ?? []) {
    const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
    if (files.stat(path)?.kind === "folder") Object.assign(found, tree(files, path));
    else found[path] = Buffer.from(files.read(path)!).toString("base64");
  }
  return found;
}
