/** One group, members on both sides of the socket: consumers of this process and kafkajs share a topic. */
import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { open } from "../../src/index.ts";
import { listen } from "../../src/wire/index.ts";

const PARTITIONS = 4;

it("every record is handled once, and each side takes over from the other", async () => {
  const log = await open(":memory:");
  const listener = await listen(log, { port: 0 });
  const topic = await log.createTopic<string>("t", { partitions: PARTITIONS, codec: "string" });
  const kafka = new Kafka({ brokers: [listener.address], logLevel: logLevel.NOTHING });
  const seen: string[] = [];
  let sent = 0;
  const sendSome = async () => {
    for (let i = 0; i < 20; i++, sent++) await topic.send({ partition: sent % PARTITIONS, value: String(sent) });
  };
  const allSeen = () => expect.poll(() => new Set(seen).size, { timeout: 15_000 }).toBe(sent);

  const inside = log.consumer<string>({ topics: [topic], group: "g" });
  const reading = (async () => {
    for await (const record of inside) seen.push(String(record.value));
  })();
  await sendSome();
  await allSeen();
  expect(inside.assignment).toHaveLength(PARTITIONS);

  const outside = kafka.consumer({ groupId: "g", heartbeatInterval: 100, sessionTimeout: 6000, maxWaitTimeInMs: 100 });
  await outside.connect();
  await outside.subscribe({ topics: ["t"], fromBeginning: true });
  await outside.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
  await expect.poll(() => inside.assignment.length, { timeout: 15_000 }).toBe(PARTITIONS / 2);
  await expect.poll(async () => (await log.group("g").describe()).state, { timeout: 15_000 }).toBe("Stable");
  const { members, assignor } = await log.group("g").describe();
  expect(assignor).toBe("RoundRobinAssigner");
  expect(members.map(({ host }) => host).sort()).toEqual(["/127.0.0.1", "in-process"]);
  await sendSome();
  await allSeen();
  expect(seen).toHaveLength(sent);

  await outside.disconnect();
  await expect.poll(() => inside.assignment.length, { timeout: 15_000 }).toBe(PARTITIONS);
  await sendSome();
  await allSeen();
  await log.close();
  await reading;
});
