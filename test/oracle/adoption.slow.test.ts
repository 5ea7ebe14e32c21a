/** Partition folders placed in a stopped broker's data directory are served by it, record for record, and written on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adopt, type Subject } from "./adoption.ts";
import { type ConsumedRecord, KafkaBroker } from "./broker.ts";

const golden = join(import.meta.dirname, "../fixtures/golden");
const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8"));
const names = ["g-none-0", "g-zstd-0", "g-small-0", "g-txn-0"];
const subjects: Subject[] = names.map((name) => ({ topic: `adopted-${name}`, folder: join(golden, name) }));

describe("a broker that adopted folders of another broker", () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await KafkaBroker.start();
    await adopt(broker, subjects);
  });
  afterAll(() => broker?.remove());

  it("has their end offsets", async () => {
    const ends = await broker.endOffsets(subjects.map(({ topic }) => topic));
    for (const name of names) {
      expect(ends[`adopted-${name}-0`]).toBe(expected.read_uncommitted[name].endOffset);
    }
  });

  describe.each(["read_committed", "read_uncommitted"] as const)("at %s", (isolation) => {
    it.each(names)("serves %s record for record", async (name) => {
      const records = expectedRecords(name, isolation);
      const served = await broker.consume(`adopted-${name}`, { partition: 0, count: records.length, isolation });
      expect(served).toEqual(records);
    });
  });

  it("appends behind them", async () => {
    const { endOffset, records } = expected.read_committed["g-none-0"];
    await broker.produce("adopted-g-none-0", ["one more"]);
    const served = await broker.consume("adopted-g-none-0", { partition: 0, count: records.length + 1 });
    expect(served.at(-1)).toMatchObject({ offset: endOffset, value: Buffer.from("one more").toString("base64") });
  });
});

/** expected.json has the records once, and for read_committed the offsets of those that count. */
function expectedRecords(name: string, isolation: "read_committed" | "read_uncommitted"): ConsumedRecord[] {
  const committed = new Set<number>(expected.read_committed[name].records);
  const records: (ConsumedRecord & { ts: number; tsType: string })[] = expected.read_uncommitted[name].records;
  return records
    .filter(({ offset }) => isolation === "read_uncommitted" || committed.has(offset))
    .map(({ offset, ts: timestamp, tsType: timestampType, headers, key, value }) => ({
      partition: 0,
      offset,
      timestampType,
      timestamp,
      headers,
      key,
      value,
    }));
}
