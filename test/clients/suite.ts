/**
 * What every client must be able to do with a listener, run against each of them: `testClient(client)` in a file of its own.
 * The results are the client's row in docs/clients.md (table.ts).
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ENGINE, type Engine } from "../../src/engine/engine.ts";
import type { Compression } from "../../src/format/compression.ts";
import { open, type VarveLog } from "../../src/index.ts";
import { type Listener, listen } from "../../src/wire/index.ts";
import { JAVA } from "./commands.ts";
import { type Commands, Driver, type DriverRecord } from "./driver.ts";
import { assigned, isCommitted } from "./groups.ts";
import {
  append,
  byPartition,
  eventually,
  type NewRecord,
  numbered,
  recordsOf,
  storedBatches,
  textOf,
  variedRecords,
} from "./records.ts";
import { checkRow } from "./table.ts";

export interface Client {
  /** As in the table: with the version that is tested. */
  name: string;
  /** The driver program; the server's address is added. */
  command: string[];
  env?: Record<string, string>;
  /** What it compresses with, besides nothing. */
  codecs: Compression[];
  /** Commands that the client itself has nothing for. */
  lacks?: readonly (keyof Commands)[];
  /** Codecs of which it reads only what it writes itself. */
  ownCodecs?: readonly Compression[];
  /** After a rebalance it still handles what a fetch in flight brings of partitions that it has lost. */
  handlesLostPartitions?: boolean;
  /** A new producer of its is fenced where the transactional id is somebody's already. */
  cannotTakeOver?: boolean;
  /** Of the aborted transactions of a producer in one fetch it knows the last only, and shows the others. */
  forgetsAborted?: boolean;
  /** It has no idempotent producer. */
  isNeverIdempotent?: boolean;
  /** A record as this client can send it, where it cannot send all that there is. */
  sendable?: (record: NewRecord) => NewRecord;
  /** A record as this client shows what was sent. */
  shown?: (record: DriverRecord) => DriverRecord;
}

const PARTITIONS = 3;
const TRANSACTION: readonly (keyof Commands)[] = ["begin", "end", "transform"];

let log: VarveLog;
let engine: Engine;
let listener: Listener;
const drivers: Driver[] = [];

