/** One group of three: a consumer of this process, kcat, and the Java client. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { ENGINE, type Engine } from "../../src/engine/engine.ts";
import { type Consumer, open, type VarveLog } from "../../src/index.ts";
import { type Listener, listen } from "../../src/wire/index.ts";
import { JAVA, KCAT } from "./commands.ts";
import { Driver } from "./driver.ts";
import { assigned, isCommitted } from "./groups.ts";
import { append, eventually, numbered, textOf } from "./records.ts";

const PARTITIONS = 6;
const RECORDS = 60;

let log: VarveLog;
let engine: Engine;
let listener: Listener;
let inside: Inside;
let kcat: Driver;
let java: Driver;

beforeEach(async () => {
  log = await open(":memory:");
  engine = log[ENGINE];
  listener = await listen(log, { port: 0 });
  await engine.createTopic("t", { partitions: PARTITIONS, codec: "bytes" });
  inside = new Inside();
  kcat = new Driver(KCAT, listener.address);
  java = new Driver(JAVA, listener.address);
});

afterEach(async () => {
  await Promise.all([kcat.close(), java.close()]);
  await log.close();
  await inside.reading;
});

/** The member of this process. */
class Inside {
  readonly handled: string[] = [];
  readonly consumer: Consumer<Uint8Array>;
  readonly reading: Promise<void>;

  constructor() {
    this.consumer = log.consumer<Uint8Array>({ topics: ["t"], group: "g" });
    this.reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const { value } of this.consumer) this.handled.push(Buffer.from(value!).toString());
  }

  kill(): Promise<void> {
    return this.consumer.close();
  }
}

const handled = () => [...inside.handled, ...kcat.handled.map(textOf), ...java.handled.map(textOf)].map(Number);

/** Each record was handled, and none twice. */
async function expectHandled(count: number): Promise<void> {
  await eventually(`${count} records are handled`, () => handled().length >= count);
  expect(handled().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
}

it.each([
  ["the consumer of this process", () => inside],
  ["kcat", () => kcat],
  ["the Java client", () => java],
])("shares a topic, and takes over from %s", async (_, leaver) => {
  await Promise.all([kcat.call("join", { topic: "t", group: "g" }), java.call("join", { topic: "t", group: "g" })]);
  await eventually("all three share", async () => String(await assigned(engine, "g")) === "2,2,2");
  await append(engine, "t", numbered(0, RECORDS, PARTITIONS));
  await expectHandled(RECORDS);
  expect([inside.handled, kcat.handled, java.handled].map(({ length }) => length)).toEqual([20, 20, 20]);
  await eventually("all is committed", () => isCommitted(engine, "g", "t", RECORDS / PARTITIONS));

  await leaver().kill();
  await append(engine, "t", numbered(RECORDS, RECORDS, PARTITIONS));
  await expectHandled(2 * RECORDS);
  expect(leaver().handled).toHaveLength(20);
  await eventually("two share", async () => String(await assigned(engine, "g")) === "3,3");
});
