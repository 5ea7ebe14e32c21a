/** kafkajs as a client of a real Kafka, and for what has to be made and removed there: it starts faster than a tool in Java. */
import { load } from "./load-package.ts";

interface Producer {
  connect(): Promise<void>;
  send(request: { topic: string; acks: number; messages: { key: Buffer; value: Buffer }[] }): Promise<unknown>;
  disconnect(): Promise<void>;
}

interface Admin {
  connect(): Promise<void>;
  createTopics(request: { topics: { topic: string; numPartitions: number }[] }): Promise<boolean>;
  deleteTopics(request: { topics: string[] }): Promise<void>;
  disconnect(): Promise<void>;
}

interface Kafkajs {
  Kafka: new (options: object) => { producer(options: object): Producer; admin(): Admin };
  logLevel: { NOTHING: number };
}

let topics = 0;

function connect(broker: string) {
  const { Kafka, logLevel } = load<Kafkajs>("kafkajs");
  return new Kafka({
    clientId: "bench",
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    requestTimeout: 120_000,
  });
}

/** A producer and an empty topic for it, which goes with it. */
export async function connectKafkajs(broker: string) {
  const topic = `single-${process.pid}-${topics++}`;
  await createTopic(broker, topic);
  const producer = connect(broker).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const close = async () => {
    await producer.disconnect();
    await deleteTopic(broker, topic);
  };
  return { producer, topic, close };
}

/** With one partition. */
export function createTopic(broker: string, topic: string): Promise<void> {
  return administer(broker, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }));
}

export function deleteTopic(broker: string, topic: string): Promise<void> {
  return administer(broker, (admin) => admin.deleteTopics({ topics: [topic] }));
}

async function administer(broker: string, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = connect(broker).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}