export function testClient(client: Client): void {
  describe(client.name, () => {
    beforeEach(async () => {
      log = await open(":memory:");
      engine = log[ENGINE];
      listener = await listen(log, { port: 0 });
    });

    afterEach(async () => {
      await Promise.all(drivers.splice(0).map((driver) => driver.close()));
      await log.close();
    });

    const done: string[] = [];
    const covers = (feature: string, test: () => Promise<void>) => async () => {
      await test();
      done.push(feature);
    };
    const has = (command: keyof Commands) => !client.lacks?.includes(command);
    const start = (command = client.command, env = client.env) => {
      const driver = new Driver(command, listener.address, env);
      drivers.push(driver);
      return driver;
    };

    describe.skipIf(!has("produce"))("produces", () => {
      const sent = variedRecords(PARTITIONS).map((record) => client.sendable?.(record) ?? record);

      it.each<Compression>(["none", ...client.codecs])(
        "with codec %s, and what is stored is what was sent",
        async (codec) => {
          await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
          const sentAt = Date.now();
          await start().call("produce", { topic: "t", codec, idempotent: false, records: sent });
          const batches = await storedBatches(engine, "t");
          // librdkafka leaves batches alone that compression would make larger.
          expect(batches.map(({ batch }) => batch.compression)).toContain(codec);
          expectSame(batches.flatMap(recordsOf), sent, sentAt);
          done.push(codec);
        },
      );

      it.skipIf(client.isNeverIdempotent)(
        "as an idempotent producer",
        covers("idempotent", async () => {
          await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
          const sentAt = Date.now();
          await start().call("produce", { topic: "t", codec: "none", idempotent: true, records: sent });
          const batches = await storedBatches(engine, "t");
          const sequences = new Map<string, number>();
          for (const { partition, batch } of batches) {
            expect(batch.producerId).toBeGreaterThanOrEqual(0);
            const of = `${batch.producerId} ${partition}`;
            expect(batch.baseSequence).toBe(sequences.get(of) ?? 0);
            sequences.set(of, batch.lastSequence + 1);
          }
          expectSame(batches.flatMap(recordsOf), sent, sentAt);
        }),
      );
    });

    it
      .skipIf(!has("consume"))
      .each<Compression>([
        "none",
        ...client.codecs.filter((codec) => codec !== "zstd" && !client.ownCodecs?.includes(codec)),
      ])("consumes what was stored with codec %s", async (codec) => {
      await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
      const stored = variedRecords(PARTITIONS);
      await append(engine, "t", stored, { compression: codec });
      const read = await start().call("consume", {
        topic: "t",
        partitions: PARTITIONS,
        count: stored.length,
        committed: false,
      });
      const expected = (await storedBatches(engine, "t")).flatMap(recordsOf);
      expect(byPartition(read as DriverRecord[])).toEqual(expected.map((record) => client.shown?.(record) ?? record));
      if (codec === "none") done.push("consume");
    });

    it.skipIf(!(has("produce") && has("consume")))(
      "consumes what it has produced, however it was compressed",
      async () => {
        const driver = start();
        await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
        const records = variedRecords(PARTITIONS).map((record) => client.sendable?.(record) ?? record);
        const codecs: Compression[] = ["none", ...client.codecs];
        for (const codec of codecs) await driver.call("produce", { topic: "t", codec, idempotent: false, records });
        const count = records.length * codecs.length;
        const read = await driver.call("consume", { topic: "t", partitions: PARTITIONS, count, committed: false });
        const expected = (await storedBatches(engine, "t")).flatMap(recordsOf);
        expect(expected).toHaveLength(count);
        expect(byPartition(read as DriverRecord[])).toEqual(expected.map((record) => client.shown?.(record) ?? record));
      },
    );

    it.skipIf(!has("join"))(
      "shares a topic in a group, and takes over from a member that leaves",
      covers("group", async () => {
        await engine.createTopic("t", { partitions: 4, codec: "bytes" });
        const [first, second] = [start(), start()];
        await first.call("join", { topic: "t", group: "g" });
        await eventually("the first member has all partitions", () => assigned(engine, "g").then(([n]) => n === 4));
        await second.call("join", { topic: "t", group: "g" });
        await eventually("the two share", async () => String(await assigned(engine, "g")) === "2,2");
        await append(engine, "t", numbered(0, 40, 4));
        await handled([first, second], 0, 40, client.handlesLostPartitions);
        if (!client.handlesLostPartitions) expect(first.handled).toHaveLength(20);
        await first.call("leave", {});
        const { length: handledByFirst } = first.handled;
        await eventually("the second has them all", async () => String(await assigned(engine, "g")) === "4");
        await append(engine, "t", numbered(40, 40, 4));
        await handled([second], 40, 80, client.handlesLostPartitions);
        expect(first.handled).toHaveLength(handledByFirst);
        await eventually("all is committed", () => isCommitted(engine, "g", "t", 20));
      }),
    );

    it.skipIf(!has("join"))(
      "takes over from a member that dies, and loses nothing",
      covers("takeover", async () => {
        await engine.createTopic("t", { partitions: 4, codec: "bytes" });
        const [first, second] = [start(), start()];
        await first.call("join", { topic: "t", group: "g" });
        await second.call("join", { topic: "t", group: "g" });
        await eventually("the two share", async () => String(await assigned(engine, "g")) === "2,2");
        await append(engine, "t", numbered(0, 20, 4));
        await handled([first, second], 0, 20, client.handlesLostPartitions);
        await eventually("all is committed", () => isCommitted(engine, "g", "t", 5));
        await first.kill();
        await append(engine, "t", numbered(20, 20, 4));
        await handled([second], 20, 40, client.handlesLostPartitions);
      }),
    );

    describe.skipIf(TRANSACTION.some((command) => !has(command)))("has transactions", () => {
      const begin = async (driver: Driver, transactionalId: string, records: NewRecord[]) => {
        await driver.call("begin", { transactionalId, topic: "t", records });
      };
      const transact = async (driver: Driver, records: NewRecord[], commit: boolean) => {
        await begin(driver, "tx", records);
        await driver.call("end", { commit });
      };
      /** What the client itself, the Java client and a consumer of this process read, where all that counts is what is committed. */
      const expectCommitted = async (topic: string, expected: number[]) => {
        const reading = {
          topic,
          partitions: engine.topic(topic).partitionCount,
          count: expected.length,
          committed: true,
        };
        const own = client.forgetsAborted ? [] : [start()];
        const java = client.command === JAVA ? [] : [start(JAVA, {})];
        for (const driver of [...own, ...java]) {
          expect(sorted((await driver.call("consume", reading)) as DriverRecord[])).toEqual(expected);
        }
        const ours: number[] = [];
        for await (const { value } of log.consumer<Uint8Array>({ topics: [topic], until: "end" })) {
          ours.push(Number(Buffer.from(value!)));
        }
        expect(ours.sort((a, b) => a - b)).toEqual(expected);
      };

      it(
        "which it commits, and aborts",
        covers("transactions", async () => {
          await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
          const driver = start();
          await transact(driver, numbered(0, 6, PARTITIONS), false);
          await transact(driver, numbered(6, 6, PARTITIONS), true);
          await transact(driver, numbered(12, 6, PARTITIONS), false);
          await transact(driver, numbered(18, 6, PARTITIONS), true);
          await expectCommitted("t", [...range(6, 12), ...range(18, 24)]);
          for (const { partition, batch } of await storedBatches(engine, "t")) {
            expect([partition, batch.isTransactional]).toEqual([partition, true]);
          }
          expect(engine.transactions.describe("tx")).toMatchObject({ state: "CompleteCommit", topics: [] });
        }),
      );

      it(
        "which others take over, and then it is fenced",
        covers("fenced", async () => {
          await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
          const [old, young] = [start(), client.cannotTakeOver ? start(JAVA, {}) : start()];
          await begin(old, "tx", numbered(0, 6, PARTITIONS));
          expect(engine.topic("t").partition(0).lastStableOffset).toBe(0);
          await begin(young, "tx", numbered(6, 6, PARTITIONS));
          await expect(old.call("end", { commit: true })).rejects.toThrow();
          await young.call("end", { commit: true });
          await expectCommitted("t", range(6, 12));
        }),
      );

      it(
        "with the offsets of a group: what it makes of a record is there once",
        covers("offsets in transactions", async () => {
          await engine.createTopic("t", { partitions: 1, codec: "bytes" });
          await engine.createTopic("made", { partitions: 1, codec: "bytes" });
          await append(engine, "t", numbered(0, 10, 1));
          const driver = start();
          const transform = async (count: number, commit: boolean) => {
            await driver.call("transform", {
              transactionalId: "tx",
              topic: "t",
              group: "g",
              to: "made",
              count,
              commit,
            });
          };
          const committed = () => engine.offsets.committed("g", "t", 0)?.offset;
          await transform(4, false);
          expect(committed()).toBeUndefined();
          await transform(6, true);
          expect(committed()).toBe(6);
          await transform(3, false);
          expect(committed()).toBe(6);
          await transform(4, true);
          expect(committed()).toBe(10);
          await expectCommitted("made", range(0, 10));
        }),
      );
    });

    it.skipIf(!has("createTopic"))(
      "administers topics",
      covers("topics", async () => {
        await engine.createTopic("other");
        const driver = start();
        await driver.call("createTopic", { topic: "made", partitions: 2, configs: { "retention.ms": "60000" } });
        expect(engine.topic("made").partitionCount).toBe(2);
        expect(engine.topic("made").config.retentionMs).toBe(60_000);
        if (has("listTopics"))
          expect((await driver.call("listTopics", {})) as string[]).toEqual(expect.arrayContaining(["made", "other"]));
        if (has("describeTopic")) expect(await driver.call("describeTopic", { topic: "made" })).toBe(2);
        if (has("addPartitions")) {
          await driver.call("addPartitions", { topic: "made", count: 5 });
          expect(engine.topic("made").partitionCount).toBe(5);
        }
        await driver.call("deleteTopic", { topic: "made" });
        expect([...engine.topics.keys()]).not.toContain("made");
        expect(engine.topics.has("other")).toBe(true);
      }),
    );

    it.skipIf(!has("createTopic"))("is told that a topic is there already", async () => {
      await engine.createTopic("t", { partitions: 1 });
      const creating = start().call("createTopic", { topic: "t", partitions: 3, configs: {} });
      await creating.catch((error) => expect(String(error)).toMatch(/exist|36|false/i));
      expect(engine.topic("t").partitionCount).toBe(1);
    });

    it.skipIf(!has("describeConfigs"))(
      "administers the configuration of topics",
      covers("configs", async () => {
        const driver = start();
        await engine.createTopic("t", { retentionMs: 60_000 });
        const configs = await driver.call("describeConfigs", { topic: "t" });
        expect(configs).toMatchObject({ "retention.ms": "60000", "cleanup.policy": "delete" });
        if (!has("alterConfigs")) return;
        await driver.call("alterConfigs", { topic: "t", configs: { "retention.ms": "120000" } });
        expect(engine.topic("t").config.retentionMs).toBe(120_000);
      }),
    );

    it.skipIf(!has("listGroups") || !has("join"))(
      "administers groups",
      covers("groups", async () => {
        const [driver, member] = [start(), start()];
        await engine.createTopic("t", { partitions: 2 });
        await member.call("join", { topic: "t", group: "g" });
        await eventually("the member has its partitions", async () => String(await assigned(engine, "g")) === "2");
        await append(engine, "t", numbered(0, 4, 2));
        await eventually("it has committed", () => isCommitted(engine, "g", "t", 2));
        expect(await driver.call("listGroups", {})).toContain("g");
        if (has("describeGroup"))
          expect(await driver.call("describeGroup", { group: "g" })).toEqual({ state: "Stable", members: 1 });
        await member.call("leave", {});
        await eventually("the member has left", async () => (await assigned(engine, "g")).length === 0);
        if (has("describeGroup"))
          expect(await driver.call("describeGroup", { group: "g" })).toEqual({ state: "Empty", members: 0 });
        if (!has("deleteGroup")) return;
        await driver.call("deleteGroup", { group: "g" });
        expect(await engine.coordinator.listGroups()).toEqual([]);
      }),
    );

    it("is described as it was seen", () => checkRow(client, done));
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Of `numbered`. */
function sorted(records: readonly DriverRecord[]): number[] {
  return records.map((record) => Number(textOf(record))).sort((a, b) => a - b);
}

/** Each partition's records in their order. Clients that set no time send the time at which they send. */
function expectSame(stored: readonly DriverRecord[], sent: readonly NewRecord[], sentAt: number): void {
  const withoutOffset = stored.map(({ offset: _, timestamp, ...record }) => ({ ...record, timestamp }));
  const expected = byPartition(sent).map((record, i) => {
    if (record.timestamp >= 0) return record;
    expect(stored[i].timestamp).toBeGreaterThanOrEqual(sentAt - 1000);
    return { ...record, timestamp: stored[i].timestamp };
  });
  expect(withoutOffset).toEqual(expected);
}

/** Waits until the records from `from` up to `to` were handled; no other, and none twice unless that is said. */
async function handled(members: readonly Driver[], from: number, to: number, mayRepeat = false): Promise<void> {
  const seen = () => {
    const numbers = members.flatMap((driver) => driver.handled.map((record) => Number(textOf(record))));
    const inRange = numbers.filter((number) => number >= from).sort((a, b) => a - b);
    return mayRepeat ? [...new Set(inRange)] : inRange;
  };
  await eventually(`the records ${from} to ${to} are handled`, () => seen().length >= to - from);
  expect(seen()).toEqual(range(from, to));
}
