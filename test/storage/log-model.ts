/**
 * What a log should be, as a plain array; and a log and its model side by side, driven by arbitrary operations.
 *
 * After each operation the log must say what the model says; after each reopen every index look-up must equal a scan.
 */
import * as fc from "fast-check";
import { expect } from "vitest";
import { hasCode } from "../../src/errors.ts";
import type { Clock } from "../../src/storage/clock.ts";
import type { Files } from "../../src/storage/files.ts";
import type { LogConfig } from "../../src/storage/log.ts";
import { TestClock } from "../../src/testing/clock.ts";
import { batchOf, type Opened, openLog, readAll, recordsOf } from "./partition.ts";

interface ModelRecord {
  offset: number;
  value: string;
  timestamp: number;
}

interface ModelBatch {
  baseOffset: number;
  endOffset: number;
  records: ModelRecord[];
  writtenMs: number;
}

export type Operation =
  | { do: "append"; sizes: number[]; timestamp: number; step: number }
  | { do: "roll" }
  | { do: "read"; at: number; budget: number; limit: number }
  | { do: "consume"; who: number; budget: number; rewind: number | undefined }
  | { do: "find"; at: number }
  | { do: "search"; timestamp: number }
  | { do: "truncate"; at: number }
  | { do: "restart"; by: number }
  | { do: "delete"; at: number }
  | { do: "retain"; ms: number; retentionMs: number; retentionBytes: number }
  | { do: "flush" }
  | { do: "reopen"; how: "clean" | "process" };

/** A place in the log, from its start to its end. */
const shares = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000);
const timestamps = fc.oneof(fc.nat(300), fc.integer({ min: -50, max: 50 }), fc.constant(1000));

/** Of values: small beside an index interval, about as large as a seek, larger than a chunk. */
const lengths = fc.oneof(
  { weight: 40, arbitrary: fc.nat(30) },
  { weight: 40, arbitrary: fc.nat(500) },
  { weight: 20, arbitrary: fc.nat(6000) },
  { weight: 1, arbitrary: fc.constant(300_000) },
);

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      sizes: fc.array(lengths, { minLength: 1, maxLength: 4 }),
      timestamp: timestamps,
      step: fc.integer({ min: -5, max: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("roll" as const) }) },
  {
    weight: 18,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      at: shares,
      budget: fc.oneof(fc.nat(400), fc.constant(1_000_000)),
      limit: shares,
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant("consume" as const),
      who: fc.nat(2),
      budget: fc.constantFrom(1, 10_000),
      rewind: fc.option(shares, { nil: undefined, freq: 6 }),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("find" as const), at: shares }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("search" as const), timestamp: timestamps }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("truncate" as const), at: shares }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), by: fc.integer({ min: -3, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), at: shares }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("retain" as const),
      ms: fc.nat(200),
      retentionMs: fc.constantFrom(-1, 50, 150),
      retentionBytes: fc.constantFrom(-1, 0, 1500),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("reopen" as const),
      how: fc.constantFrom("clean" as const, "process" as const),
    }),
  },
);

export class ModelledLog {
  readonly #files: Files;
  readonly #folder: string;
  readonly #clock = new TestClock({ now: 1000 });
  readonly #config: Partial<LogConfig>;
  #opened!: Opened;
  #batches: ModelBatch[] = [];
  #startOffset = 0;
  #endOffset = 0;
  #recoveryPoint = 0;
  #values = 0;
  /** Where some readers are that go on where they stopped. */
  readonly #positions = [0, 0, 0];

  constructor(files: (clock: Clock) => Files, folder: string, config: Partial<LogConfig> = {}) {
    this.#files = files(this.#clock);
    this.#folder = folder;
    this.#config = config;
  }

  async run(operations: readonly Operation[]): Promise<void> {
    await this.#open("clean");
    try {
      for (const operation of operations) {
        await this.#apply(operation);
        this.#compareBounds();
      }
      await this.#reopen("process");
      await this.#reopen("clean");
    } finally {
      this.#opened.log.closeNow();
    }
  }

