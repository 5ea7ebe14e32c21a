/**
 * The part of the tour about groups and clients: two members share the partitions of a topic, one leaves, and the other goes on
 * alone; then a client that is not ours reaches the same log through the listener.
 */
import type { Consumer, Topic, VarveLog } from "../index.ts";
import type { Guide } from "./guide.ts";
import { formatCount, plural } from "./numbers.ts";
import { Failure } from "./terminal.ts";
import { type KafkaClient, loadKafkaClient } from "./tour-kafkajs.ts";
import { keyAt, valueAt } from "./tour-records.ts";

const GROUP = "shipping";
const RECORDS = 10_000;
const AT_ONCE = 500;
/** What the client sends. */
const MESSAGES = 100;
const LOOK_AGAIN_MS = 10;
const LONGEST_MS = 10_000;

interface Member {
  name: string;
  consumer: Consumer<string>;
  /** How many records it has handled. */
  count: number;
  /** Rejects when it has failed. */
  done: Promise<void>;
}

/** Nothing may be missing, or handled twice. */
export async function shareGroup(guide: Guide, log: VarveLog, topic: Topic<string>): Promise<void> {
  const handled = new Set<string>();
  const problems: string[] = [];
  const anna = join(log, topic, "anna", handled, problems);
  const ben = join(log, topic, "ben", handled, problems);
  await untilShared(log, topic, [anna, ben]);
  await guide.tell(`${describe(anna)}; ${describe(ben)}`);
  await sendAndWait(guide, log, topic, 0);
  const counts = `anna handled ${formatCount(anna.count)}, ben ${formatCount(ben.count)}`;
  await guide.check(`both had their share: ${counts}`, anna.count * ben.count > 0 ? undefined : "one had nothing");
  await leave(ben);
  await untilShared(log, topic, [anna]);
  await guide.tell(`ben leaves, and the group rebalances: ${describe(anna)}`);
  await sendAndWait(guide, log, topic, RECORDS);
  await leave(anna);
  const lag = await lagOf(log);
  await guide.check("the lag went to zero", lag === 0 ? undefined : `it is ${lag}`);
  if (handled.size !== 2 * RECORDS) problems.push(`${handled.size} of ${2 * RECORDS} were handled`);
  await guide.check("every record was handled, and none twice", problems[0]);
}

/** A client writes what the log reads, and reads what the log wrote. Tells so where there is none. */
export async function meetClient(guide: Guide, log: VarveLog, topic: Topic<string>): Promise<void> {
  const { listen } = await import("../wire/index.ts");
  const listener = await listen(log, { port: 0 });
  const client = await loadKafkaClient(listener.address);
  if (client === undefined) await guide.tell("kafkajs is not installed here: this part is left out");
  else await exchange(guide, topic, client, listener.address);
  await listener.close();
}

async function exchange(guide: Guide, topic: Topic<string>, client: KafkaClient, address: string): Promise<void> {
  await guide.tell(`kafkajs connects to ${address}`);
  const before = (await topic.offsets("latest")).reduce((sum, { offset }) => sum + offset, 0);
  const texts = Array.from({ length: MESSAGES }, (_, index) => `message ${index} of kafkajs`);
  await client.send(topic.name, texts);
  await topic.send({ key: "reply", value: "a reply from this process" });
  const expected = [...texts, "a reply from this process"].sort().join();
  const here: string[] = [];
  for await (const { value } of topic.read()) here.push(value as string);
  const isHere = here.length === before + MESSAGES + 1 && here.filter(isOfTheExchange).sort().join() === expected;
  await guide.check(`the log has the ${MESSAGES} messages of kafkajs`, isHere ? undefined : "they are not in it");
  const there = (await client.read(topic.name, here.length)).filter(isOfTheExchange).sort().join();
  await guide.check(
    "kafkajs reads them all, and what this process wrote",
    there === expected ? undefined : "it does not",
  );
}

const isOfTheExchange = (text: string) => text.startsWith("message ") || text.startsWith("a reply ");

function join(log: VarveLog, topic: Topic<string>, name: string, handled: Set<string>, problems: string[]): Member {
  const consumer = log.consumer<string>({ topics: [topic], group: GROUP, autoCommit: false });
  const member: Member = { name, consumer, count: 0, done: Promise.resolve() };
  member.done = (async () => {
    for await (const batch of consumer.batches()) {
      for (const { partition, offset } of batch) {
        const place = `${partition}/${offset}`;
        if (handled.has(place)) problems.push(`${place} was handled twice`);
        handled.add(place);
        member.count++;
      }
      await batch.commit();
    }
  })();
  member.done.catch((error) => problems.push(`${name} failed: ${error}`));
  return member;
}

async function leave({ consumer, done }: Member): Promise<void> {
  await consumer.close();
  await done;
}

async function sendAndWait(guide: Guide, log: VarveLog, topic: Topic<string>, from: number): Promise<void> {
  const producer = log.producer();
  let most = 0;
  for (let start = from; start < from + RECORDS; start += AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, index) => start + index);
    await producer.sendBatch(
      topic,
      numbers.map((number) => ({ key: keyAt(number), value: valueAt(number) })),
    );
    most = Math.max(most, await lagOf(log));
    await guide.pause();
  }
  await producer.close();
  await log.group(GROUP).caughtUp([topic]);
  await guide.tell(
    `${plural(RECORDS, "record")} came in: the lag was ${formatCount(most)}, and is ${await lagOf(log)}`,
  );
}

async function lagOf(log: VarveLog): Promise<number> {
  return (await log.group(GROUP).lag()).reduce((sum, { lag }) => sum + lag, 0);
}

/** Until these members, and nobody else, have all partitions among them. */
async function untilShared(log: VarveLog, topic: Topic<string>, members: readonly Member[]): Promise<void> {
  const end = performance.now() + LONGEST_MS;
  for (;;) {
    const group = await log.group(GROUP).describe();
    const counts = members.map(({ consumer }) => consumer.assignment.length);
    const isAll = counts.reduce((sum, count) => sum + count, 0) === topic.partitionCount && !counts.includes(0);
    if (group.state === "Stable" && group.members.length === members.length && isAll) return;
    if (performance.now() > end)
      throw new Failure(`the group is ${group.state}, its members have ${counts} partitions`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function describe({ name, consumer }: Member): string {
  const partitions = consumer.assignment.map(({ partition }) => partition).sort();
  return `${name} has the ${partitions.length === 1 ? "partition" : "partitions"} ${partitions.join(", ")}`;
}
