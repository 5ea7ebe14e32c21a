/**
 * A lab: a whole session on the command line, with Kafka's own tools and with ours, on one data directory. Kafka's reach it
 * while `varve serve` runs; of ours, those that only look may run beside it. Both must see the same log throughout.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Result, varve } from "../cli/running.ts";
import { eventually } from "../clients/records.ts";
import { runKafka } from "../oracle/kafka-tools.ts";

let dir: string;
let address: string;
let stopServing = async () => {};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "varve-lab-"));
});
afterEach(async () => {
  await stopServing();
  rmSync(dir, { recursive: true });
});

/** One of our commands, which must end well. */
async function ours(words: string, stdin = ""): Promise<Result> {
  const result = await varve(["--dir", dir, ...words.split(" ")], { stdin });
  expect(result.code, `varve ${words}: ${result.stderr}`).toBe(0);
  return result;
}

/** What one of ours says as objects. */
async function objectsOf(words: string, stdin = "") {
  return (await ours(`--json ${words}`, stdin)).objects();
}

async function serve(): Promise<void> {
  const ending = new AbortController();
  let ended!: Promise<Result>;
  const started = new Promise<string>((resolve) => {
    const onStdout = (text: string) => void resolve(text);
    ended = varve(["--dir", dir, "--json", "serve", "--listen", "127.0.0.1:0"], { signal: ending.signal, onStdout });
  });
  address = JSON.parse(await started).address;
  stopServing = async () => {
    stopServing = async () => {};
    ending.abort();
    expect((await ended).code).toBe(0);
  };
}

/** What one of Kafka's tools prints, which must end well. */
async function kafkas(words: string, stdin = ""): Promise<string> {
  const [name, ...args] = words.split(" ");
  const command = ["tool", `org.apache.kafka.tools.${name}`, "--bootstrap-server", address, ...args];
  const run = await runKafka(command, { HEAP: "128M" }, stdin);
  expect(run.code, `${words}: ${run.stdout}${run.stderr}`).toBe(0);
  return run.stdout.trim();
}

const linesOf = (text: string) => (text.trim() === "" ? [] : text.trim().split("\n"));
const orders = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ key: `customer ${(from + i) % 7}`, value: `order ${from + i}` }));
const asLines = (records: { key: string; value: string }[]) =>
  records.map(({ key, value }) => `${key}:${value}\n`).join("");
const valuesOf = (records: { value: string }[]) => records.map(({ value }) => value).sort();

const READ = "consume orders --from-beginning --until end";
const PRODUCE = "ConsoleProducer --topic orders --property parse.key=true --property key.separator=:";
const GROUP = "consumer.group.ConsumerGroupCommand --group desk";

/** "topic:partition:end" of each, as Kafka's tool prints it; ours say the same. */
async function expectSameEnds(): Promise<number[]> {
  const ends = (await objectsOf("offsets orders")).map(({ latest }) => latest as number);
  expect(linesOf(await kafkas("GetOffsetShell --topic orders"))).toEqual(ends.map((end, i) => `orders:${i}:${end}`));
  return ends;
}

/** What the group has committed and how far it lags, as both say. */
async function expectSameGroup(lag: number): Promise<number[]> {
  const [{ offsets }] = await objectsOf("groups describe desk");
  const rows = linesOf(await kafkas(`${GROUP} --describe`)).filter((line) => line.startsWith("desk "));
  const theirs = rows.map((row) => row.split(/\s+/).slice(2, 6).map(Number));
  const said = offsets.map(({ partition, committed, end, lag }: Record<string, number>) => [
    partition,
    committed,
    end,
    lag,
  ]);
  expect(theirs.sort((a, b) => a[0] - b[0])).toEqual(said);
  expect(said.reduce((sum: number, row: number[]) => sum + row[3], 0)).toBe(lag);
  return said.map((row: number[]) => row[1]);
}

