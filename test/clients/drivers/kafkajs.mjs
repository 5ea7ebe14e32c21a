/** kafkajs, driven by lines (driver.ts). */
import kafkajs from "kafkajs";
import { address, base64, bytes, say, serve } from "./lines.mjs";

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel, Partitioners } = kafkajs;
const kafka = new Kafka({ clientId: "driver", brokers: [address], logLevel: logLevel.NOTHING });
let admin;
let member;
let transaction;
let transacting;

async function administrator() {
  admin ??= kafka.admin();
  await admin.connect();
  return admin;
}

async function produce({ topic, codec, idempotent, records }) {
  const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({
    topic,
    messages: messagesOf(records),
    compression: CompressionTypes[codec === "none" ? "None" : codec.toUpperCase()],
  });
  await producer.disconnect();
}

function messagesOf(records) {
  return records.map(({ partition, timestamp, key, value, headers }) => {
    const named = {};
    for (const [name, text] of headers) named[name] = [...(named[name] ?? []), bytes(text)];
    for (const name of Object.keys(named)) if (named[name].length === 1) named[name] = named[name][0];
    return { partition, timestamp: String(timestamp), key: bytes(key), value: bytes(value), headers: named };
  });
}

async function begun(transactionalId) {
  const settings = { transactionalId, idempotent: true, maxInFlightRequests: 1, retry: { retries: 2 } };
  transacting = kafka.producer({ ...settings, createPartitioner: Partitioners.DefaultPartitioner });
  await transacting.connect();
  transaction = await transacting.transaction();
}

async function begin({ transactionalId, topic, records }) {
  await begun(transactionalId);
  await transaction.send({ topic, messages: messagesOf(records) });
}

async function end({ commit }) {
  try {
    await (commit ? transaction.commit() : transaction.abort());
  } finally {
    await transacting.disconnect();
  }
}

async function transform({ transactionalId, topic, group, to, count, commit }) {
  const { consumer, read } = await firstOf(topic, group, count);
  await begun(transactionalId);
  await transaction.send({
    topic: to,
    messages: read.map(({ message: { key, value } }) => ({ partition: 0, key, value })),
  });
  const next = new Map(read.map(({ partition, message }) => [partition, String(Number(message.offset) + 1)]));
  const partitions = Array.from(next, ([partition, offset]) => ({ partition, offset }));
  await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] });
  await end({ commit });
  await consumer.disconnect();
}

/** The first records that a member of the group is given; it commits nothing. */
async function firstOf(topic, group, count) {
  const consumer = kafka.consumer({
    groupId: group,
    heartbeatInterval: 200,
    sessionTimeout: 6000,
    maxWaitTimeInMs: 100,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const read = [];
  await new Promise((resolve, reject) => {
    const eachMessage = async (message) => {
      if (read.length < count) read.push(message);
      if (read.length === count) resolve();
    };
    consumer.run({ autoCommit: false, eachMessage }).catch(reject);
  });
  return { consumer, read };
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
async function consume({ topic, count, committed }) {
  const groupId = `reader-${process.pid}-${topic}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, readUncommitted: !committed });
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
    begin,
    end,
    transform,
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
