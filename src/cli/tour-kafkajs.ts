/**
 * kafkajs, for the tour: a client that others wrote. It is no dependency of the package, so it may be missing; the little that
 * is used of it is declared here.
 */

/** What the tour does with a client. */
export interface KafkaClient {
  send(topic: string, texts: readonly string[]): Promise<void>;
  /** The first `count` values, from the beginning. */
  read(topic: string, count: number): Promise<string[]>;
}

interface Connected {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

interface Producer extends Connected {
  send(batch: { topic: string; messages: { value: string }[] }): Promise<unknown>;
}

interface Consumer extends Connected {
  subscribe(to: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(options: { eachMessage(payload: { message: { value: Uint8Array | null } }): Promise<void> }): Promise<void>;
}

interface Kafka {
  producer(options: object): Producer;
  consumer(options: { groupId: string; heartbeatInterval: number; maxWaitTimeInMs: number }): Consumer;
}

interface KafkaJs {
  Kafka: new (options: { brokers: string[]; logLevel: number }) => Kafka;
  Partitioners: { DefaultPartitioner: unknown };
}

/** By a name that no bundler follows. */
const PACKAGE: string = "kafkajs";
const SILENT = 0;

/** Undefined where kafkajs is not installed. */
export async function loadKafkaClient(address: string): Promise<KafkaClient | undefined> {
  const kafkajs = await load();
  if (kafkajs === undefined) return undefined;
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: SILENT });
  return {
    async send(topic, texts) {
      const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
      await producer.connect();
      await producer.send({ topic, messages: texts.map((value) => ({ value })) });
      await producer.disconnect();
    },
    async read(topic, count) {
      const consumer = kafka.consumer({ groupId: "kafkajs", heartbeatInterval: 1000, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      const texts: string[] = [];
      await new Promise<void>((resolve, reject) => {
        const eachMessage = async ({ message }: { message: { value: Uint8Array | null } }) => {
          texts.push(Buffer.from(message.value ?? []).toString("utf8"));
          if (texts.length === count) resolve();
        };
        consumer.run({ eachMessage }).catch(reject);
      });
      await consumer.disconnect();
      return texts;
    },
  };
}

async function load(): Promise<KafkaJs | undefined> {
  try {
    const loaded = await import(PACKAGE);
    return loaded.default ?? loaded;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
