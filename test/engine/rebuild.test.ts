import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { rebuildCatalogue } from "../../src/engine/rebuild.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { append, errorOf, FOLDER, identity, openEngine, reopenEngine, valuesOf } from "./engines.ts";

async function closed() {
  const files = new MemoryFiles();
  const engine = await openEngine({ files });
  const topic = await engine.createTopic("orders", { partitions: 3, retentionMs: 1, codec: "bytes" });
  append(topic.partition(2), "a");
  await engine.offsets.commit("g", [{ topic: "orders", partition: 2, offset: 1 }]);
  await engine.close();
  return { files, id: topic.id };
}

function damage(files: MemoryFiles, name: string): void {
  const file = files.open(`${FOLDER}/${name}`, "write");
  file.truncate(file.size() - 5);
  file.close();
}

const options = (files: MemoryFiles) => ({ files, identity: identity(9), clock: new TestClock() });

async function check(files: MemoryFiles, id: string): Promise<Engine> {
  const engine = await reopenEngine({ files });
  const topic = engine.topic("orders");
  await Promise.all([topic.ready(), engine.offsets.ready()]);
  expect([topic.id, topic.partitionCount, topic.config.retentionMs]).toEqual([id, 3, -1]);
  expect(valuesOf(topic.partition(2))).toEqual(["a"]);
  expect(engine.offsets.committed("g", "orders", 2)?.offset).toBe(1);
  expect(engine.topic("__consumer_offsets").config.cleanupPolicy).toBe("compact");
  return engine;
}

describe("rebuildCatalogue", () => {
  it.each(["removed", "damaged"])("makes one from the folders when both were %s, with retention off", async (how) => {
    const { files, id } = await closed();
    for (const name of ["topics.json", "topics.json.previous"]) {
      if (how === "removed") files.remove(`${FOLDER}/${name}`);
      else damage(files, name);
    }
    expect(await errorOf(() => reopenEngine({ files }))).toMatchObject({ code: "VARVE_CATALOGUE" });
    const rebuilt = await rebuildCatalogue(FOLDER, options(files));
    expect(rebuilt.topics).toEqual([
      { name: "__consumer_offsets", partitions: 1, from: "folders" },
      { name: "orders", partitions: 3, from: "folders" },
    ]);
    expect(rebuilt.notes).toContain("the topic orders has its default options; set again what it had");
    expect(rebuilt.keptAside === undefined).toBe(how === "removed");
    if (rebuilt.keptAside) expect(files.stat(rebuilt.keptAside)?.kind).toBe("file");
    expect(files.list(FOLDER)).not.toContain("topics.json.previous");
    expect(files.list(FOLDER)).not.toContain(".lock");
    await (await check(files, id)).close();
  });

  it("takes what its predecessor still says, but no retention", async () => {
    const { files, id } = await closed();
    damage(files, "topics.json");
    const rebuilt = await rebuildCatalogue(FOLDER, options(files));
    // The predecessor is from before the first commit.
    expect(rebuilt.topics).toEqual([
      { name: "orders", partitions: 3, from: "predecessor" },
      { name: "__consumer_offsets", partitions: 1, from: "folders" },
    ]);
    const engine = await check(files, id);
    expect(engine.topic("orders").config.codec).toBe("bytes");
    await engine.close();
  });

  it("of a good one adds the folders that it does not know", async () => {
    const { files } = await closed();
    files.makeFolder(`${FOLDER}/strange-4`);
    files.open(`${FOLDER}/strange-4/00000000000000000000.log`, "create").close();
    const rebuilt = await rebuildCatalogue(FOLDER, options(files));
    expect(rebuilt.topics).toMatchObject([
      { from: "catalogue" },
      { from: "catalogue" },
      { name: "strange", partitions: 5 },
    ]);
    const engine = await reopenEngine({ files });
    expect([engine.topic("orders").config.retentionMs, engine.topic("strange").partitionCount]).toEqual([1, 5]);
    await engine.close();
  });

  it("leaves for the next open to see how the directory was left", async () => {
    const files = new MemoryFiles();
    const owner = await openEngine({ files });
    append((await owner.createTopic("orders")).partition(0), "a");
    expect(await errorOf(() => rebuildCatalogue(FOLDER, { ...options(files), identity: identity(1) }))).toMatchObject({
      code: "VARVE_LOCKED",
    });
    const image = files.clone();
    await owner.close();
    await rebuildCatalogue(FOLDER, options(image));
    const engine = await reopenEngine({ files: image });
    expect(engine.openReport.lastClose).toBe("process");
    await engine.close();
  });

  it("wants a directory of ours, or to be told to adopt Kafka's", async () => {
    const files = new MemoryFiles();
    expect(await errorOf(() => rebuildCatalogue(FOLDER, options(files)))).toMatchObject({ code: "VARVE_NOT_FOUND" });
    const copy = mkdtempSync(join(tmpdir(), "varve-adopt-"));
    try {
      cpSync(fileURLToPath(new URL("../fixtures/golden", import.meta.url)), copy, { recursive: true });
      expect(await errorOf(() => rebuildCatalogue(copy))).toMatchObject({ code: "VARVE_FOREIGN" });
      await rebuildCatalogue(copy, { adopt: true });
      const engine = await Engine.open(copy);
      expect(engine.openReport.corrupt).toEqual([]);
      expect(engine.topic("g-part").partitionCount).toBe(3);
      await engine.topic("g-compact").ready();
      expect(engine.topic("g-compact").partition(0).endOffset).toBeGreaterThan(0);
      await engine.close();
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
