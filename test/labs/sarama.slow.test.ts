/**
 * A lab in Go: everything that sarama can do, step by step, against one log. Its program is test/clients/go/lab; after each step the
 * log is looked at from within.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ENGINE } from "../../src/engine/engine.ts";
import { open, type VarveLog } from "../../src/index.ts";
import { type Listener, listen } from "../../src/wire/index.ts";
import { goDriver } from "../clients/commands.ts";
import { storedBatches } from "../clients/records.ts";

const STEP_MS = 60_000;

let log: VarveLog;
let listener: Listener;

beforeEach(async () => {
  log = await open(":memory:");
  listener = await listen(log, { port: 0 });
});
afterEach(() => log.close());

/** What the program has seen. */
// biome-ignore lint/suspicious/noExplicitAny: each step has an answer of its own
async function step(name: string): Promise<any> {
  const [program] = goDriver("lab");
  const { stdout } = await promisify(execFile)(program, [name, listener.address], { timeout: STEP_MS });
  return JSON.parse(stdout);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const sorted = (values: readonly unknown[]) => values.map(Number).sort((a, b) => a - b);

/** What a reader in this process finds that reads only what is committed. */
async function valuesOf(topic: string): Promise<number[]> {
  const values: Uint8Array[] = [];
  for (const { value } of await log.topic<Uint8Array>(topic).all()) values.push(value!);
  return values.map((value) => Number(Buffer.from(value)));
}

it("sarama's producers, consumers, group, idempotence, transactions, a compacted topic, and lag", async () => {
  expect(await step("topics")).toEqual({ orders: 3, invoices: 1, latest: 1 });
  expect(log.topic("latest").config.cleanupPolicy).toBe("compact");

  // Producers.
  const acknowledged = Object.entries<number>(await step("async"));
  const ends = await log.topic("orders").offsets("latest");
  expect(acknowledged.map(([partition, count]) => [Number(partition), count])).toEqual(
    ends.filter(({ offset }) => offset > 0).map(({ partition, offset }) => [partition, offset]),
  );
  const places = await step("sync");
  for (const [i, [partition, offset]] of places.entries()) {
    const record = await log.topic<Uint8Array>("orders").get(partition, offset);
    expect(Number(Buffer.from(record!.value!))).toBe(100 + i);
  }
  await step("idempotent");
  expect(sorted(await valuesOf("orders"))).toEqual(range(0, 160));
  const sequenced = (await storedBatches(log[ENGINE], "orders")).filter(({ batch }) => batch.producerId >= 0);
  expect(sequenced.reduce((sum, { batch }) => sum + batch.lastSequence - batch.baseSequence + 1, 0)).toBe(50);

  // Consumers.
  const ofPartition = await log.topic<Uint8Array>("orders").read({ partition: 0 });
  const own: number[] = [];
  for await (const { value } of ofPartition) own.push(Number(Buffer.from(value!)));
  expect((await step("partition")).map(Number)).toEqual(own);
  expect(sum(await step("lag"))).toBe(160);
  expect(sorted(await step("group"))).toEqual(range(0, 160));
  expect(await step("lag")).toEqual({ 0: 0, 1: 0, 2: 0 });
  expect((await log.group("billing").lag()).map(({ lag }) => lag)).toEqual([0, 0, 0]);

  // Transactions over two topics.
  await step("transactions");
  const committed = await step("committed");
  expect(sorted(committed.orders)).toEqual(range(0, 170));
  expect(sorted(committed.invoices)).toEqual(range(160, 170));
  expect(sorted(await valuesOf("orders"))).toEqual(range(0, 170));
  expect(sum(await step("lag"))).toBe(
    sum(Object.fromEntries((await log.group("billing").lag()).map(({ partition, lag }) => [partition, lag]))),
  );

  // A compacted topic.
  await step("updates");
  expect((await step("latest")).map(Number)).toEqual(range(0, 1000));
  await log.topic("latest").compact();
  expect((await step("latest")).map(Number)).toEqual(range(990, 1000));
  expect(await valuesOf("latest")).toEqual(range(990, 1000));
});

function sum(lags: Record<string, number>): number {
  return Object.values(lags).reduce((total, lag) => total + lag, 0);
}
