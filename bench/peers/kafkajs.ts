/** kafkajs as a client of a real Kafka. */
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

/** A producer and an empty topic for it, which goes with it. */
export async function connectKafkajs(broker: string) {
  const { Kafka, logLevel } = load<Kafkajs>("kafkajs");
  const kafka = new Kafka({
    clientId: "bench",
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    requestTimeout: 120_000,
  });
  const admin = kafka.admin();
  await admin.connect();
  const topic = `single-${process.pid}-${topics++}`;
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const close = async () => {
    await producer.disconnect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
  };
  return { producer, topic, close };
}