  async #apply(operation: Operation): Promise<void> {
    const { log } = this.#opened;
    switch (operation.do) {
      case "append":
        return this.#append(operation);
      case "roll":
        return log.roll();
      case "read":
        return this.#read(operation);
      case "consume":
        return this.#consume(operation);
      case "find":
        return this.#find(this.#offsetAt(operation.at, this.#startOffset));
      case "search":
        return this.#search(operation.timestamp);
      case "truncate":
        return this.#truncate(this.#offsetAt(operation.at, 0));
      case "restart":
        return this.#restart(Math.max(0, this.#endOffset + operation.by));
      case "delete":
        return this.#delete(this.#offsetAt(operation.at, this.#startOffset));
      case "retain":
        return this.#retain(operation);
      case "flush":
        await log.flush();
        expect(log.durableOffset).toBe(log.endOffset);
        return;
      case "reopen":
        return this.#reopen(operation.how);
    }
  }

  #offsetAt(share: number, from: number): number {
    return from + Math.round(share * (this.#endOffset - from));
  }

  #append({ sizes, timestamp, step }: Operation & { do: "append" }): void {
    const records = sizes.map((size, i) => ({
      offset: this.#endOffset + i,
      value: `${this.#values++}:`.padEnd(size, "."),
      timestamp: timestamp + i * step,
    }));
    expect(this.#opened.log.append(batchOf(records))).toBe(this.#endOffset);
    const baseOffset = this.#endOffset;
    this.#endOffset += sizes.length;
    this.#batches.push({ baseOffset, endOffset: this.#endOffset, records, writtenMs: this.#clock.now() });
  }

  #read({ at, budget, limit }: Operation & { do: "read" }): void {
    this.#readFrom(this.#offsetAt(at, this.#startOffset), budget, this.#offsetAt(limit, this.#startOffset));
  }

  #consume({ who, budget, rewind }: Operation & { do: "consume" }): void {
    if (rewind !== undefined) this.#positions[who] = this.#offsetAt(rewind, this.#startOffset);
    const position = Math.min(Math.max(this.#positions[who], this.#startOffset), this.#endOffset);
    this.#positions[who] = this.#readFrom(position, budget, this.#endOffset);
  }

  /** Returns where to go on. */
  #readFrom(offset: number, budget: number, end: number): number {
    const batches = this.#opened.log.read(offset, budget, end);
    const first = this.#batches.findIndex((batch) => batch.endOffset > offset);
    if (offset >= end) {
      expect(batches).toEqual([]);
      return offset;
    }
    expect(batches.length).toBeGreaterThan(0);
    const expected = this.#batches.slice(first, first + batches.length);
    expect(batches.map(({ baseOffset, nextOffset }) => [baseOffset, nextOffset])).toEqual(
      expected.map(({ baseOffset, endOffset }) => [baseOffset, endOffset]),
    );
    for (const batch of batches) expect(batch.baseOffset).toBeLessThan(end);
    expect(batches.flatMap(recordsOf).map(({ value }) => value)).toEqual(
      expected.flatMap(({ records }) => records.map(({ value }) => value)),
    );
    return batches[batches.length - 1].nextOffset;
  }

  #find(offset: number): void {
    const found = this.#opened.log.find(offset);
    const holds = (batch: ModelBatch) => batch.baseOffset <= offset && offset < batch.endOffset;
    expect(found && recordsOf(found).map(({ offset, value }) => [offset, value])).toEqual(
      this.#batches.find(holds)?.records.map(({ offset, value }) => [offset, value]),
    );
  }

  #search(timestamp: number): void {
    const records = this.#batches.flatMap(({ records }) => records);
    const found = records.find((record) => record.offset >= this.#startOffset && record.timestamp >= timestamp);
    expect(this.#opened.log.offsetForTimestamp(timestamp)).toEqual(
      found && { offset: found.offset, timestamp: found.timestamp },
    );
  }

  #truncate(offset: number): void {
    const kept = this.#batches.filter((batch) => batch.endOffset <= offset);
    const floor = this.#batches[0]?.baseOffset ?? this.#endOffset;
    const end = offset >= this.#endOffset ? this.#endOffset : (kept.at(-1)?.endOffset ?? floor);
    expect(this.#opened.log.truncateTo(offset)).toBe(end);
    this.#batches = kept;
    this.#endOffset = end;
    this.#startOffset = Math.min(this.#startOffset, end);
    this.#recoveryPoint = Math.min(this.#recoveryPoint, end);
    this.#forgetDeleted();
  }

  #restart(offset: number): void {
    this.#opened.log.truncateFullyAndStartAt(offset);
    this.#batches = [];
    this.#startOffset = offset;
    this.#endOffset = offset;
    this.#recoveryPoint = Math.min(this.#recoveryPoint, offset);
  }

  #delete(offset: number): void {
    expect(this.#opened.log.deleteRecordsBefore(offset)).toBe(offset);
    this.#startOffset = offset;
    this.#forgetDeleted();
  }

  #retain({ ms, retentionMs, retentionBytes }: Operation & { do: "retain" }): void {
    const { log } = this.#opened;
    this.#clock.advance(ms);
    const { config } = log;
    const deadline = this.#clock.now() - retentionMs;
    log.updateConfig({ ...config, retentionMs, retentionBytes });
    log.retain();
    log.updateConfig(config);
    const gone = this.#batches.filter(
      (batch) => batch.endOffset <= log.startOffset && batch.endOffset > this.#startOffset,
    );
    expect(log.startOffset).toBeGreaterThanOrEqual(this.#startOffset);
    if (retentionMs < 0 && retentionBytes < 0) expect(gone).toEqual([]);
    if (retentionBytes < 0 && retentionMs >= 0) {
      for (const { records, writtenMs } of gone)
        for (const { timestamp } of records) expect(Math.min(timestamp, writtenMs)).toBeLessThan(deadline);
    }
    this.#startOffset = log.startOffset;
    this.#forgetDeleted();
  }

  /** Segments go as a whole: what the log still has of the batches before its start only it knows. */
  #forgetDeleted(): void {
    const first = this.#firstStored();
    this.#batches = this.#batches.filter((batch) => batch.baseOffset >= first);
  }

  #firstStored(): number {
    const names = this.#files.list(this.#folder) ?? [];
    return Number.parseInt(names.find((name) => name.endsWith(".log")) ?? "0", 10);
  }

  async #reopen(how: "clean" | "process"): Promise<void> {
    const { log } = this.#opened;
    this.#recoveryPoint = Math.max(this.#recoveryPoint, log.durableOffset);
    if (how === "clean") {
      await log.close();
      this.#recoveryPoint = this.#endOffset;
    } else log.closeNow();
    await this.#open(how);
    // What an earlier log start has left behind is deleted at the open.
    this.#forgetDeleted();
    this.#compareBounds();
    this.#compareAll();
  }

  async #open(how: "clean" | "process"): Promise<void> {
    this.#opened = await openLog(this.#files, {
      clock: this.#clock,
      folder: this.#folder,
      config: this.#config,
      lastClose: how,
      recoveryPoint: this.#recoveryPoint,
      startOffset: this.#startOffset,
    });
    const { events } = this.#opened;
    for (const event of events) expect(event).toMatchObject({ kind: "recovered", truncatedBytes: 0 });
  }

  #compareBounds(): void {
    const { log } = this.#opened;
    expect([log.startOffset, log.endOffset]).toEqual([this.#startOffset, this.#endOffset]);
    expect(log.lastStableOffset).toBe(log.endOffset);
    expect(log.durableOffset).toBeLessThanOrEqual(log.endOffset);
    expect(log.poisoned).toBeUndefined();
  }

  /** All of it, read in order; then each offset and each timestamp looked up by itself. */
  #compareAll(): void {
    const { log } = this.#opened;
    const kept = this.#batches.filter((batch) => batch.endOffset > this.#startOffset);
    const { records, damage } = readAll(log, 300);
    expect(damage).toEqual([]);
    const expected = kept.flatMap(({ records }) => records);
    expect(records.map(({ offset, value, timestamp }) => ({ offset, value, timestamp }))).toEqual(expected);
    for (const { baseOffset, endOffset } of kept) {
      for (let offset = Math.max(baseOffset, this.#startOffset); offset < endOffset; offset++) {
        expect(log.read(offset, 1, this.#endOffset)[0].baseOffset).toBe(baseOffset);
      }
    }
    for (const timestamp of [-60, ...expected.map(({ timestamp }) => timestamp), 2000]) this.#search(timestamp);
    expect(() => log.read(this.#endOffset + 1, 1, this.#endOffset)).toThrow();
    if (this.#startOffset > 0) {
      try {
        log.read(this.#startOffset - 1, 1, this.#endOffset);
        expect.unreachable("before the log start");
      } catch (error) {
        expect(hasCode(error, "VARVE_OFFSET_OUT_OF_RANGE")).toBe(true);
      }
    }
  }
}
