import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { append, errorOf, FOLDER, openEngine, reopenEngine, valuesOf } from "./engines.ts";

async function opened() {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  const clock = new TestClock();
  const engine = await openEngine({ files, clock });
  const partition = (await engine.createTopic("orders")).partition(0);
  append(partition, "a");
  return { memory, files, clock, engine, partition };
}

describe("close", () => {
  it("leaves the marker and no lock, no file open and no timer", async () => {
    const { memory, files, clock, engine } = await opened();
    const first = engine.close();
    expect(engine.close({ timeoutMs: 1 })).toBe(first);
    await first;
    expect(memory.list(FOLDER)).toContain(".kafka_cleanshutdown");
    expect(memory.list(FOLDER)).not.toContain(".lock");
    expect([files.openPaths, clock.pending, engine.isClosed]).toEqual([[], 0, true]);
  });

  it("waits for what is under way, and refuses what comes after", async () => {
    const { memory, engine, partition } = await opened();
    const making = engine.createTopic("more");
    const closing = engine.close();
    for (const call of [
      () => engine.createTopic("late"),
      () => engine.deleteTopic("orders"),
      () => engine.topic("orders"),
      () => engine.flush(),
      () => engine.backup("/copy"),
    ]) {
      expect(await errorOf(call)).toMatchObject({ code: "VARVE_CLOSED" });
    }
    await Promise.allSettled([making]);
    await closing;
    expect(await errorOf(() => append(partition, "b"))).toMatchObject({ code: "VARVE_CLOSED" });
    const again = await reopenEngine({ files: memory });
    expect(again.openReport.lastClose).toBe("clean");
    await again.close();
  });

  it("never hangs: when time is up it lets go, and the next open recovers", async () => {
    const { memory, files, clock, engine } = await opened();
    const release = files.holdSyncs(/orders-0/);
    const closing = errorOf(() => engine.close({ timeoutMs: 5000 }));
    await clock.advanceAsync(5000);
    expect(await closing).toMatchObject({ code: "VARVE_TIMEOUT" });
    const image = memory.clone();
    release();
    await new Promise((resolve) => setImmediate(resolve));
    for (const left of [image, memory]) {
      expect(left.list(FOLDER)).not.toContain(".kafka_cleanshutdown");
      const again = await reopenEngine({ files: left });
      expect(again.openReport.lastClose).toBe("process");
      expect(valuesOf(again.topic("orders").partition(0))).toEqual(["a"]);
      await again.close();
    }
  });

  it("that could not write everything says so, and leaves no marker", async () => {
    const { memory, files, engine } = await opened();
    files.fail({ on: "write", path: /checkpoint/, code: "VARVE_NO_SPACE" });
    expect(await errorOf(() => engine.close())).toMatchObject({ code: "VARVE_NO_SPACE" });
    expect(memory.list(FOLDER)!.filter((name) => name.startsWith("."))).toEqual([]);
    const again = await reopenEngine({ files: memory });
    expect(again.openReport.lastClose).toBe("machine");
    expect(valuesOf(again.topic("orders").partition(0))).toEqual(["a"]);
    await again.close();
  });
});
