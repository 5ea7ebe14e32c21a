/** kafkajs, driven by lines (driver.ts). */
import kafkajs from "kafkajs";
import { address, base64, bytes, say, serve } from "./lines.mjs";

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel, Partitioners } = kafkajs;
const kafka = new Kafka({ clientId: "driver", brokers: [address], logLevel: logLevel.NOTHING });
let admin;
let member;

async function administrator() {
  admin ??= kafka.admin();
  await admin.connect();
  return admin;
}

async function produce({ topic, codec, idempotent, records }) {
  const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = records.map(({ partition, timestamp, key, value, headers }) => {
    const named = {};
    for (const [name, text] of headers) named[name] = [...(named[name] ?? []), bytes(text)];
    for (const name of Object.keys(named)) if (named[name].length === 1) named[name] = named[name][0];
    return { partition, timestamp: String(timestamp), key: bytes(key), value: bytes(value), headers: named };
  });
  await producer.send({
    topic,
    messages,
    compression: CompressionTypes[codec === "none" ? "None" : codec.toUpperCase()],
  });
  await producer.disconnect();
}

function recordOf(partition, { offset, timestamp, key, value, headers }) {
  const pairs = Object.entries(headers ?? {}).flatMap(([name, text]) =>
    [text].flat().map((one) => [name, base64(one)]),
  );
  return {
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: base64(key),
    value: base64(value),
    headers: pairs,
  };
}

/** kafkajs reads in groups only: one of its own. */
async function consume({ topic, count }) {
  const consumer = kafka.consumer({ groupId: `reader-${process.pid}-${topic}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const records = [];
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async ({ partition, message }) => {
      records.push(recordOf(partition, message));
      if (records.length === count) resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return records;
}

async function join({ topic, group }) {
  member = kafka.consumer({ groupId: group, heartbeatInterval: 200, sessionTimeout: 6000, maxWaitTimeInMs: 100 });
  await member.connect();
  await member.subscribe({ topic, fromBeginning: true });
  const eachMessage = async ({ partition, message }) => say({ handled: recordOf(partition, message) });
  await member.run({ eachMessage, autoCommitThreshold: 1 });
}

async function leave() {
  const leaving = member;
  member = undefined;
  await leaving?.disconnect();
}

async function createTopic({ topic, partitions, configs }) {
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await (await administrator()).createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] });
}

async function describeConfigs({ topic }) {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }];
  const described = await (await administrator()).describeConfigs({ resources, includeSynonyms: false });
  return Object.fromEntries(
    described.resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue]),
  );
}

await serve(
  {
    produce,
    consume,
    join,
    leave,
    createTopic,
    describeConfigs,
    listTopics: async () => (await administrator()).listTopics(),
    describeTopic: async ({ topic }) =>
      (await (await administrator()).fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length,
    addPartitions: async ({ topic, count }) => {
      await (await administrator()).createPartitions({ topicPartitions: [{ topic, count }] });
    },
    deleteTopic: async ({ topic }) => (await administrator()).deleteTopics({ topics: [topic] }),
    listGroups: async () => (await (await administrator()).listGroups()).groups.map(({ groupId }) => groupId),
    describeGroup: async ({ group }) => {
      const [{ state, members }] = (await (await administrator()).describeGroups([group])).groups;
      return { state, members: members.length };
    },
    deleteGroup: async ({ group }) => {
      await (await administrator()).deleteGroups([group]);
    },
  },
  async () => {
    await leave();
    await admin?.disconnect();
  },
);
