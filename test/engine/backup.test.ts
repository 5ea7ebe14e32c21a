import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { append, errorOf, identity, openEngine, valuesOf } from "./engines.ts";

test.each([false, true])(
  "a copy made while appends go on holds one moment, in order; room in advance: %s",
  async (allocates) => {
    const files = new MemoryFiles({ allocates });
    const engine = await openEngine({ files });
    const topic = await engine.createTopic("orders", { partitions: 2, segmentBytes: 300, retentionMs: 1000 });
    const [first, second] = topic.partitions.map((partition) => partition!);
    for (let count = 0; count < 20; count++) append(first, `${count}`.repeat(50));
    append(second, "b");
    await first.deleteRecordsBefore(3);
    await engine.offsets.commit("g", [{ topic: "orders", partition: 0, offset: 20 }]);

    const backingUp = engine.backup("/copy");
    let isDone = false;
    backingUp.finally(() => {
      isDone = true;
    });
    let during = 0;
    while (!isDone) {
      append(first, "later");
      append(second, "later");
      during++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await backingUp;
    expect(during).toBeGreaterThan(3);

    const copy = await Engine.open("/copy", { files, identity: identity(1) });
    expect(copy.openReport.lastClose).toBe("clean");
    await Promise.all([copy.topic("orders").ready(), copy.offsets.ready()]);
    const [a, b] = copy.topic("orders").partitions.map((partition) => valuesOf(partition!));
    expect(a.slice(0, 17)).toEqual(Array.from({ length: 17 }, (_, index) => `${index + 3}`.repeat(50)));
    expect(b[0]).toBe("b");
    // Each turn appended one to both: a moment is the same number of them.
    expect(a.length - 17).toBe(b.length - 1);
    expect(a.length - 17).toBeLessThan(during);
    expect(copy.offsets.committed("g", "orders", 0)?.offset).toBe(20);
    expect([copy.topic("orders").id, copy.topic("orders").config.retentionMs]).toEqual([topic.id, 1000]);
    expect(append(copy.topic("orders").partition(0), "goes on")).toBe(a.length + 3);
    await copy.close();
    expect(engine.health().ok).toBe(true);
    await engine.close();
  },
);

test("a folder with anything in it is refused, and left as it is", async () => {
  const files = new MemoryFiles();
  const engine = await openEngine({ files });
  for (const target of ["/data", "/full"]) {
    files.makeFolder("/full/of/things");
    const before = files.list(target);
    expect(await errorOf(() => engine.backup(target))).toMatchObject({ code: "VARVE_INVALID_ARGUMENT", file: target });
    expect(files.list(target)).toEqual(before);
  }
  files.makeFolder("/empty");
  await engine.backup("/empty");
  expect(files.list("/empty")).toContain("topics.json");
  await engine.close();
});

test("from memory it goes to the disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "varve-backup-"));
  try {
    const engine = await Engine.open(":memory:");
    append((await engine.createTopic("orders")).partition(0), "a");
    await engine.backup(join(folder, "copy"));
    await engine.close();
    expect(readdirSync(join(folder, "copy"))).toContain("orders-0");
    const copy = await Engine.open(join(folder, "copy"));
    await copy.topic("orders").ready();
    expect(valuesOf(copy.topic("orders").partition(0))).toEqual(["a"]);
    await copy.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
