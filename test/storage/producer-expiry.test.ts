/** Producers that are silent are forgotten, no earlier than they should be. */
import { describe, expect, it } from "vitest";
import type { Log } from "../../src/storage/log.ts";
import { MemoryFiles } from "../../src/storage/memory-files.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { batchOf, markerOf, openLog } from "./partition.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function opened(files = new MemoryFiles(), clock = new TestClock()) {
  const { log } = await openLog(files, { clock, config: { segmentBytes: 1 << 20 } });
  return { files, clock, log };
}

function write(log: Log, producerId: number, baseSequence = 0, isTransactional = false): void {
  // The record's own time has nothing to say here.
  const record = { value: "v", timestamp: 1 };
  log.append(batchOf([record], { producerId, producerEpoch: 0, baseSequence, isTransactional }));
}

const idsIn = (log: Log) => log.producers.map(({ producerId }) => producerId);

describe("a producer", () => {
  it("is forgotten a day after it was last seen, not a day after its record's timestamp", async () => {
    const { log, clock } = await opened();
    write(log, 1);
    write(log, 2);
    expect(log.expireProducers(DAY)).toBe(0);
    clock.advance(DAY - 1);
    write(log, 2, 1);
    expect(log.expireProducers(DAY)).toBe(0);
    clock.advance(1);
    expect(log.expireProducers(DAY)).toBe(1);
    expect(idsIn(log)).toEqual([2]);
    await log.close();
  });

  it("is kept while its transaction is open, and a day from its end", async () => {
    const { log, clock } = await opened();
    write(log, 1, 0, true);
    clock.advance(3 * DAY);
    expect(log.expireProducers(DAY)).toBe(0);
    log.appendMarker(markerOf("commit", 1));
    clock.advance(3 * DAY);
    expect(log.expireProducers(DAY)).toBe(0);
    clock.advance(DAY);
    expect(log.expireProducers(DAY)).toBe(1);
    await log.close();
  });

  it("that wrote before the log was opened is silent since its segment was last written", async () => {
    const files = new MemoryFiles();
    const clock = new TestClock();
    const first = await openLog(files, { clock, config: { segmentBytes: 1 << 20 } });
    write(first.log, 1);
    await first.log.close();
    const path = "/t-0/00000000000000000000.log";
    const modified = files.stat(path)!.modifiedMs;
    clock.jump(modified - clock.now());
    clock.advance(HOUR);
    const { log } = await opened(files, clock);
    expect(log.expireProducers(DAY)).toBe(0);
    clock.advance(23 * HOUR - 1);
    expect(log.expireProducers(DAY)).toBe(0);
    clock.advance(1);
    expect(log.expireProducers(DAY)).toBe(1);
    await log.close();
  });

  it("that is forgotten is not in the next snapshot", async () => {
    const { log, clock, files } = await opened();
    write(log, 1);
    log.expireProducers(DAY);
    clock.advance(DAY);
    log.expireProducers(DAY);
    await log.close();
    const again = await opened(files, clock);
    expect(idsIn(again.log)).toEqual([]);
    await again.log.close();
  });
});
