/** A session with Kafka's own command-line tools, from the first topic to the last group. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { type Listener, listen } from "../../src/wire/listener.ts";
import { runKafka } from "../oracle/kafka-tools.ts";
import { append, base64, numbered, recordsOf, storedBatches, textOf } from "./records.ts";

let engine: Engine;
let listener: Listener;

beforeEach(async () => {
  engine = await Engine.open(":memory:");
  listener = await listen(engine, { port: 0 });
});

afterEach(() => engine.close());

const TOPICS = "TopicCommand";
const GROUPS = "consumer.group.ConsumerGroupCommand";
const CONSUMER = "consumer.ConsoleConsumer";

/** What the tool prints, which must end well. */
async function tool(name: string, args: string[], input?: string): Promise<string> {
  const main = `org.apache.kafka.tools.${name}`;
  const run = await runKafka(["tool", main, "--bootstrap-server", listener.address, ...args], { HEAP: "192M" }, input);
  expect(run.code, `${name} ${args.join(" ")}: ${run.stdout}${run.stderr}`).toBe(0);
  return run.stdout;
}

it("kafka-topics creates, lists, describes, alters and deletes", async () => {
  await tool(TOPICS, ["--create", "--topic", "orders", "--partitions", "3", "--config", "retention.ms=60000"]);
  expect(engine.topic("orders").config.retentionMs).toBe(60_000);
  await engine.createTopic("other");
  expect((await tool(TOPICS, ["--list"])).trim().split("\n")).toEqual(["orders", "other"]);
  await tool(TOPICS, ["--alter", "--topic", "orders", "--partitions", "4"]);
  const lines = (await tool(TOPICS, ["--describe", "--topic", "orders"])).trim().split("\n");
  expect(lines[0]).toMatch(/PartitionCount: 4\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=60000/);
  expect(lines.slice(1).map((line) => /Partition: (\d)\s+Leader: 1\s+Replicas: 1\s+Isr: 1/.exec(line)?.[1])).toEqual([
    "0",
    "1",
    "2",
    "3",
  ]);
  await tool(TOPICS, ["--delete", "--topic", "orders"]);
  expect([...engine.topics.keys()]).not.toContain("orders");
});

it("kafka-configs describes and alters", async () => {
  await engine.createTopic("t");
  const entity = ["--entity-type", "topics", "--entity-name", "t"];
  const main = "kafka.admin.ConfigCommand";
  const at = ["--bootstrap-server", listener.address];
  const altered = await runKafka(["tool", main, ...at, ...entity, "--alter", "--add-config", "retention.ms=1000"]);
  expect(altered.code, altered.stderr).toBe(0);
  expect(engine.topic("t").config.retentionMs).toBe(1000);
  const { stdout } = await runKafka(["tool", main, ...at, ...entity, "--describe"]);
  expect(stdout).toContain("retention.ms=1000");
});

it("console-producer with keys, get-offsets, console-consumer by partition and offset, and a group", async () => {
  await engine.createTopic("t", { partitions: 2, codec: "bytes" });
  const input = Array.from({ length: 20 }, (_, i) => `key ${i}:value ${i}\n`).join("");
  const keys = ["--property", "parse.key=true", "--property", "key.separator=:"];
  await tool("ConsoleProducer", ["--topic", "t", ...keys], input);
  const stored = (await storedBatches(engine, "t")).flatMap(recordsOf);
  expect(stored.map(textOf).sort()).toEqual(Array.from({ length: 20 }, (_, i) => `value ${i}`).sort());
  for (const { key, value } of stored) expect(base64(textOf({ value }).replace("value", "key"))).toBe(key);

  const ends = engine.topic("t").partitions.map((partition) => partition!.endOffset);
  expect((await tool("GetOffsetShell", ["--topic", "t"])).trim().split("\n")).toEqual(
    ends.map((end, i) => `t:${i}:${end}`),
  );
  const earliest = await tool("GetOffsetShell", ["--topic", "t", "--time", "earliest"]);
  expect(earliest.trim().split("\n")).toEqual(["t:0:0", "t:1:0"]);

  const all = await tool(CONSUMER, ["--topic", "t", "--from-beginning", "--max-messages", "20"]);
  expect(all.trim().split("\n").sort()).toEqual(stored.map(textOf).sort());
  const some = ["--partition", "1", "--offset", "2", "--max-messages", String(ends[1] - 2)];
  const fromOffset = await tool(CONSUMER, ["--topic", "t", ...some]);
  const expected = stored.filter(({ partition, offset }) => partition === 1 && offset >= 2);
  expect(fromOffset.trim().split("\n")).toEqual(expected.map(textOf));

  await tool(CONSUMER, ["--topic", "t", "--group", "g", "--from-beginning", "--max-messages", "20"]);
  expect((await tool(GROUPS, ["--list"])).trim().split("\n")).toContain("g");
  const described = await tool(GROUPS, ["--describe", "--group", "g"]);
  for (const [i, end] of ends.entries()) {
    expect(described).toMatch(new RegExp(`^g\\s+t\\s+${i}\\s+${end}\\s+${end}\\s+0\\s`, "m"));
  }
  const reset = ["--reset-offsets", "--group", "g", "--topic", "t:0", "--to-earliest", "--execute"];
  await tool(GROUPS, reset);
  expect(engine.offsets.committed("g", "t", 0)?.offset).toBe(0);
  expect(engine.offsets.committed("g", "t", 1)?.offset).toBe(ends[1]);
  await tool(GROUPS, ["--delete", "--group", "g"]);
  const left = await engine.coordinator.listGroups();
  expect(left.map(({ groupId }) => groupId)).not.toContain("g");
});

