/** @platformatic/kafka, driven by lines (driver.ts). VARVE_CLIENTS is where it is installed. */
import { createRequire } from "node:module";
import { join as joinPath } from "node:path";
import { pathToFileURL } from "node:url";
import { address, base64, bytes, say, serve } from "./lines.mjs";

const require = createRequire(joinPath(process.env.VARVE_CLIENTS, "npm/package.json"));
const { Admin, Consumer, Producer } = await import(pathToFileURL(require.resolve("@platformatic/kafka")));

const base = { clientId: "driver", bootstrapBrokers: [address] };
const TOPIC = 2;
const SET = 0;
const [READ_UNCOMMITTED, READ_COMMITTED] = [0, 1];
let administrator;
let member;
let transaction;
/** By transactional id: a second producer would say that it has the id 0 and the epoch 0, and be fenced. */
const transacting = new Map();

function admin() {
  administrator ??= new Admin(base);
  return administrator;
}

async function produce({ topic, codec, idempotent, records }) {
  const producer = new Producer({ ...base, idempotent, compression: codec });
  await producer.send({ messages: messagesOf(topic, records), acks: -1 });
  await producer.close();
}

function messagesOf(topic, records) {
  return records.map(({ partition, timestamp, key, value, headers }) => ({
    topic,
    partition,
    timestamp: BigInt(timestamp),
    key: bytes(key),
    value: bytes(value),
    headers: new Map(headers.map(([name, text]) => [Buffer.from(name), bytes(text)])),
  }));
}

async function begun(transactionalId) {
  const producer =
    transacting.get(transactionalId) ?? new Producer({ ...base, idempotent: true, transactionalId, retries: 2 });
  transacting.set(transactionalId, producer);
  transaction = await producer.beginTransaction();
}

async function begin({ transactionalId, topic, records }) {
  await begun(transactionalId);
  await transaction.send({ messages: messagesOf(topic, records), acks: -1 });
}

async function end({ commit }) {
  await (commit ? transaction.commit() : transaction.abort());
}

async function transform({ transactionalId, topic, group, to, count, commit }) {
  const consumer = new Consumer({
    ...base,
    groupId: group,
    maxWaitTime: 100,
    sessionTimeout: 6000,
    rebalanceTimeout: 6000,
  });
  const modes = { mode: "committed", fallbackMode: "earliest", autocommit: false };
  const stream = await consumer.consume({ topics: [topic], ...modes });
  const read = [];
  for await (const message of stream) {
    read.push(message);
    if (read.length === count) break;
  }
  await begun(transactionalId);
  await transaction.send({
    messages: read.map(({ key, value }) => ({ topic: to, partition: 0, key, value })),
    acks: -1,
  });
  await transaction.addConsumer(consumer);
  for (const message of read) await transaction.addOffset(message);
  await end({ commit });
  await consumer.close(true);
}

function recordOf({ partition, offset, timestamp, key, value, headers }) {
  const pairs = [...headers].map(([name, text]) => [name.toString(), base64(text)]);
  return {
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: base64(key),
    value: base64(value),
    headers: pairs,
  };
}

/** It reads in groups only: one of its own. */
async function consume({ topic, count, committed }) {
  const isolationLevel = committed ? READ_COMMITTED : READ_UNCOMMITTED;
  const consumer = new Consumer({
    ...base,
    groupId: `reader-${process.pid}-${topic}`,
    maxWaitTime: 100,
    isolationLevel,
  });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  const records = [];
  for await (const message of stream) {
    records.push(recordOf(message));
    if (records.length === count) break;
  }
  await consumer.close(true);
  return records;
}

async function join({ topic, group }) {
  const consumer = new Consumer({
    ...base,
    groupId: group,
    maxWaitTime: 100,
    sessionTimeout: 6000,
    rebalanceTimeout: 6000,
    heartbeatInterval: 200,
  });
  member = consumer;
  const stream = await consumer.consume({
    topics: [topic],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: false,
  });
  const handle = async () => {
    for await (const message of stream) {
      say({ handled: recordOf(message) });
      await message.commit();
    }
  };
  handle().catch((error) => process.stderr.write(`${error.stack}\n`));
}

async function leave() {
  const leaving = member;
  member = undefined;
  await leaving?.close(true);
}

async function describeConfigs({ topic }) {
  const resources = [{ resourceType: TOPIC, resourceName: topic }];
  const [{ configs }] = await admin().describeConfigs({ resources });
  return Object.fromEntries(configs.map(({ name, value }) => [name, value]));
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
    createTopic: async ({ topic, partitions, configs }) => {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await admin().createTopics({ topics: [topic], partitions, replicas: 1, configs: entries });
    },
    listTopics: () => admin().listTopics(),
    describeTopic: async ({ topic }) =>
      (await admin().metadata({ topics: [topic], forceUpdate: true })).topics.get(topic).partitionsCount,
    addPartitions: ({ topic, count }) =>
      admin().createPartitions({ topics: [{ name: topic, count, assignments: null }] }),
    describeConfigs,
    alterConfigs: ({ topic, configs }) => {
      const changes = Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: SET }));
      return admin().incrementalAlterConfigs({
        resources: [{ resourceType: TOPIC, resourceName: topic, configs: changes }],
      });
    },
    deleteTopic: ({ topic }) => admin().deleteTopics({ topics: [topic] }),
    listGroups: async () => [...(await admin().listGroups()).keys()],
    describeGroup: async ({ group }) => {
      const found = (await admin().describeGroups({ groups: [group] })).get(group);
      return {
        state: `${found.state[0].toUpperCase()}${found.state.slice(1).toLowerCase()}`,
        members: found.members.size,
      };
    },
    deleteGroup: ({ group }) => admin().deleteGroups({ groups: [group] }),
  },
  async () => {
    await leave();
    for (const producer of transacting.values()) await producer.close();
    await administrator?.close();
  },
);
