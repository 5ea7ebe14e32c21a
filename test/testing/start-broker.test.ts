/** `startBroker`, as the tests of an application use it, with kafkajs as their client. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { describe, expect, it } from "vitest";
import { startBroker, type TestBroker, TestClock } from "../../src/testing/index.ts";

const kafkaOf = ({ address }: TestBroker) => new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });

async function producerOf(broker: TestBroker): Promise<Producer> {
  const producer = kafkaOf(broker).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return producer;
}

describe("startBroker", () => {
  it("clients and the log see the same records, and caughtUp waits for a group of either", async () => {
    const broker = await startBroker({ failOnLeaks: true });
    const producer = await producerOf(broker);
    await producer.send({ topic: "orders", messages: [{ value: "1" }, { value: "2" }] });
    const orders = broker.log.topic<Uint8Array>("orders");
    expect((await orders.all()).map(({ value }) => String(Buffer.from(value!)))).toEqual(["1", "2"]);

    const consumer = kafkaOf(broker).consumer({ groupId: "billing", heartbeatInterval: 100, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: ["orders"], fromBeginning: true });
    const seen: string[] = [];
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
    await orders.send({ value: Buffer.from("3") });
    await broker.caughtUp("billing");
    expect(seen).toEqual(["1", "2", "3"]);

    const inProcess = broker.log.group("audit").run({ topics: ["orders"], until: "end", each: () => {} });
    await broker.caughtUp("audit", ["orders"]);
    await inProcess;
    await Promise.all([producer.disconnect(), consumer.disconnect()]);
    await broker.close();
    expect(broker.leaks().text).toBe("nothing was left open");
  });

  it("keeps its log in a folder, if asked", async () => {
    const dir = mkdtempSync(join(tmpdir(), "varve-broker-"));
    const first = await startBroker({ dir });
    await (await first.log.createTopic("t")).send({ value: 1 });
    await first.close();
    const second = await startBroker({ dir });
    expect((await second.log.topic("t").all())[0].value).toBe(1);
    await second.close();
    rmSync(dir, { recursive: true });
  });

  it("runs on the clock of the test", async () => {
    const clock = new TestClock({ now: 42 });
    const broker = await startBroker({ clock });
    const topic = await broker.log.createTopic<number>("t");
    expect((await topic.send({ value: 1 })).timestamp).toBe(42);
    await broker.close();
    expect(broker.leaks()).toMatchObject({ isClean: true, timers: 0 });
  });

  it("fails on demand", async () => {
    const broker = await startBroker();
    const producer = await producerOf(broker);
    await producer.send({ topic: "t", messages: [{ value: "1" }] });
    broker.faults.fail({ on: "write", path: /\.log$/, code: "VARVE_NO_SPACE" });
    await producer.send({ topic: "t", messages: [{ value: "2" }] });
    expect(broker.faults.counts.write).toBeGreaterThan(2);
    expect(await broker.log.topic("t").offsets("latest")).toMatchObject([{ offset: 2 }]);
    await producer.disconnect();
    await broker.close();
  });

  it("tells what was left open", async () => {
    const broker = await startBroker({ failOnLeaks: true });
    const producer = await producerOf(broker);
    await producer.send({ topic: "orders", messages: [{ value: "1" }] });
    broker.log.consumer({ topics: ["orders"], group: "g" });
    await expect(broker.close()).rejects.toThrow(/left open: a consumer of orders in the group g; \w+ connections?/);
    expect(broker.leaks().isClean).toBe(false);
    await producer.disconnect();
  });

  it("takes the options of listen, and refuses others", async () => {
    const broker = await startBroker({ autoCreateTopics: false });
    const producer = kafkaOf(broker).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { retries: 0 },
    });
    await producer.connect();
    await expect(producer.send({ topic: "t", messages: [{ value: "1" }] })).rejects.toThrow("does not host");
    await producer.disconnect();
    await broker.close();
    await expect(startBroker({ ports: 0 } as never)).rejects.toMatchObject({ code: "VARVE_INVALID_OPTION" });
  });
});