it("topics, offsets, partitions, several consumers: both see the same log from beginning to end", async () => {
  // A topic of ours, as Kafka's tools see it.
  await ours("topics create orders --partitions 3 --config retention.ms=86400000");
  await serve();
  expect(linesOf(await kafkas("TopicCommand --list"))).toContain("orders");
  const described = await kafkas("TopicCommand --describe --topic orders");
  expect(described).toMatch(/PartitionCount: 3\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=86400000/);

  // Two of Kafka's consumers share it, while Kafka's producer writes.
  const consumer = "consumer.ConsoleConsumer --topic orders --group desk --from-beginning --timeout-ms 10000";
  const consumers = [kafkas(consumer), kafkas(consumer)];
  const members = async () => {
    // Before anybody has joined there is no such group.
    if (!(await objectsOf("groups list")).some(({ name }) => name === "desk")) return 0;
    const [{ state, members }] = await objectsOf("groups describe desk");
    return state === "Stable" ? (members as unknown[]).length : 0;
  };
  await eventually("both have joined", async () => (await members()) === 2);
  await kafkas(PRODUCE, asLines(orders(0, 30)));
  const shares = (await Promise.all(consumers)).map(linesOf);
  expect(shares.flat().sort()).toEqual(valuesOf(orders(0, 30)));
  for (const share of shares) expect(share.length).toBeGreaterThan(0);
  expect(valuesOf((await objectsOf(READ)) as { value: string }[])).toEqual(valuesOf(orders(0, 30)));
  await expectSameEnds();
  await expectSameGroup(0);

  // Our producer takes the same partition for the same key.
  await stopServing();
  const stored = await objectsOf("produce orders --key-separator :", asLines(orders(30, 60)));
  expect(stored).toHaveLength(30);
  const all = (await objectsOf(READ)) as { key: string; value: string; partition: number; offset: number }[];
  expect(valuesOf(all)).toEqual(valuesOf(orders(0, 60)));
  for (const { key, partition } of all) {
    expect(all.filter((other) => other.key === key && other.partition !== partition)).toEqual([]);
  }

  // Our consumers go on where Kafka's have stopped; one after the other, since each has the directory to itself.
  const first = linesOf((await ours("consume orders --group desk --max 12")).stdout);
  const rest = linesOf((await ours("consume orders --group desk --until end")).stdout);
  expect(first).toHaveLength(12);
  expect([...first, ...rest].sort()).toEqual(valuesOf(orders(30, 60)));

  // Offsets and partitions, seen by both.
  await serve();
  const ends = await expectSameEnds();
  expect(await expectSameGroup(0)).toEqual(ends);
  const at = ends[1] - 5;
  const five = (await ours(`consume orders --partition 1 --offset ${at} --until end`)).stdout;
  expect(linesOf(five)).toEqual(
    linesOf(await kafkas(`consumer.ConsoleConsumer --topic orders --partition 1 --offset ${at} --max-messages 5`)),
  );
  expect(linesOf(five)).toEqual(
    all.filter(({ partition, offset }) => partition === 1 && offset >= at).map(({ value }) => value),
  );

  // Each side resets the group, and the other one sees it.
  await kafkas(`${GROUP} --topic orders --reset-offsets --shift-by -2 --execute`);
  expect(await expectSameGroup(6)).toEqual(ends.map((end) => end - 2));
  await stopServing();
  expect((await objectsOf("groups list")).map(({ name }) => name)).toEqual(["desk"]);
  await ours("groups reset desk --to-earliest");
  await ours("topics alter orders --partitions 4 --config retention.ms=3600000");
  await serve();
  expect(await expectSameGroup(60)).toEqual([0, 0, 0]);
  expect(await kafkas("TopicCommand --describe --topic orders")).toMatch(/PartitionCount: 4\s.*retention\.ms=3600000/);
  expect(linesOf((await ours("consume orders --from-beginning --until end")).stdout)).toHaveLength(60);

  // And so it ends.
  await kafkas("TopicCommand --delete --topic orders");
  expect(await objectsOf("topics list")).toEqual([]);
  await stopServing();
  await ours("groups delete desk");
  expect(await objectsOf("groups list")).toEqual([]);
});
