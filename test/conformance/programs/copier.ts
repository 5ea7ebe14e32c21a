/**
 * Consumes, transforms and produces, exactly once: fills a topic unless that is done, then copies it in transactions to
 * two others, with the offsets in the same transactions. Some transactions it aborts on purpose. Ends when everything
 * is copied.
 */
import { randomFrom, say, told, type Varve } from "./speaking.ts";

const { varve, data, records, seed, durability } = told<{
  /** In each partition. */
  records: number;
  seed: number;
  durability: "process" | "power";
}>();
const { open }: Varve = await import(varve);
const PARTITIONS = 2;
const random = randomFrom(seed);

class OnPurpose extends Error {}

const log = await open(data, { durability });
const input = await log.createTopic<string>("input", { partitions: PARTITIONS, ifNotExists: true });
const outputs = ["copy-a", "copy-b"];
await log.createTopic("copy-a", { partitions: 2, ifNotExists: true, segmentBytes: 4096 });
await log.createTopic("copy-b", { ifNotExists: true });
await fill();
say({ type: "opened" });

const producer = log.producer({ transactionalId: "copier" });
while ((await lag()) > 0) {
  try {
    await copy();
  } catch (error) {
    if (!(error instanceof OnPurpose)) throw error;
  }
}
await log.close();
say({ type: "closed" });

async function fill(): Promise<void> {
  for (const { partition, offset } of await input.offsets("latest")) {
    const missing = Array.from({ length: Math.max(0, records - offset) }, (_, index) => ({
      partition,
      value: `${partition}/${offset + index}`,
    }));
    if (missing.length > 0) await log.producer().sendBatch(input, missing);
  }
}

async function copy(): Promise<void> {
  const consumer = log.consumer<string>({ topics: [input], group: "copiers", autoCommit: false, until: "end" });
  try {
    for await (const batch of consumer.batches({ maxRecords: 1 + Math.floor(random() * 5) })) {
      await producer.transaction(async (tx) => {
        for (const { key, value } of batch) for (const output of outputs) tx.send(output, { key, value });
        if (random() < 0.3) await producer.flush();
        tx.commitOffsets(consumer);
        if (random() < 0.1) throw new OnPurpose();
      });
      say({ type: "copied" });
    }
  } finally {
    await consumer.close();
  }
}

async function lag(): Promise<number> {
  const lags = await log.group("copiers").lag();
  if (lags.length === 0) return PARTITIONS * records;
  return PARTITIONS * records - lags.reduce((sum, { committed = 0 }) => sum + committed, 0);
}
