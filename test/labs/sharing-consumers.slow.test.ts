/**
 * A lab: 3 partitions, 100 JSON messages with keys. First two consumers of one group that take them one by one and share
 * the partitions; then two that take batches of up to 10 and commit by hand after each, killed in between.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Consumer, open } from "../../src/index.ts";
import { source, startChild } from "../child.ts";

interface Order {
  customer: string;
  number: number;
}

const ORDERS: Order[] = Array.from({ length: 100 }, (_, number) => ({ customer: `customer ${number % 7}`, number }));
const NUMBERS = ORDERS.map(({ number }) => number);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-lab-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Leaves the orders in the folder. */
async function placeOrders(): Promise<void> {
  const log = await open(folder);
  const orders = await log.createTopic<Order>("orders", { partitions: 3 });
  await log.producer().sendBatch(
    orders,
    ORDERS.map((order) => ({ key: order.customer, value: order })),
  );
  await log.close();
}

it("two consumers share the partitions, each message goes to one of them, in the order of its key", async () => {
  await placeOrders();
  const log = await open(folder);
  const consumers = [0, 1].map(() => log.consumer<Order>({ topics: ["orders"], group: "single" }));
  await expect.poll(() => consumers.map(({ assignment }) => assignment.length).sort()).toEqual([1, 2]);
  const handled: Order[] = [];
  const handle = async (consumer: Consumer<Order>) => {
    for await (const { key, value } of consumer) {
      expect(key).toBe(value!.customer);
      handled.push(value!);
    }
  };
  const handling = consumers.map(handle);
  await expect.poll(() => handled.length).toBe(ORDERS.length);
  expect(handled.map(({ number }) => number).sort((a, b) => a - b)).toEqual(NUMBERS);
  for (const customer of new Set(ORDERS.map((order) => order.customer))) {
    const own = handled.filter((order) => order.customer === customer);
    expect(own).toEqual(ORDERS.filter((order) => order.customer === customer));
  }
  await Promise.all(consumers.map((consumer) => consumer.close()));
  await Promise.all(handling);
  expect((await log.group("single").lag()).every(({ lag }) => lag === 0)).toBe(true);
  await log.close();
});

/** Two consumers of batches. Tells what a batch had before and after committing it. */
const batchConsumers = `
  import { open } from "${source("index.ts")}";
  const log = await open(process.argv[2]);
  const consume = async () => {
    const consumer = log.consumer({ topics: ["orders"], group: "batches", autoCommit: false });
    for await (const batch of consumer.batches({ maxRecords: 10 })) {
      const numbers = [...batch].map(({ value }) => value.number);
      await new Promise((resolve) => process.send({ handled: numbers }, resolve));
      await batch.commit();
      await new Promise((resolve) => process.send({ committed: numbers }, resolve));
    }
  };
  consume();
  consume();
`;

interface Told {
  handled?: number[];
  committed?: number[];
}

it("consumers of batches that commit by hand are killed and started again, and lose nothing", async () => {
  await placeOrders();
  const handled = new Set<number>();
  const committed = new Set<number>();
  const note = (told: Told) => {
    for (const number of told.handled ?? []) {
      expect(committed).not.toContain(number);
      handled.add(number);
    }
    for (const number of told.committed ?? []) committed.add(number);
    expect((told.handled ?? []).length).toBeLessThanOrEqual(10);
  };
  for (const enough of [30, 100]) {
    const child = startChild(batchConsumers, [folder]);
    while (handled.size < enough) note(await child.next<Told>());
    await child.kill();
    // What it had said before it was killed.
    for (;;) {
      const told = await child.next<Told>().catch(() => undefined);
      if (told === undefined) break;
      note(told);
    }
  }
  expect([...handled].sort((a, b) => a - b)).toEqual(NUMBERS);
});
