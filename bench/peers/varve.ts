/**
 * varve itself, as it ships: dist/, which `npm run bench` has just built. "varve" is the engine that `open` chooses by itself, and the
 * mode says which that was; "varve ts" is asked for in TypeScript.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  Consumer,
  ConsumerRecord,
  Durability,
  OpenOptions,
  Producer,
  RecordBatch,
  Topic,
  VarveLog,
} from "../../src/index.ts";
import { root } from "../places.ts";
import { NotThere } from "../question.ts";
import type { BenchRecord } from "../records.ts";
import type { Store, StoreKind } from "./store.ts";

export type Engine = NonNullable<OpenOptions["engine"]>;

type BytesRecord = ConsumerRecord<Uint8Array, Uint8Array>;

export async function openVarve(folder: string, options: OpenOptions = {}): Promise<VarveLog> {
  const { open } = await loadVarve();
  return open(folder, options);
}

function loadVarve(): Promise<typeof import("../../src/index.ts")> {
  return import(pathToFileURL(join(root, "dist/index.js")).href);
}

export const TOPIC = "orders";

export interface VarveKind {
  engine?: Engine;
  durability?: Durability;
  flushMs?: number;
  scan?: Scan;
}

export function varve({
  engine = "auto",
  durability = "process",
  flushMs = 1000,
  scan = eager,
}: VarveKind = {}): StoreKind {
  return {
    append: `await sendBatch, durability ${durability}; codec bytes, Buffer`,
    scan: scan.mode,
    get: "await topic.get; codec bytes, key as string, value as Uint8Array",
    load: loadVarve,
    async open(folder) {
      const log = await openVarve(folder, { engine, durability, flushMs });
      const topic = await log.createTopic<Uint8Array>(TOPIC, { codec: "bytes", ifNotExists: true });
      return new VarveStore(log, topic, scan);
    },
  };
}

/** A way to go through all records. */
export interface Scan {
  mode: string;
  run(log: VarveLog, topic: Topic<Uint8Array>): Promise<number>;
}

export const eager: Scan = {
  mode: "for await of a consumer, CRC checked; codec bytes, key and value as Uint8Array",
  async run(log, topic) {
    let bytes = 0;
    for await (const record of consumerOf(log, topic)) bytes += lengths(record);
    return bytes;
  },
};

export const eagerBatches: Scan = {
  mode: "for await of consumer.batches(), CRC checked; codec bytes, key and value as Uint8Array",
  run: (log, topic) => overBatches(consumerOf(log, topic).batches(), lengths),
};

export const recycled: Scan = {
  mode: "for await of consumer.batches({ reuse: true }), CRC checked; codec bytes, key and value as Uint8Array",
  async run(log, topic) {
    const consumer = consumerOf(log, topic);
    try {
      return await overBatches(consumer.batches({ reuse: true as boolean as false }), lengths);
    } catch (error) {
      if ((error as { option?: string }).option !== "reuse") throw error;
      throw new NotThere("this version does not recycle batches");
    }
  },
};

/** Nothing of a record is decoded: what is added up are its offset's steps. */
export const lazy: Scan = {
  mode: "for await of consumer.batches(), CRC checked; record objects, neither key nor value touched",
  run: (log, topic) => overBatches(consumerOf(log, topic).batches(), ({ offset }) => (offset >= 0 ? 1 : 0)),
};

function consumerOf(log: VarveLog, topic: Topic<Uint8Array>): Consumer<Uint8Array, Uint8Array> {
  return log.consumer<Uint8Array>({ topics: [topic], until: "end", keyCodec: "bytes" });
}

async function overBatches(
  batches: AsyncIterable<RecordBatch<Uint8Array, Uint8Array>>,
  weigh: (record: BytesRecord) => number,
): Promise<number> {
  let sum = 0;
  for await (const batch of batches) for (const record of batch) sum += weigh(record);
  return sum;
}

function lengths({ key, value }: BytesRecord): number {
  return key!.length + value!.length;
}

export class VarveStore implements Store {
  readonly log: VarveLog;
  readonly topic: Topic<Uint8Array>;
  readonly producer: Producer;
  readonly #scan: Scan;

  constructor(log: VarveLog, topic: Topic<Uint8Array>, scan: Scan) {
    this.log = log;
    this.topic = topic;
    this.producer = log.producer();
    this.#scan = scan;
  }

  get note(): string {
    return `engine ${this.log.engine}`;
  }

  append(records: readonly BenchRecord<Buffer>[]): Promise<unknown> {
    return this.producer.sendBatch(this.topic, records);
  }

  scan(): Promise<number> {
    return this.#scan.run(this.log, this.topic);
  }

  async get(offset: number): Promise<number> {
    const record = await this.topic.get(0, offset);
    return record!.key!.length + record!.value!.length;
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
