import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { FaultyFiles } from "../../src/testing/faults.ts";
import { append, batchOf, FOLDER, openEngine, reopenEngine } from "./engines.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

async function opened(config = {}) {
  const memory = new MemoryFiles();
  const files = new FaultyFiles(memory);
  const clock = new TestClock();
  const engine = await openEngine({ files, clock });
  const topic = await engine.createTopic("orders", { segmentBytes: 200, ...config });
  const partition = topic.partition(0);
  for (let count = 0; count < 5; count++) partition.append(batchOf([`${count}`.repeat(100)], clock.now()));
  return { memory, files, clock, engine, partition };
}

function text(files: MemoryFiles, name: string): string {
  return Buffer.from(files.read(`${FOLDER}/${name}`) ?? []).toString();
}

describe("retention", () => {
  it("passes every five minutes, and takes segments that are past their time", async () => {
    const { clock, engine, partition } = await opened({ retentionMs: HOUR });
    await clock.advanceAsync(HOUR - MINUTE);
    expect(partition.startOffset).toBe(0);
    await clock.advanceAsync(10 * MINUTE);
    expect([partition.startOffset, partition.endOffset]).toEqual([5, 5]);
    await engine.close();
  });

  it("keeps retentionBytes, and counts what went", async () => {
    const { clock, engine, partition } = await opened({ retentionBytes: 400 });
    const before = engine.stats().sizeInBytes;
    await clock.advanceAsync(5 * MINUTE);
    expect(partition.startOffset).toBeGreaterThan(0);
    expect(partition.sizeInBytes).toBeGreaterThanOrEqual(400);
    expect(engine.stats().sizeInBytes).toBeLessThan(before);
    await engine.close();
  });

  it("deletes nothing unless it was asked to", async () => {
    const { clock, engine, partition } = await opened();
    await clock.advanceAsync(30 * DAY);
    expect([partition.startOffset, await engine.retain()]).toEqual([0, 0]);
    await engine.close();
  });

  it.each([10 * 365 * DAY, -10 * 365 * DAY])("is skipped while the wall clock is off by %d ms", async (jump) => {
    const { clock, engine, partition } = await opened({ retentionMs: DAY });
    clock.jump(jump);
    await clock.advanceAsync(2 * HOUR);
    expect(partition.startOffset).toBe(0);
    expect(engine.health()).toMatchObject({ ok: false, isRetentionSuspended: true });
    clock.jump(-jump);
    await clock.advanceAsync(HOUR);
    expect([partition.startOffset, engine.health().ok]).toEqual([0, true]);
    await clock.advanceAsync(DAY);
    expect(partition.startOffset).toBe(5);
    await engine.close();
  });

  it("goes on after a small correction of the clock", async () => {
    const { clock, engine, partition } = await opened({ retentionMs: DAY });
    clock.jump(-30 * MINUTE);
    await clock.advanceAsync(DAY + HOUR);
    expect(partition.startOffset).toBe(5);
    await engine.close();
  });

  it("that fails is tried again", async () => {
    const { files, clock, engine, partition } = await opened({ retentionMs: HOUR });
    files.fail({ on: "remove", path: /orders-0/, code: "VARVE_ACCESS" });
    await clock.advanceAsync(HOUR + 5 * MINUTE);
    expect(partition.startOffset).toBeLessThan(5);
    await clock.advanceAsync(HOUR);
    expect(partition.startOffset).toBe(5);
    await engine.close();
  });

  it("opens partitions that nobody has used", async () => {
    const { memory, clock, engine } = await opened({ retentionMs: HOUR });
    await engine.close();
    const again = await reopenEngine({ files: memory, clock });
    expect(again.topic("orders").partition(0).isReady).toBe(false);
    await clock.advanceAsync(2 * HOUR);
    expect(again.topic("orders").partition(0).startOffset).toBe(5);
    await again.close();
  });
});

describe("checkpoints", () => {
  it("are written every minute, where something changed, with what is durable", async () => {
    const { memory, files, clock, engine, partition } = await opened();
    await clock.advanceAsync(MINUTE);
    expect(text(memory, "recovery-point-offset-checkpoint")).toBe("0\n1\norders 0 5\n");
    expect(text(memory, "replication-offset-checkpoint")).toBe("0\n1\norders 0 5\n");
    expect(text(memory, "log-start-offset-checkpoint")).toBe("0\n1\norders 0 0\n");
    files.resetCounts();
    await clock.advanceAsync(5 * MINUTE);
    expect(files.counts.write).toBe(0);

    const release = files.holdSyncs(/orders-0/);
    append(partition, "not durable yet");
    await clock.advanceAsync(MINUTE);
    expect(text(memory, "recovery-point-offset-checkpoint")).toBe("0\n1\norders 0 5\n");
    expect(text(memory, "replication-offset-checkpoint")).toBe("0\n1\norders 0 6\n");
    release();
    await engine.close();
    expect(text(memory, "recovery-point-offset-checkpoint")).toBe("0\n1\norders 0 6\n");
  });

  it("that cannot be written are told, and tried again", async () => {
    const memory = new MemoryFiles();
    const files = new FaultyFiles(memory);
    const clock = new TestClock();
    const warnings: string[] = [];
    const engine = await openEngine({ files, clock, logger: { warn: (message) => warnings.push(message) } });
    await engine.createTopic("orders");
    files.fail({ on: "write", path: /checkpoint/, code: "VARVE_NO_SPACE" });
    await clock.advanceAsync(MINUTE);
    expect(warnings.join()).toContain("the checkpoint failed");
    await clock.advanceAsync(MINUTE);
    expect(text(memory, "recovery-point-offset-checkpoint")).toBe("0\n1\norders 0 0\n");
    await engine.close();
  });
});