it("producer-perf-test and consumer-perf-test", async () => {
  await engine.createTopic("t", { partitions: 2, codec: "bytes" });
  const producing = ["--topic", "t", "--num-records", "20000", "--record-size", "100", "--throughput", "-1"];
  const properties = ["--producer-props", `bootstrap.servers=${listener.address}`, "compression.type=lz4"];
  const main = "org.apache.kafka.tools.ProducerPerformance";
  const produced = await runKafka(["tool", main, ...producing, ...properties]);
  expect(produced.code, produced.stderr).toBe(0);
  expect(produced.stdout).toMatch(/20000 records sent/);
  const consumed = await tool("ConsumerPerformance", ["--topic", "t", "--messages", "20000"]);
  expect(Number(consumed.trim().split("\n").at(-1)!.split(", ")[4])).toBe(20_000);
});

it("kafka-transactions lists, describes, and finds none that hangs", async () => {
  await engine.createTopic("t");
  const producer = await engine.transactions.initProducerId("tx", 60_000);
  await engine.transactions.addPartitions("tx", producer, [{ topic: "t", partition: 0 }]);
  const { producerId, producerEpoch } = producer;
  await append(engine, "t", numbered(0, 3, 1), { ...producer, baseSequence: 0, isTransactional: true });
  const told = async (...args: string[]) => {
    const [head, ...rows] = (await tool("TransactionsCommand", args)).trim().split("\n");
    const names = head.split(/\s+/);
    return rows.map((row) =>
      Object.fromEntries(
        row
          .trim()
          .split(/\s+/)
          .map((cell, i) => [names[i], cell]),
      ),
    );
  };
  const [listed] = await told("list");
  expect(listed).toEqual({
    TransactionalId: "tx",
    Coordinator: "1",
    ProducerId: `${producerId}`,
    TransactionState: "Ongoing",
  });
  const [described] = await told("describe", "--transactional-id", "tx");
  expect(described).toMatchObject({
    ProducerEpoch: `${producerEpoch}`,
    TransactionState: "Ongoing",
    TopicPartitions: "t-0",
  });
  const [writer] = await told("describe-producers", "--topic", "t", "--partition", "0");
  expect(writer).toMatchObject({ ProducerId: `${producerId}`, LastSequence: "2", CurrentTransactionStartOffset: "0" });
  expect(await told("find-hanging", "--broker-id", "1")).toEqual([]);
  await engine.transactions.end("tx", producer, "abort");
  expect((await told("list"))[0].TransactionState).toBe("CompleteAbort");
});

it("broker-api-versions", async () => {
  const said = await tool("BrokerApiVersionsCommand", []);
  expect(said).toContain(`${listener.address} (id: 1`);
  expect(said).toMatch(/Produce\(0\): 0 to 11 \[usable: 11\]/);
  expect(said).toMatch(/JoinGroup\(11\): 0 to 9 \[usable: 9\]/);
});
